"""What is asked of the policies, and their yes."""

from dataclasses import dataclass
from datetime import datetime

from policies.roles import ASKS, Action
from sandbox.terms.people import Aggregate, Grant, Person


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """May `person` take `action` now?

    With nothing named beside them, only the role (and a freeze of the person) is asked about. For questions, `datasets`,
    `tables` ("dataset.table"), `columns` ("dataset.table.column") and `aggregates` are what the plan uses and `purpose`
    what for. `stewards` are the steward fields of the descriptions concerned. `author` is whose thing it is: who asked for
    the grant, asked the query under review, or asked for the lift of a freeze first; for queries, releases, accounts and
    grants to look at, whose they are. `frozen_datasets` may name more than `datasets`; only those in both count.
    `together` are all datasets of the question where `datasets` is only the part of it that one grant is asked about
    (policies/coverage.py). `at` is aware, in UTC.
    """

    person: Person
    action: Action
    at: datetime
    datasets: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    purpose: str = ""
    stewards: tuple[str, ...] = ()
    author: Person | None = None
    frozen_person: bool = False
    frozen_datasets: tuple[str, ...] = ()
    together: tuple[str, ...] = ()

    @property
    def needs_grant(self) -> bool:
        """Whether this is a question about data, which one grant must allow."""
        return self.action in ASKS and bool(self.datasets or self.tables or self.columns or self.aggregates)


@dataclass(frozen=True, slots=True)
class Permit:
    """Yes. `grants` are all those that allow it, by id; empty where the role alone does. `policies` are the ids of the
    Cedar policies that permitted it."""

    grants: tuple[Grant, ...] = ()
    policies: tuple[str, ...] = ()
