"""What is asked of the policies, and their yes."""

from dataclasses import dataclass
from datetime import datetime

from policies.roles import Action
from sandbox.terms.people import Grant, Person


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """May `person` take `action` now?

    `datasets` names what it is about, `purpose` what for (grant-scoped actions); `stewards` are the steward fields of
    the descriptions concerned (steward-scoped actions). `at` is aware, in UTC. With nothing named, only the role is
    asked about.
    """

    person: Person
    action: Action
    at: datetime
    datasets: tuple[str, ...] = ()
    purpose: str = ""
    stewards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Permit:
    """Yes. `grants` are those that allow it, by id; empty where the role alone does."""

    grants: tuple[Grant, ...] = ()
