"""The request bodies, field by field: strict types, no unknown fields, bounded texts.

A validation error never repeats what was sent: pydantic's `input` is dropped, of its `ctx` only a bound of lengths is said,
and a field is named only where its name is plain.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.faces.http import fields
from sandbox.terms.order import LoadMode
from sandbox.terms.refusal import MalformedRequest

_PLAIN_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DECIMAL_ADVICE = 'must be a decimal in a string, such as "0.5": JSON numbers are not exact'


class Body(BaseModel):
    """What all bodies share."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class EnrolPerson(Body):
    """`identity` says which human holds the credentials; left out where the name alone does."""

    name: fields.PersonName
    organisation: fields.Line
    role: fields.RoleName
    identity: fields.Line | None = None


class RegisterKeys(Body):
    """Public halves of new key pairs (32 bytes each), and signatures (64 bytes) that prove possession of the private
    ones: `proof` by the new signing key, `rotation` by the one registered before, where there is one."""

    sealing: fields.PublicKey
    signing: fields.PublicKey
    proof: fields.Signature
    rotation: fields.Signature | None = None


class RegisterDataset(Body):
    description: fields.Document
    file: fields.Line = "description.toml"


class LoadVersion(Body):
    """`mode`: "whole" loads a file for every table; "append" adds the files' rows to the current version; "replace-units"
    does too, but a unit with rows in a table's file has in that table these rows alone."""

    files: Annotated[dict[str, fields.Line], Field(min_length=1, max_length=100)]
    mode: Annotated[LoadMode, Field(strict=False)] = LoadMode.WHOLE  # as text, which JSON has


class RequestGrant(Body):
    """What is left out is asked for as widely as the catalogue offers it; `uses` left out is without limit."""

    datasets: fields.Datasets
    tables: fields.Tables | None = None
    columns: fields.Columns | None = None
    aggregates: fields.Aggregates | None = None
    purpose: fields.Line
    epsilon: fields.Decimal
    uses: fields.Uses | None = None
    not_before: fields.Moment | None = None
    not_after: fields.Moment
    reason: fields.Reason


class ApproveRequest(Body):
    """What is left out is granted as requested; what is given may only be narrower, and the review only stricter."""

    epsilon: fields.Decimal | None = None
    uses: fields.Uses | None = None
    tables: fields.Tables | None = None
    columns: fields.Columns | None = None
    aggregates: fields.Aggregates | None = None
    not_before: fields.Moment | None = None
    not_after: fields.Moment | None = None
    review: fields.DutyName | None = None


class Reasoned(Body):
    """An act that takes a reason and nothing else; the log keeps it."""

    reason: fields.Reason


class AskQuery(Body):
    """`key` names the registered keys that the answer is sealed to, `signature` is made with them over the submission;
    both are left out of a dry run. With `picture`, a dry run also draws the plan, in that language, as SVG."""

    sql: fields.Document
    purpose: fields.Line
    epsilon: fields.Decimal
    need: fields.Remark | None = None
    key: fields.KeyId | None = None
    signature: fields.Signature | None = None
    dry_run: bool = False
    picture: fields.LanguageName | None = None


class Nothing(Body):
    """An act that takes no word: an empty object."""


class Vote(Body):
    """`digest` is that of the review as it was seen."""

    verdict: fields.VerdictName
    reason: fields.Reason
    digest: fields.Digest


class SetFreeze(Body):
    """`name` is a person's name, a grant's id, or a dataset's name."""

    subject: fields.SubjectName
    name: fields.Freezable
    reason: fields.Reason


class ExplainPolicy(Body):
    person: fields.PersonName
    action: fields.ActionName
    dataset: fields.Name | None = None
    purpose: fields.Line | None = None
    columns: fields.Columns | None = None


class OpenEntry(Body):
    reason: fields.Reason


class SearchLog(Body):
    """A search of the log. It travels in the body: a query's text has no place in an address."""

    actor: fields.Line | None = None
    organisation: fields.Line | None = None
    dataset: fields.Line | None = None
    purpose: fields.Line | None = None
    decision: fields.Line | None = None
    kind: fields.Line | None = None
    since: fields.Moment | None = None
    until: fields.Moment | None = None
    text: fields.Document | None = None
    text_tag: fields.Line | None = None
    before: fields.Index | None = None
    limit: fields.Index | None = None


BODIES: tuple[type[Body], ...] = (
    EnrolPerson,
    RegisterKeys,
    RegisterDataset,
    LoadVersion,
    RequestGrant,
    ApproveRequest,
    Reasoned,
    AskQuery,
    Nothing,
    Vote,
    SetFreeze,
    ExplainPolicy,
    OpenEntry,
    SearchLog,
)

BodyT = TypeVar("BodyT", bound=Body)

_FORMS = {
    "tables": "dataset.table",
    "columns": "dataset.table.column",
    "datasets": "the name of a dataset, in lower case",
    "name": "up to 63 of a-z, 0-9 and hyphens (a person's name also dots, underscores and @)",
}
_BOUNDS = {"string_too_short": ("min_length", "at least"), "string_too_long": ("max_length", "at most")}
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of this request",
    "string_type": "must be a string",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "is not written as it must be",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "greater_than": "must be at least 1",
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
        found = error.errors(include_url=False, include_input=False)
    lines = [f"{_place(item['loc'])} {_reason(item)}" for item in found[:10]]
    raise MalformedRequest("; ".join(lines) + ".", fields=sorted({_place(item["loc"]) for item in found[:10]}))


def utc(text: str) -> datetime:
    """A field that was read as a moment, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _place(location: tuple[int | str, ...]) -> str:
    parts = [
        str(part) if isinstance(part, int) or _PLAIN_FIELD.fullmatch(part) else "(a name that is not plain)"
        for part in location
    ]
    return ".".join(parts) or "body"


def _reason(item: Any) -> str:
    if item["loc"] == ("epsilon",) and item["type"] == "string_type":
        return _DECIMAL_ADVICE
    if item["type"] == fields.SAID:
        return str(item["msg"])
    if item["type"] == "literal_error":
        # pydantic's words list what is allowed, not what came.
        return str(item["msg"]).replace("Input should be", "must be")
    words = _WORDS.get(str(item["type"]), "is not valid")
    if item["type"] == "string_pattern_mismatch":
        form = next((form for fits, form in _FORMS.items() if fits in item["loc"]), None)
        return f"{words}: {form}" if form is not None else words
    # Of the context only the bound that the type itself declares; everything else in it may come from what was sent.
    named, limit = _BOUNDS.get(str(item["type"]), ("", ""))
    bound = (item.get("ctx") or {}).get(named)
    return f"{words}: {limit} {bound} characters" if isinstance(bound, int) else words
