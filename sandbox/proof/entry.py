"""Audit entries: one canonical byte string each, the leaves of the log's Merkle tree."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.refusal import ProofFailed

FORMAT = "sandbox/entry/v1"
BYTES_LIMIT = 2**20
"""The longest entry that is written or read."""

_FIELDS = {"format", "kind", "at", "actor", "facts"}
_KIND = re.compile(r"[a-z]{1,32}(?:\.[a-z-]{1,32}){1,3}")
_AT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z", re.ASCII)
_ACTOR_LIMIT = 256


def time_text(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds, the one spelling of a time in signed documents.

    Raises:
        ValueError: a time without zone.
    """
    if at.tzinfo is None:
        raise ValueError("an entry's time has a zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def read_time(text: str) -> datetime:
    """The inverse of `time_text`.

    Raises:
        ValueError: any other spelling.
    """
    if not _AT.fullmatch(text):
        raise ValueError("not a time in UTC with microseconds")
    return datetime.fromisoformat(text)


def entry_bytes(kind: str, at: datetime, actor: str, facts: dict[str, Any]) -> bytes:
    """The canonical bytes of an entry: `kind` is dotted lower case, `actor` a person or a part of the enclave.

    Raises:
        ValueError, TypeError: something that no entry may hold.
    """
    entry = {"format": FORMAT, "kind": kind, "at": time_text(at), "actor": actor, "facts": facts}
    _check(entry)
    written = canonical_bytes(entry)
    if len(written) > BYTES_LIMIT:
        raise ValueError("an entry is at most 1 MiB")
    return written


def read_entry(data: bytes) -> dict[str, Any]:
    """The entry that `data` is the canonical bytes of.

    Raises:
        ProofFailed: it is not canonical, or not an entry.
    """
    if len(data) > BYTES_LIMIT:
        raise ProofFailed("The entry is longer than any entry is.")
    try:
        entry = json.loads(data.decode("utf-8"))
        canonical = canonical_bytes(entry)
        if canonical != data:
            raise ValueError("not canonical")  # noqa: TRY301 - one answer for every way of being wrong
        _check(entry)
    except (ValueError, TypeError, RecursionError):
        raise ProofFailed("The entry is not an audit entry in canonical form.") from None
    found: dict[str, Any] = entry
    return found


def _check(entry: Any) -> None:
    if not isinstance(entry, dict) or set(entry) != _FIELDS or entry["format"] != FORMAT:
        raise ValueError("not an entry")
    kind, at, actor = entry["kind"], entry["at"], entry["actor"]
    if not (isinstance(kind, str) and isinstance(at, str) and isinstance(actor, str)):
        raise TypeError("kind, at and actor are text")
    if not _KIND.fullmatch(kind):
        raise ValueError("an entry's kind is dotted lower case")
    if not 1 <= len(actor) <= _ACTOR_LIMIT:
        raise ValueError("an entry's actor is 1 to 256 characters")
    if not isinstance(entry["facts"], dict):
        raise TypeError("an entry's facts are an object")
    read_time(at)
