"""Requests for grants: an analyst asks, a steward of all the data decides."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from sandbox.faces.http.incoming import Caller, FaceHere, body_of, only
from sandbox.faces.http.paths import RequestId
from sandbox.faces.http.reference import takes
from sandbox.faces.http.schemas import ApproveRequest, Reasoned, RequestGrant, utc
from sandbox.service import decide_grant, request_grant

router = APIRouter(prefix="/v1/grant-requests", tags=["grants"], dependencies=[Depends(only())])


@router.post("", summary="Request a grant", status_code=201, openapi_extra=takes(RequestGrant))
def ask(face: FaceHere, person: Caller, body: Annotated[RequestGrant, Depends(body_of(RequestGrant))]) -> Response:
    view = request_grant.request(
        face.enclave,
        person,
        datasets=tuple(body.datasets),
        tables=_given(body.tables),
        columns=_given(body.columns),
        aggregates=_given(body.aggregates),
        purpose=body.purpose,
        epsilon=body.epsilon,
        uses=body.uses,
        not_before=utc(body.not_before) if body.not_before is not None else None,
        not_after=utc(body.not_after),
        reason=body.reason,
    )
    return JSONResponse(view.to_json(), status_code=201, headers={"Location": "/v1/grant-requests"})


@router.get("", summary="Requests you made, or may decide")
def listed(face: FaceHere, person: Caller) -> dict[str, Any]:
    return {"requests": [view.to_json() for view in request_grant.listed(face.enclave, person)]}


@router.post(
    "/{request}/approval",
    summary="Approve a request, as it is or narrower",
    description="A request is decided once, so a second approval is refused by its state: no retry key is needed.",
    status_code=201,
    openapi_extra=takes(ApproveRequest),
)
def approve(
    face: FaceHere,
    person: Caller,
    request: RequestId,
    body: Annotated[ApproveRequest, Depends(body_of(ApproveRequest))],
) -> Response:
    view = decide_grant.approve(
        face.enclave,
        person,
        request,
        epsilon=body.epsilon,
        uses=body.uses,
        tables=_given(body.tables),
        columns=_given(body.columns),
        aggregates=_given(body.aggregates),
        not_before=utc(body.not_before) if body.not_before is not None else None,
        not_after=utc(body.not_after) if body.not_after is not None else None,
        review=body.review,
    )
    shown = view.to_json()
    return JSONResponse(shown, status_code=201, headers={"Location": f"/v1/grants/{shown['id']}"})


@router.post(
    "/{request}/refusal",
    summary="Decline a request",
    description="A request is decided once, so a second refusal is refused by its state: no retry key is needed.",
    openapi_extra=takes(Reasoned),
)
def decline(
    face: FaceHere, person: Caller, request: RequestId, body: Annotated[Reasoned, Depends(body_of(Reasoned))]
) -> dict[str, Any]:
    return decide_grant.decline(face.enclave, person, request, body.reason).to_json()


def _given(items: list[Any] | None) -> tuple[Any, ...] | None:
    return tuple(items) if items is not None else None
