"""Grants and accounts."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from sandbox.faces.http.incoming import Caller, FaceHere, body_of, only
from sandbox.faces.http.paths import GrantId
from sandbox.faces.http.reference import takes
from sandbox.faces.http.schemas import Reasoned
from sandbox.service import accounts, grants

router = APIRouter(prefix="/v1", tags=["grants"], dependencies=[Depends(only())])


@router.get("/grants", summary="Grants you may see")
def listed(face: FaceHere, person: Caller) -> dict[str, Any]:
    return {"grants": [view.to_json() for view in grants.listed(face.enclave, person)]}


@router.get("/grants/{grant}", summary="One grant and how it stands")
def one(face: FaceHere, person: Caller, grant: GrantId) -> dict[str, Any]:
    return grants.view(face.enclave, person, grant).to_json()


@router.post(
    "/grants/{grant}/revocation",
    summary="Revoke a grant: no new query, no release from here on",
    description="A grant is revoked once, so a second call is refused by its state: no retry key is needed.",
    openapi_extra=takes(Reasoned),
)
def revoke(
    face: FaceHere, person: Caller, grant: GrantId, body: Annotated[Reasoned, Depends(body_of(Reasoned))]
) -> dict[str, Any]:
    return grants.revoke(face.enclave, person, grant, body.reason).to_json()


@router.get("/accounts", summary="What you may still spend")
def mine(face: FaceHere, person: Caller) -> dict[str, Any]:
    return {"accounts": [view.to_json() for view in accounts.mine(face.enclave, person)]}
