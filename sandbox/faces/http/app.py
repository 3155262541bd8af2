"""The application: routes, error handlers, and the edge around them."""

from collections.abc import Callable, Collection

from anyio import CapacityLimiter
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sandbox.faces.http import (
    about,
    catalogue,
    datasets,
    entries,
    freezes,
    grant_requests,
    grants,
    keys,
    log,
    people,
    policy,
    queries,
    reference,
    reviews,
)
from sandbox.faces.http.edge import Edge
from sandbox.faces.http.problems import from_status, problem_response
from sandbox.faces.http.state import MAX_ASKING, MAX_WAITING, Face
from sandbox.service.enclave import Enclave
from sandbox.terms.refusal import MalformedRequest, SandboxError
from sandbox.terms.version import VERSION

PARTS = (
    about,
    people,
    keys,
    catalogue,
    datasets,
    grant_requests,
    grants,
    queries,
    reviews,
    freezes,
    policy,
    log,
    entries,
)


def create_app(enclave: Enclave, ready: Callable[[], str], *, hosts: Collection[str] = ()) -> FastAPI:
    """The HTTP face of `enclave`.

    `ready` gives "starting", "ready" or "sealed". `hosts` are the names under which the enclave is reached, besides
    those of the loopback interface; a request for any other Host is refused.
    """
    app = FastAPI(
        title="Trusted data-sharing sandbox",
        version=VERSION,
        description="Private answers from encrypted data, with proof of what left.",
        openapi_url=reference.URL,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.face = Face(enclave, ready, CapacityLimiter(MAX_WAITING), CapacityLimiter(MAX_ASKING))
    for part in PARTS:
        app.include_router(part.router)
    app.openapi = reference.document_of(app)  # type: ignore[method-assign]  # FastAPI's documented way
    app.add_exception_handler(SandboxError, _refused)
    app.add_exception_handler(HTTPException, _bare)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(Edge, hosts=tuple(hosts))
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, SandboxError)
    return problem_response(error, path=request.url.path, request_id=request.state.request_id)


async def _bare(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem_response(
        from_status(error.status_code),
        path=request.url.path,
        request_id=request.state.request_id,
        headers=error.headers,
    )


async def _invalid(request: Request, _: Exception) -> Response:
    # Everything is read by `schemas` and `incoming`; what FastAPI itself may still object to is said without its words.
    return problem_response(MalformedRequest(), path=request.url.path, request_id=request.state.request_id)
