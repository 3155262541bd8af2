"""The kinds of fields that request bodies are made of: bounded texts, names, typed ids, decimals, moments, Base64.

What each refuses, it refuses in words of its own: an error never holds what was sent.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal
from unicodedata import category, is_normalized

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from sandbox.proof.signing import strict_base64

SAID = "said"
"""The type of the errors made here: their messages are ours, and are shown as they are."""

CROCKFORD = "[0-9A-HJKMNP-TV-Z]"
_NAME = r"[a-z][a-z0-9-]{0,62}"
_IDENTIFIER = r"[a-z_][a-z0-9_]{0,62}"
_PERSON = r"[a-z0-9][a-z0-9._@-]{0,62}"
_ULID = CROCKFORD + "{26}"


def _line(text: str) -> str:
    """One line of visible text in Unicode's composed form: nothing that looks like something else, no control codes."""
    if not is_normalized("NFC", text):
        raise PydanticCustomError(SAID, "is not in Unicode normal form C")
    if any(category(character) in {"Cc", "Cf", "Zl", "Zp", "Cn", "Co"} for character in text):
        raise PydanticCustomError(SAID, "holds control or invisible characters")
    if text != text.strip():
        raise PydanticCustomError(SAID, "begins or ends with a space")
    return text


def _document(text: str) -> str:
    if any(category(character) == "Cc" and character not in "\t\n\r" for character in text):
        raise PydanticCustomError(SAID, "holds control characters")
    return text


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise PydanticCustomError(SAID, "must carry an offset, such as Z")
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError(SAID, "must be a time of RFC 3339, such as 2026-12-31T00:00:00Z") from None
    return text


def _base64(text: str) -> str:
    try:
        strict_base64(text)
    except ValueError:
        raise PydanticCustomError(SAID, "must be Base64 in its one canonical spelling") from None
    return text


Name = Annotated[str, StringConstraints(strict=True, pattern=f"^{_NAME}$")]
PersonName = Annotated[str, StringConstraints(strict=True, pattern=f"^{_PERSON}$")]
TableName = Annotated[str, StringConstraints(strict=True, pattern=rf"^{_NAME}\.{_IDENTIFIER}$")]
ColumnName = Annotated[str, StringConstraints(strict=True, pattern=rf"^{_NAME}\.{_IDENTIFIER}\.{_IDENTIFIER}$")]
KeyId = Annotated[str, StringConstraints(strict=True, pattern="^k_[0-9a-f]{32}$")]
Digest = Annotated[str, StringConstraints(strict=True, pattern="^[0-9a-f]{64}$")]
ActionName = Annotated[str, StringConstraints(strict=True, pattern="^[a-z][a-z-]{0,39}$")]
# A person's name, a dataset's, or a grant's id: what an officer can freeze.
Freezable = Annotated[str, StringConstraints(strict=True, pattern=f"^({_PERSON}|g_{_ULID})$")]

Line = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200), AfterValidator(_line)]
Remark = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=500), AfterValidator(_line)]
# What the log keeps of why somebody acted; the law of its length is the books' (proof.books).
Reason = Annotated[str, StringConstraints(strict=True, min_length=10, max_length=500), AfterValidator(_line)]
Document = Annotated[str, StringConstraints(strict=True, min_length=1), AfterValidator(_document)]
Decimal = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64)]
Moment = Annotated[str, StringConstraints(strict=True, max_length=40), AfterValidator(_moment)]
Index = Annotated[int, Field(strict=True, ge=0, lt=10**15)]
Uses = Annotated[int, Field(strict=True, gt=0, lt=10**9)]

PublicKey = Annotated[str, StringConstraints(strict=True, pattern="^[A-Za-z0-9+/]{43}=$"), AfterValidator(_base64)]
Signature = Annotated[str, StringConstraints(strict=True, pattern="^[A-Za-z0-9+/]{86}==$"), AfterValidator(_base64)]

RoleName = Literal["administrator", "steward", "analyst", "reviewer", "officer"]
AggregateName = Literal["count", "count-units", "count-distinct", "sum", "mean", "spread", "quantile"]
DutyName = Literal["profile", "held", "two"]
SubjectName = Literal["person", "grant", "dataset"]
VerdictName = Literal["approve", "reject"]
LanguageName = Literal["en", "zh"]

Datasets = Annotated[list[Name], Field(min_length=1, max_length=100)]
Tables = Annotated[list[TableName], Field(min_length=1, max_length=1000)]
Columns = Annotated[list[ColumnName], Field(max_length=5000)]
Aggregates = Annotated[list[AggregateName], Field(min_length=1, max_length=7)]
