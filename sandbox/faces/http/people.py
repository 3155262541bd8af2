"""People: enrolment and who you are."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from sandbox.faces.http.incoming import Caller, FaceHere, body_of, only
from sandbox.faces.http.reference import takes
from sandbox.faces.http.schemas import EnrolPerson
from sandbox.service import people

router = APIRouter(prefix="/v1", tags=["people"], dependencies=[Depends(only())])


@router.post("/people", summary="Enrol a person", status_code=201, openapi_extra=takes(EnrolPerson))
def enrol(
    face: FaceHere, person: Caller, body: Annotated[EnrolPerson, Depends(body_of(EnrolPerson))]
) -> dict[str, Any]:
    enrolled, token = people.enrol(
        face.enclave, person, body.name, body.organisation, body.role, identity=body.identity or ""
    )
    return {
        "name": enrolled.name,
        "organisation": enrolled.organisation,
        "role": enrolled.role.value,
        "identity": enrolled.identity,
        "token": token,
    }


@router.get("/me", summary="Who you are, your keys, and whether you are frozen")
def me(face: FaceHere, person: Caller) -> dict[str, Any]:
    return people.me(face.enclave, person).to_json()
