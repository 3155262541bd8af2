"""Queries and their releases."""

import asyncio
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from sandbox.faces.http.incoming import Caller, FaceHere, SpendingKey, WaitSeconds, body_of, only, required
from sandbox.faces.http.paths import QueryId
from sandbox.faces.http.reference import takes
from sandbox.faces.http.schemas import AskQuery, Nothing
from sandbox.faces.http.state import Face
from sandbox.service import check_query, read_query, read_release, review_desk, submit_query
from sandbox.service.ask import QueryRequest
from sandbox.service.line import Ticket
from sandbox.service.views import QueryView
from sandbox.terms.people import Person
from sandbox.terms.refusal import MalformedRequest

router = APIRouter(prefix="/v1", tags=["queries"], dependencies=[Depends(only())])


@router.post("/queries", summary="Ask, or with dry_run only check", openapi_extra=takes(AskQuery))
async def ask(
    request: Request,
    face: FaceHere,
    person: Caller,
    body: Annotated[AskQuery, Depends(body_of(AskQuery))],
    key: SpendingKey,
    seconds: WaitSeconds,
) -> Response:
    asked = QueryRequest(
        sql=body.sql,
        purpose=body.purpose,
        epsilon=body.epsilon,
        need=body.need or "",
        key=body.key or "",
        signature=body.signature or "",
    )
    if body.dry_run:
        quote = await run_in_threadpool(check_query.check, face.enclave, person, asked, body.picture or "")
        return JSONResponse(quote.to_json())
    if body.picture is not None:
        raise MalformedRequest("picture is drawn by a dry run only.", fields=["picture"])
    idempotency_key = required(key)
    _check_signed(body)
    ticket = Ticket()
    watching = asyncio.create_task(_give_up(request, ticket))
    try:
        view = await to_thread.run_sync(
            submit_query.submit, face.enclave, person, asked, idempotency_key, ticket, limiter=face.asking
        )
    finally:
        watching.cancel()
    view = await _waited(face, person, view, seconds)
    return JSONResponse(view.to_json(), status_code=202, headers={"Location": f"/v1/queries/{view.id}"})


@router.get("/queries", summary="Queries, newest first")
def listed(face: FaceHere, person: Caller) -> dict[str, Any]:
    return {"queries": [view.to_json() for view in read_query.listed(face.enclave, person)]}


@router.get("/queries/{query}", summary="One query")
async def one(face: FaceHere, person: Caller, query: QueryId, seconds: WaitSeconds) -> dict[str, Any]:
    view = await run_in_threadpool(read_query.view, face.enclave, person, query)
    return (await _waited(face, person, view, seconds)).to_json()


@router.post(
    "/queries/{query}/withdrawal",
    summary="Take back a query whose answer waits for review",
    description="The loss stays spent. A review ends once, so a second call is refused by its state: no retry key is needed.",
    openapi_extra=takes(Nothing),
)
def withdraw(
    face: FaceHere, person: Caller, query: QueryId, _: Annotated[Nothing, Depends(body_of(Nothing))]
) -> dict[str, Any]:
    return review_desk.withdraw(face.enclave, person, query).to_json()


@router.get("/releases/{query}", summary="What left for one query: sealed to your keys, with its proofs")
async def release(face: FaceHere, person: Caller, query: QueryId, seconds: WaitSeconds) -> dict[str, Any]:
    if seconds and face.waiting.available_tokens >= 1:
        found = await to_thread.run_sync(
            read_release.release, face.enclave, person, query, seconds, limiter=face.waiting, abandon_on_cancel=True
        )
    else:
        found = await run_in_threadpool(read_release.release, face.enclave, person, query)
    return found.to_json()


async def _give_up(request: Request, ticket: Ticket) -> None:
    """Who hangs up while in the line has asked nothing. The body has been read, so all that can come is the end."""
    while (await request.receive())["type"] != "http.disconnect":
        continue
    ticket.give_up()


def _check_signed(body: AskQuery) -> None:
    missing = [name for name, value in (("key", body.key), ("signature", body.signature)) if value is None]
    if missing:
        names = " and ".join(missing)
        raise MalformedRequest(f"{names} must come with a query that is to run: it is signed.", fields=missing)


async def _waited(face: Face, person: Person, view: QueryView, seconds: int) -> QueryView:
    if seconds == 0 or view.state != "running" or face.waiting.available_tokens < 1:
        return view
    return await to_thread.run_sync(
        read_query.wait, face.enclave, person, view.id, seconds, limiter=face.waiting, abandon_on_cancel=True
    )
