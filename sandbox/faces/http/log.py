"""The log: checkpoint, proofs, export. Open to reading while the enclave is sealed."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from sandbox.faces.http.incoming import EvidenceCaller, FaceHere, index_number, only
from sandbox.faces.http.paths import LogIndex
from sandbox.service import read_log

router = APIRouter(prefix="/v1/log", tags=["log"])
NDJSON = "application/x-ndjson"


@router.get(
    "/checkpoint",
    summary="The newest signed checkpoint",
    dependencies=[Depends(only("text/plain"))],
    response_class=PlainTextResponse,
)
def checkpoint(face: FaceHere, person: EvidenceCaller) -> Response:
    return PlainTextResponse(read_log.checkpoint(face.enclave, person))


@router.get("/proof/inclusion/{index}", summary="Proof that an entry is in the log", dependencies=[Depends(only())])
def inclusion(face: FaceHere, person: EvidenceCaller, index: LogIndex) -> dict[str, Any]:
    return read_log.inclusion(face.enclave, person, index_number(index, "index")).to_json()


@router.get(
    "/proof/consistency",
    summary="Proof that the log only grew",
    dependencies=[Depends(only("application/json", "old", "new"))],
)
def consistency(
    face: FaceHere, person: EvidenceCaller, old: str | None = None, new: str | None = None
) -> dict[str, Any]:
    return read_log.consistency(face.enclave, person, index_number(old, "old"), index_number(new, "new")).to_json()


@router.get(
    "/export",
    summary="The whole log, to be verified offline",
    dependencies=[Depends(only(NDJSON))],
    response_class=StreamingResponse,
)
def export(face: FaceHere, person: EvidenceCaller) -> Response:
    lines = iter(read_log.export(face.enclave, person))
    first = next(lines)  # a refusal must come before the first byte
    return StreamingResponse(_ended(chain([first], lines)), media_type=NDJSON)


def _ended(lines: Iterator[str]) -> Iterator[bytes]:
    return (line.rstrip("\n").encode("utf-8") + b"\n" for line in lines)
