"""A person's public keys: answers are sealed to one, submissions signed by the other."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from sandbox.faces.http.incoming import Caller, FaceHere, body_of, only
from sandbox.faces.http.reference import takes
from sandbox.faces.http.schemas import RegisterKeys
from sandbox.proof.signing import strict_base64
from sandbox.service import register_keys

router = APIRouter(prefix="/v1", tags=["people"], dependencies=[Depends(only())])


@router.post(
    "/me/keys",
    summary="Register the public halves of your keys",
    description="Later answers are sealed to these keys. Keys that are known are refused, so a second call with the same keys "
    "changes nothing: no retry key is needed.",
    status_code=201,
    openapi_extra=takes(RegisterKeys),
)
def register(face: FaceHere, person: Caller, body: Annotated[RegisterKeys, Depends(body_of(RegisterKeys))]) -> Response:
    view = register_keys.register(
        face.enclave,
        person,
        strict_base64(body.sealing),
        strict_base64(body.signing),
        strict_base64(body.proof),
        strict_base64(body.rotation) if body.rotation is not None else None,
    )
    return JSONResponse(view.to_json(), status_code=201, headers={"Location": "/v1/me"})
