"""The OpenAPI document: routes, bodies, and the one form in which every error comes."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from sandbox.faces.http import answers, schemas
from sandbox.terms.refusal import catalogue

URL = "/v1/openapi.json"

_REF = "#/components/schemas/"


def takes(model: type[schemas.Body]) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads `model`."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": _REF + model.__name__}}},
        }
    }


def document_of(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The function that FastAPI calls for the document; it is made once."""
    made: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        if not made:
            made.update(_document(app))
        return made

    return document


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, definitions = models_json_schema(
        [(model, "validation") for model in schemas.BODIES], ref_template=_REF + "{model}"
    )
    components = document.setdefault("components", {})
    components["schemas"] = dict(sorted((definitions["$defs"] | answers.SCHEMAS | {"Problem": _problem()}).items()))
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            route["responses"] = answers.responses(f"{method.upper()} {path}") | {
                "4XX": _refusal("A refusal: nothing was done, except where a proof of it is in the log"),
                "5XX": _refusal("503 while the enclave cannot answer, 500 for a fault of its own"),
            }
            if path in {"/v1/health", "/v1/enclave"}:
                route["security"] = []
    return document


def _refusal(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"schema": {"$ref": _REF + "Problem"}}}}


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    fields = (
        "type",
        "title",
        "title_zh",
        "detail",
        "advice",
        "advice_zh",
        "spent",
        "instance",
        "request_id",
        "rewrite",
    )
    return {
        "type": "object",
        "description": "RFC 9457; facts of the refusal come as further fields.",
        "properties": dict.fromkeys(fields, text)
        | {
            "status": {"type": "integer"},
            "code": {"type": "string", "enum": [kind.code for kind in catalogue()]},
            "span": {
                "type": "object",
                "properties": {name: {"type": "integer"} for name in ("line", "column", "length")},
            },
        },
        "required": ["type", "title", "status", "code", "detail", "advice", "spent"],
    }
