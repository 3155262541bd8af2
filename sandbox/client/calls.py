"""What every group of calls shares: the transport, the pinned keys, and how answers are read."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias
from urllib.parse import quote

from sandbox.client.credentials import Pins
from sandbox.client.transport import Transport
from sandbox.terms.refusal import Fault

Amount: TypeAlias = str | Decimal | Fraction | int
Time: TypeAlias = datetime | str


class Calls:
    """A group of calls of one connection."""

    transport: Transport

    @property
    def pins(self) -> Pins:
        """The keys this connection trusts."""
        raise NotImplementedError


def items(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The list of objects of that name.

    Raises:
        Fault: there is none.
    """
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Fault("The enclave's answer is not one this client understands.")
    return found


def segment(text: str) -> str:
    """A name as one part of a path."""
    # "." and ".." would be folded away by URL rules: percent-encoding cannot protect them, so they become no name at all
    return quote(text, safe="") if text not in {"", ".", ".."} else "-"


def moment(value: Time) -> str:
    """A time as it travels.

    Raises:
        ValueError: a time without zone.
    """
    if isinstance(value, str):
        return value
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone: use datetime.now(UTC) or add tzinfo")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def given(**fields: object) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
