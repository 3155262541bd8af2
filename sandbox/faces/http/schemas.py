"""The request bodies, field by field. Pydantic lives here alone: strict types, no unknown fields, bounded texts.

A validation error never repeats what was sent: pydantic's `input` and `ctx` are dropped, and a field is named only
where its name is plain.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from unicodedata import category, is_normalized

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from sandbox.terms.refusal import MalformedRequest

_NAME = r"^[a-z][a-z0-9-]{0,62}$"
_PERSON = r"^[a-z0-9][a-z0-9._@-]{0,62}$"
_PLAIN_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DECIMAL_ADVICE = 'must be a decimal in a string, such as "0.5": JSON numbers are not exact'


def _line(text: str) -> str:
    """One line of visible text in Unicode's composed form: nothing that looks like something else, no control codes."""
    if not is_normalized("NFC", text):
        raise PydanticCustomError("text_form", "is not in Unicode normal form C")
    if any(category(character) in {"Cc", "Cf", "Zl", "Zp", "Cn", "Co"} for character in text):
        raise PydanticCustomError("text_form", "holds control or invisible characters")
    if text != text.strip():
        raise PydanticCustomError("text_form", "begins or ends with a space")
    return text


def _document(text: str) -> str:
    if any(category(character) == "Cc" and character not in "\t\n\r" for character in text):
        raise PydanticCustomError("text_form", "holds control characters")
    return text


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise PydanticCustomError("moment", "must carry an offset, such as Z")
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("moment", "must be a time of RFC 3339, such as 2026-12-31T00:00:00Z") from None
    return text


Name = Annotated[str, StringConstraints(strict=True, pattern=_NAME)]
PersonName = Annotated[str, StringConstraints(strict=True, pattern=_PERSON)]
Line = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200), AfterValidator(_line)]
Document = Annotated[str, StringConstraints(strict=True, min_length=1), AfterValidator(_document)]
Decimal = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64)]
Moment = Annotated[str, StringConstraints(strict=True, max_length=40), AfterValidator(_moment)]
Index = Annotated[int, Field(strict=True, ge=0, lt=10**15)]


class Body(BaseModel):
    """What all bodies share."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class EnrolPerson(Body):
    name: PersonName
    organisation: Line
    role: Annotated[str, StringConstraints(strict=True, pattern="^(administrator|steward|analyst|officer)$")]


class RegisterDataset(Body):
    description: Document
    file: Line = "description.toml"


class LoadVersion(Body):
    files: Annotated[dict[str, Line], Field(min_length=1, max_length=100)]


class GiveGrant(Body):
    analyst: PersonName
    datasets: Annotated[list[Name], Field(min_length=1, max_length=100)]
    purpose: Line
    epsilon: Decimal
    not_before: Moment | None = None
    not_after: Moment


class AskQuery(Body):
    sql: Document
    purpose: Line
    epsilon: Decimal
    dry_run: bool = False


class OpenEntry(Body):
    reason: Annotated[str, StringConstraints(strict=True, min_length=10, max_length=500), AfterValidator(_line)]


class SearchLog(Body):
    """A search of the log. It travels in the body: a query's text has no place in an address."""

    actor: Line | None = None
    organisation: Line | None = None
    dataset: Line | None = None
    purpose: Line | None = None
    decision: Line | None = None
    kind: Line | None = None
    since: Moment | None = None
    until: Moment | None = None
    text: Document | None = None
    text_tag: Line | None = None
    before: Index | None = None
    limit: Index | None = None


BODIES: tuple[type[Body], ...] = (EnrolPerson, RegisterDataset, LoadVersion, GiveGrant, AskQuery, OpenEntry, SearchLog)

BodyT = TypeVar("BodyT", bound=Body)

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of this request",
    "string_type": "must be a string",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "does not have the form it must have",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "greater_than_equal": "must not be negative",
    "less_than": "is too large",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_short": "must not be empty",
    "too_long": "has too many items",
}


def read(model: type[BodyT], value: Any) -> BodyT:
    """`value` as a `model`.

    Raises:
        MalformedRequest: naming each wrong field and what it must be; never what was in it.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"{_place(item['loc'])} {_reason(item)}" for item in found[:10]]
    raise MalformedRequest("; ".join(lines) + ".", fields=sorted({_place(item["loc"]) for item in found[:10]}))


def _place(location: tuple[int | str, ...]) -> str:
    parts = [
        str(part) if isinstance(part, int) or _PLAIN_FIELD.fullmatch(part) else "(a name that is not plain)"
        for part in location
    ]
    return ".".join(parts) or "body"


def _reason(item: Any) -> str:
    if item["loc"] == ("epsilon",) and item["type"] == "string_type":
        return _DECIMAL_ADVICE
    if item["type"] in {"text_form", "moment"}:
        return str(item["msg"])
    return _WORDS.get(str(item["type"]), "is not valid")
