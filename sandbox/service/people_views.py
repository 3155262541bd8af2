"""People, their public keys, and what stops them, as callers see them."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from sandbox.proof.entry import time_text
from sandbox.terms.people import Freeze, Person, PublicKeys


def person_json(person: Person) -> dict[str, Any]:
    """A person without credentials."""
    return {
        "name": person.name,
        "organisation": person.organisation,
        "role": person.role.value,
        "identity": person.identity,
    }


@dataclass(frozen=True, slots=True)
class MeView:
    """Who is asking, under which keys answers can be sealed to them (the current ones last), and whether they are
    stopped."""

    person: Person
    keys: tuple[str, ...]
    frozen: bool

    def to_json(self) -> dict[str, Any]:
        return person_json(self.person) | {"keys": [{"id": key} for key in self.keys], "frozen": self.frozen}


@dataclass(frozen=True, slots=True)
class KeysView:
    """A person's registered public halves, in Base64."""

    keys: PublicKeys

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.keys.id,
            "sealing": b64encode(self.keys.sealing).decode("ascii"),
            "signing": b64encode(self.keys.signing).decode("ascii"),
        }


@dataclass(frozen=True, slots=True)
class FreezeView:
    """A stop, who set it and why, and how far its lifting has come."""

    freeze: Freeze

    def to_json(self) -> dict[str, Any]:
        freeze = self.freeze
        return {
            "id": freeze.id,
            "subject": freeze.subject.value,
            "name": freeze.name,
            "by": freeze.by,
            "reason": freeze.reason,
            "at": time_text(freeze.at),
            "lift_asked_by": freeze.lift_asked_by,
            "lifted": freeze.lifted,
        }
