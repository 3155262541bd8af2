"""Freezes: an officer stops a person, a grant or a dataset at once; two different officers lift it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from sandbox.faces.http.incoming import Caller, FaceHere, body_of, only
from sandbox.faces.http.paths import FreezeId
from sandbox.faces.http.reference import takes
from sandbox.faces.http.schemas import Reasoned, SetFreeze
from sandbox.service import freeze as freezing

router = APIRouter(prefix="/v1/freezes", tags=["freezes"], dependencies=[Depends(only())])


@router.post(
    "",
    summary="Freeze a person, a grant or a dataset",
    description="What is frozen cannot be frozen again, so a second call is refused by its state: no retry key is needed.",
    status_code=201,
    openapi_extra=takes(SetFreeze),
)
def begin(face: FaceHere, person: Caller, body: Annotated[SetFreeze, Depends(body_of(SetFreeze))]) -> Response:
    view = freezing.freeze(face.enclave, person, body.subject, body.name, body.reason)
    return JSONResponse(view.to_json(), status_code=201, headers={"Location": "/v1/freezes"})


@router.get("", summary="What is frozen")
def listed(face: FaceHere, person: Caller) -> dict[str, Any]:
    return {"freezes": [view.to_json() for view in freezing.listed(face.enclave, person)]}


@router.post(
    "/{freeze}/lift",
    summary="Agree to lift a freeze; it ends when a second officer agrees too",
    description="One human agrees once: the same call sent again is refused and lifts nothing, so no retry key is needed.",
    openapi_extra=takes(Reasoned),
)
def lift(
    face: FaceHere, person: Caller, freeze: FreezeId, body: Annotated[Reasoned, Depends(body_of(Reasoned))]
) -> dict[str, Any]:
    return freezing.lift(face.enclave, person, freeze, body.reason).to_json()
