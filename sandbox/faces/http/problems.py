"""Every error as one `application/problem+json` document (RFC 9457), whatever raised it.

The refusals that only HTTP knows (a wrong method, an Accept it cannot meet) are shades of the closed set: they carry its
codes with another status, so a client rebuilds one of the known classes from any answer.
"""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from sandbox.terms.refusal import (
    Fault,
    MalformedRequest,
    NotFound,
    NotNow,
    NotSignedIn,
    RequestTooLarge,
    SandboxError,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1


class MethodNotAllowed(MalformedRequest):
    """405."""

    status = 405


class NotAcceptable(MalformedRequest):
    """406."""

    status = 406


class BodyTooSlow(MalformedRequest):
    """408."""

    status = 408


class WrongHost(MalformedRequest):
    """421: the Host header names another server (DNS rebinding ends here)."""

    status = 421


class MediaTypeNotTaken(MalformedRequest):
    """415."""

    status = 415


class HeadersTooLarge(RequestTooLarge):
    """431."""

    status = 431


def from_status(status: int) -> SandboxError:
    """The refusal for a bare HTTP status, as the router raises it for unknown paths and methods."""
    match status:
        case 404:
            return NotFound("No such address.")
        case 405:
            return MethodNotAllowed("This address does not take that method.")
        case 413:
            return RequestTooLarge()
        case 415:
            return MediaTypeNotTaken()
        case _ if 400 <= status < 500:
            return MalformedRequest()
        case _:
            return Fault()


def problem_response(
    error: SandboxError, *, path: str, request_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The response that says `error`: its document, plus where it happened and under which request id."""
    document: dict[str, Any] = error.problem() | {"instance": path, "request_id": request_id}
    extra = dict(headers or {})
    if isinstance(error, NotSignedIn):
        extra["WWW-Authenticate"] = "Bearer"
    if error.status == 503 and isinstance(error, NotNow):
        extra["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Response(
        json.dumps(document, ensure_ascii=True, allow_nan=False).encode("ascii"),
        status_code=error.status,
        headers=extra,
        media_type=MEDIA_TYPE,
    )
