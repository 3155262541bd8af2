"""Reading the facts of one audit entry strictly: what is missing or of another shape is named, with the entry's number."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.proof.entry import read_time
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.refusal import ProofFailed

_UNITS = re.compile(r"0|[1-9][0-9]{0,24}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of entry number `index`, or an object within them."""

    index: int
    kind: str
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

    def number(self, name: str) -> int:
        """A whole number."""
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(f"does not number its {name}")
        return value

    def digest(self, name: str) -> str:
        """A SHA-256 in hex."""
        value = self.text(name)
        if not _DIGEST.fullmatch(value):
            raise self.wrong(f"has a {name} that is not a SHA-256 digest")
        return value

    def texts(self, name: str) -> frozenset[str]:
        """A list of distinct texts."""
        value = self.values.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(f"does not list its {name}")
        return frozenset(value)

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

    def inner(self, name: str) -> "Facts":
        """An object."""
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise self.wrong(f"does not state its {name}")
        return Facts(self.index, self.kind, value)

    def maybe(self, name: str) -> "Facts | None":
        """An object, or None for null."""
        return None if self.values.get(name, ...) is None else self.inner(name)

    def loss(self, name: str) -> Loss:
        """A loss: {"mode", "units", "delta"}, amounts as text."""
        inner = self.inner(name)
        mode, units, delta = (inner.values.get(part) for part in ("mode", "units", "delta"))
        if mode not in tuple(Mode) or not all(isinstance(n, str) and _UNITS.fullmatch(n) for n in (units, delta)):
            raise self.wrong(f"has a {name} that is not a loss")
        return Loss(Mode(str(mode)), int(str(units)), int(str(delta)))
