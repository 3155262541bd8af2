"""The names and ids in addresses. What no name or id of its kind can be is not found, like any that is not there."""

import re
from typing import Annotated, Any

from fastapi import Depends, Path

from sandbox.faces.http.fields import CROCKFORD
from sandbox.terms.refusal import NotFound

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_LOAD = re.compile(r"load_[0-9A-Za-z]{1,64}")
_GRANT, _REQUEST, _QUERY, _REVIEW, _FREEZE = (
    re.compile(f"{prefix}_{CROCKFORD}{{26}}") for prefix in ("g", "gr", "q", "rr", "f")
)


def _shown(pattern: re.Pattern[str]) -> dict[str, Any]:
    """What the OpenAPI document says of a parameter; FastAPI itself does not check it."""
    return {"pattern": f"^{pattern.pattern}$"}


async def dataset_name(name: Annotated[str, Path(json_schema_extra=_shown(_NAME))]) -> str:
    """The dataset of the path."""
    return _checked(_NAME, name)


async def load_id(load: Annotated[str, Path(json_schema_extra=_shown(_LOAD))]) -> str:
    """The load of the path."""
    return _checked(_LOAD, load)


async def grant_id(grant: Annotated[str, Path(json_schema_extra=_shown(_GRANT))]) -> str:
    """The grant of the path."""
    return _checked(_GRANT, grant)


async def request_id(request: Annotated[str, Path(json_schema_extra=_shown(_REQUEST))]) -> str:
    """The grant request of the path."""
    return _checked(_REQUEST, request)


async def query_id(query: Annotated[str, Path(json_schema_extra=_shown(_QUERY))]) -> str:
    """The query of the path."""
    return _checked(_QUERY, query)


async def review_id(review: Annotated[str, Path(json_schema_extra=_shown(_REVIEW))]) -> str:
    """The review of the path."""
    return _checked(_REVIEW, review)


async def freeze_id(freeze: Annotated[str, Path(json_schema_extra=_shown(_FREEZE))]) -> str:
    """The freeze of the path."""
    return _checked(_FREEZE, freeze)


LogIndex = Annotated[str, Path(json_schema_extra={"pattern": "^[0-9]{1,15}$"})]
"""Read by `incoming.index_number`."""

DatasetName = Annotated[str, Depends(dataset_name)]
LoadId = Annotated[str, Depends(load_id)]
GrantId = Annotated[str, Depends(grant_id)]
RequestId = Annotated[str, Depends(request_id)]
QueryId = Annotated[str, Depends(query_id)]
ReviewId = Annotated[str, Depends(review_id)]
FreezeId = Annotated[str, Depends(freeze_id)]


def _checked(pattern: re.Pattern[str], text: str) -> str:
    if pattern.fullmatch(text) is None:
        raise NotFound
    return text
