"""Health and the enclave's public facts: what anyone may read, and what a client pins."""

from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from sandbox.faces.http.incoming import FaceHere, only
from sandbox.faces.http.state import READY
from sandbox.service import about

router = APIRouter(prefix="/v1", tags=["enclave"], dependencies=[Depends(only())])


@router.get("/health", summary="starting, ready or sealed")
def health(face: FaceHere) -> Response:
    state = face.ready()
    if state == READY:
        state = about.health(face.enclave)
    return JSONResponse({"status": state}, status_code=200 if state == READY else 503)


@router.get("/enclave", summary="Name, keys, clock, confinement")
def enclave(face: FaceHere) -> dict[str, Any]:
    face.check_open(evidence=True)
    return about.about(face.enclave).to_json()
