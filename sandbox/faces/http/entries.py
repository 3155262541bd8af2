"""The officer's looks into the log: search, one entry, the request sealed in it.

Searching and opening write an entry of their own, so they need an enclave that is ready; one entry can be shown while
the enclave is sealed.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from sandbox.faces.http import schemas
from sandbox.faces.http.incoming import Caller, EvidenceCaller, FaceHere, body_of, index_number, only
from sandbox.faces.http.paths import LogIndex
from sandbox.faces.http.reference import takes
from sandbox.service import search_log
from sandbox.service.found_entries import EntryFilter

router = APIRouter(prefix="/v1/log", tags=["log"])


@router.post(
    "/search",
    summary="Search the log, newest first",
    dependencies=[Depends(only())],
    openapi_extra=takes(schemas.SearchLog),
)
def search(
    face: FaceHere, person: Caller, body: Annotated[schemas.SearchLog, Depends(body_of(schemas.SearchLog))]
) -> dict[str, Any]:
    wanted = EntryFilter(
        **body.model_dump(exclude={"since", "until", "text", "before", "limit"}),
        since=schemas.utc(body.since) if body.since is not None else None,
        until=schemas.utc(body.until) if body.until is not None else None,
    )
    limit = search_log.PAGE if body.limit is None else body.limit
    return search_log.search(face.enclave, person, wanted, text=body.text, before=body.before, limit=limit).to_json()


@router.get("/entries/{index}", summary="One entry with its inclusion proof", dependencies=[Depends(only())])
def show(face: FaceHere, person: EvidenceCaller, index: LogIndex) -> dict[str, Any]:
    return search_log.show(face.enclave, person, index_number(index, "index")).to_json()


@router.post(
    "/entries/{index}/open",
    summary="The request sealed in an entry, for a reason",
    dependencies=[Depends(only())],
    openapi_extra=takes(schemas.OpenEntry),
)
def open_sealed(
    face: FaceHere,
    person: Caller,
    index: LogIndex,
    body: Annotated[schemas.OpenEntry, Depends(body_of(schemas.OpenEntry))],
) -> dict[str, Any]:
    return search_log.open_sealed(face.enclave, person, index_number(index, "index"), body.reason).to_json()
