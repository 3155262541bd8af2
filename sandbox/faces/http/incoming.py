"""What every route asks of a request before the service is called: who, which body, which answer form.

What only looks at the request is `async`, though it waits for nothing: FastAPI takes anything else to another thread, and
that costs more than the look. Who asks is read from the ledger, on a thread.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Request

from sandbox.faces.http import schemas, strict_json
from sandbox.faces.http.problems import BodyTooSlow, MediaTypeNotTaken, NotAcceptable
from sandbox.faces.http.state import Face
from sandbox.service import identity
from sandbox.terms.people import Person
from sandbox.terms.refusal import IdempotencyKeyRequired, MalformedRequest, SignInRequired

MAX_WAIT_SECONDS = 60
BODY_SECONDS = 30

_BEARER = re.compile(r"Bearer ([\x21-\x7e]{8,512})", re.IGNORECASE)
_KEY = re.compile(r"[A-Za-z0-9._:-]{8,128}")
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?=$|[,;\s])")


async def face_of(request: Request) -> Face:
    """The face that serves this request."""
    face: Face = request.app.state.face
    return face


FaceHere = Annotated[Face, Depends(face_of)]


def _person(request: Request, face: Face, *, evidence: bool) -> Person:
    face.check_open(evidence=evidence)
    match = _BEARER.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        raise SignInRequired
    return identity.sign_in(face.enclave, match.group(1))


def caller(request: Request, face: FaceHere) -> Person:
    """Who asks.

    Raises:
        SignInRequired, EnclaveNotReady, EnclaveSealed.
    """
    return _person(request, face, evidence=False)


def evidence_caller(request: Request, face: FaceHere) -> Person:
    """Who asks for the log: also while the enclave is sealed, since an officer must then be able to look."""
    return _person(request, face, evidence=True)


Caller = Annotated[Person, Depends(caller)]
EvidenceCaller = Annotated[Person, Depends(evidence_caller)]


def body_of(model: type[schemas.BodyT]) -> Callable[[Request], Awaitable[schemas.BodyT]]:
    """A dependency that reads the body strictly as `model`."""

    async def read_body(request: Request) -> schemas.BodyT:
        media = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if media != "application/json":
            raise MediaTypeNotTaken("Send the body as application/json.")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise MediaTypeNotTaken("Send the body without Content-Encoding.")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.body()
        except TimeoutError:
            raise BodyTooSlow("The body did not arrive in time.") from None
        return schemas.read(model, strict_json.parse(body))

    return read_body


def index_number(text: str | None, where: str) -> int:
    """A log index or size.

    Raises:
        MalformedRequest: not a plain number below 10^15.
    """
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise MalformedRequest(f"{where} must be a whole number.", fields=[where])
    return int(text)


async def spending_key(idempotency_key: Annotated[str | None, Header()] = None) -> str | None:
    """The Idempotency-Key, if one came.

    Raises:
        MalformedRequest: it is not 8 to 128 plain characters.
    """
    if idempotency_key is not None and _KEY.fullmatch(idempotency_key) is None:
        raise MalformedRequest(
            "Idempotency-Key must be 8 to 128 letters, digits or . _ : -", fields=["Idempotency-Key"]
        )
    return idempotency_key


SpendingKey = Annotated[str | None, Depends(spending_key)]


def required(key: str | None) -> str:
    """`key`, which a call that can spend must carry."""
    if key is None:
        raise IdempotencyKeyRequired
    return key


async def wait_seconds(prefer: Annotated[str | None, Header()] = None) -> int:
    """Seconds the caller is ready to wait (RFC 7240 `Prefer: wait=N`), at most 60; 0 where it did not say."""
    match = _WAIT.search(prefer or "")
    return min(int(match.group(1)), MAX_WAIT_SECONDS) if match else 0


WaitSeconds = Annotated[int, Depends(wait_seconds)]


def only(media: str = "application/json", *parameters: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency: the answer is `media`, and no query parameter beyond `parameters` came, each at most once."""

    async def check(request: Request) -> None:
        names = [name for name, _ in request.query_params.multi_items()]
        if len(set(names)) != len(names) or not set(names) <= set(parameters):
            allowed = ", ".join(parameters) or "none"
            raise MalformedRequest(f"Query parameters taken here, once each: {allowed}.")
        if not accepts(request.headers.get("accept", "*/*"), media):
            raise NotAcceptable(f"This address answers with {media}.")

    return check


def accepts(header: str, media: str) -> bool:
    """Whether an Accept header takes `media` (RFC 9110 §12.5.1: the most specific range decides; q=0 refuses)."""
    kind = media.partition("/")[0]
    best: tuple[int, bool] = (-1, False)
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        rank = {"*/*": 0, f"{kind}/*": 1, media: 2}.get(name)
        if rank is None:
            continue
        refused = any(re.fullmatch(r"q=0(\.0{1,3})?", parameter) for parameter in parameters)
        if rank > best[0]:
            best = (rank, not refused)
    return best[1]
