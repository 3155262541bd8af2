"""What is looked for in the log, and what its index holds of an entry."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries of the log are looked for; None asks for nothing.

    `actor` finds what a person did and what the enclave did for them (settling their query); `organisation` is that
    person's, as enrolled. `decision` is answerable, reserved, committed, forfeited, reused, attached, requested, granted,
    declined, revoked, frozen, lift-asked, lifted, viewed, approved, rejected, withdrawn, lapsed, released, explained, a vote
    that decided nothing (approve, reject), the code of a refusal, or "refused" for any code. `since` is inclusive, `until`
    exclusive; `text_tag` is a query text's keyed hash.
    """

    actor: str | None = None
    organisation: str | None = None
    dataset: str | None = None
    purpose: str | None = None
    decision: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text_tag: str | None = None


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """What the log's index holds of an entry. `person` is on whose behalf: the actor, or who asked the settled query."""

    index: int
    kind: str
    at: datetime
    actor: str
    person: str
    organisation: str | None
    datasets: tuple[str, ...]
    purpose: str | None
    decision: str | None
    text_tag: str | None
