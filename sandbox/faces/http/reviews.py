"""Reviews: what waits for a decision, what a reviewer sees of it, and the vote."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from sandbox.faces.http.incoming import Caller, FaceHere, body_of, only
from sandbox.faces.http.paths import ReviewId
from sandbox.faces.http.reference import takes
from sandbox.faces.http.schemas import Vote
from sandbox.service import review_desk

router = APIRouter(prefix="/v1/reviews", tags=["reviews"], dependencies=[Depends(only())])


@router.get("", summary="Reviews that wait for a vote")
def listed(face: FaceHere, person: Caller) -> dict[str, Any]:
    return {"reviews": [view.to_json() for view in review_desk.listed(face.enclave, person)]}


@router.get(
    "/{review}",
    summary="What a reviewer sees: the ask in words, the cost, the noisy answer; never a row, never the query's text",
    description="Each look is written to the log before it is answered.",
)
def copy(face: FaceHere, person: Caller, review: ReviewId) -> dict[str, Any]:
    return review_desk.copy(face.enclave, person, review).to_json()


@router.post(
    "/{review}/votes",
    summary="Vote, with a reason, on what you saw",
    description="One human votes once a round, so the same vote sent again is refused by the review's state and counts "
    "nothing twice: no retry key is needed. A digest other than the review's is refused as changed.",
    status_code=201,
    openapi_extra=takes(Vote),
)
def vote(face: FaceHere, person: Caller, review: ReviewId, body: Annotated[Vote, Depends(body_of(Vote))]) -> Response:
    view = review_desk.vote(face.enclave, person, review, body.verdict, body.reason, body.digest)
    return JSONResponse(view.to_json(), status_code=201, headers={"Location": f"/v1/reviews/{review}"})
