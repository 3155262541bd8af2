"""Reading the facts of one audit entry strictly: what is missing or of another shape is named, with the entry's number."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from sandbox.proof.entry import read_time
from sandbox.proof.signing import strict_base64
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.refusal import ProofFailed

_UNITS = re.compile(r"0|[1-9][0-9]{0,24}", re.ASCII)
_FRACTION = re.compile(r"(?:0|[1-9][0-9]{0,59})(?:/[1-9][0-9]{0,59})?", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of entry number `index`, or an object within them; `at` and `actor` are the entry's own."""

    index: int
    kind: str
    at: str
    actor: str
    values: dict[str, Any]

    def wrong(self, what: str) -> ProofFailed:
        """The refusal of this entry."""
        return ProofFailed(f"Entry {self.index} ({self.kind}) {what}.", entry=self.index)

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self.values.get(name)
        if not isinstance(value, str) or not value:
            raise self.wrong(f"does not name its {name}")
        return value

    def one_of(self, name: str, allowed: Iterable[str]) -> str:
        """One of a closed set of words."""
        value = self.text(name)
        if value not in tuple(allowed):
            raise self.wrong(f"has a {name} that there is not")
        return value

    def number(self, name: str, least: int = 0) -> int:
        """A whole number, `least` or more."""
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.wrong(f"does not number its {name}")
        return value

    def digest(self, name: str) -> str:
        """A SHA-256 in hex."""
        value = self.text(name)
        if not _DIGEST.fullmatch(value):
            raise self.wrong(f"has a {name} that is not a SHA-256 digest")
        return value

    def octets(self, name: str, length: int) -> bytes:
        """`length` bytes in Base64."""
        try:
            value = strict_base64(self.text(name))
        except ValueError:
            value = b""
        if len(value) != length:
            raise self.wrong(f"has a {name} that is not {length} bytes in Base64")
        return value

    def texts(self, name: str) -> frozenset[str]:
        """A list of distinct texts that are not empty."""
        value = self.values.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.wrong(f"does not list its {name}")
        found = frozenset(value)
        if len(found) != len(value):
            raise self.wrong(f"lists one of its {name} twice")
        return found

    def fraction(self, name: str) -> Fraction:
        """An exact number that is not negative, in lowest terms: "5" or "1/2"."""
        value = self.text(name)
        if not _FRACTION.fullmatch(value) or str(Fraction(value)) != value:
            raise self.wrong(f"has a {name} that is not a number in lowest terms")
        return Fraction(value)

    def time(self, name: str) -> datetime:
        """A time in UTC. Grants may leave the fraction of seconds out."""
        value = self.text(name)
        try:
            return read_time(value)
        except ValueError:
            pass
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            raise self.wrong(f"has a {name} that is not a time") from None
        if found.tzinfo is None:
            raise self.wrong(f"has a {name} that is not a time")
        return found

    def absent(self, name: str) -> bool:
        """Whether it is stated to be nothing: null, not merely left out."""
        return self.values.get(name, ...) is None

    def inner(self, name: str) -> "Facts":
        """An object."""
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise self.wrong(f"does not state its {name}")
        return replace(self, values=value)

    def objects(self, name: str) -> "tuple[Facts, ...]":
        """A list of objects."""
        value = self.values.get(name)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(f"does not list its {name}")
        return tuple(replace(self, values=item) for item in value)

    def maybe(self, name: str) -> "Facts | None":
        """An object, or None for null."""
        return None if self.absent(name) else self.inner(name)

    def loss(self, name: str) -> Loss:
        """A loss: {"mode", "units", "delta"}, amounts as text."""
        inner = self.inner(name)
        mode, units, delta = (inner.values.get(part) for part in ("mode", "units", "delta"))
        if mode not in tuple(Mode) or not all(isinstance(n, str) and _UNITS.fullmatch(n) for n in (units, delta)):
            raise self.wrong(f"has a {name} that is not a loss")
        return Loss(Mode(str(mode)), int(str(units)), int(str(delta)))
