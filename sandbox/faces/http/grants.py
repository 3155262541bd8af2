"""Grants and accounts."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from sandbox.faces.http.incoming import Caller, FaceHere, body_of, only
from sandbox.faces.http.reference import takes
from sandbox.faces.http.schemas import GiveGrant
from sandbox.service import accounts, give_grant

router = APIRouter(prefix="/v1", tags=["grants"], dependencies=[Depends(only())])


@router.post("/grants", summary="Give a grant", status_code=201, openapi_extra=takes(GiveGrant))
def give(face: FaceHere, person: Caller, body: Annotated[GiveGrant, Depends(body_of(GiveGrant))]) -> dict[str, Any]:
    return give_grant.give(
        face.enclave,
        person,
        analyst=body.analyst,
        datasets=tuple(body.datasets),
        purpose=body.purpose,
        epsilon=body.epsilon,
        not_before=_moment(body.not_before) if body.not_before is not None else None,
        not_after=_moment(body.not_after),
    ).to_json()


@router.get("/grants", summary="Grants you may see")
def listed(face: FaceHere, person: Caller) -> dict[str, Any]:
    return {"grants": [view.to_json() for view in give_grant.listed(face.enclave, person)]}


@router.get("/accounts", summary="What you may still spend")
def mine(face: FaceHere, person: Caller) -> dict[str, Any]:
    return {"accounts": [view.to_json() for view in accounts.mine(face.enclave, person)]}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
