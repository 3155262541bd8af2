"""Who may run next: a bounded line in front of the places of running queries, fair between organisations and people.

Whoever stands here has spent nothing: a place is taken before the reservation and given back when the query is settled,
which is at a slot of the release clock. So how the line moves follows from plans and times, never from rows.

Places go round: to the organisation that has had least for its share, and in it to the person who has had least. Who
comes anew begins level with whoever is served now, so that nobody saves up turns. All of it is in memory; a crash
forgets it, and nothing had happened.
"""

import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from sandbox.terms.refusal import EnclaveBusy


@dataclass(frozen=True, slots=True)
class Limits:
    """How many run at a time, in all and of one person; how many may wait; `shares` of places by organisation, 1 where
    it is not named."""

    running: int
    running_per_person: int
    waiting: int
    waiting_per_person: int
    shares: Mapping[str, int] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Ticket:
    """One submission on its way to a place. Whoever sent it may go away at any time: then it gets none."""

    person: str = ""
    organisation: str = ""
    called: threading.Event = field(default_factory=threading.Event)
    gone: bool = False
    placed: bool = False

    def give_up(self) -> None:
        """The caller is gone: nobody reads the answer. Without effect once a place is taken."""
        self.gone = True
        self.called.set()


@dataclass(slots=True)
class _Turns:
    """Round robin by shares: `had` is what each has had for its share, of those who may still owe or be owed turns."""

    had: dict[str, Fraction] = field(default_factory=dict)
    level: Fraction = Fraction(0)

    def order(self, names: Iterable[str]) -> list[str]:
        """Who has had least first; of equals, in the order given."""
        return sorted(names, key=lambda name: max(self.had.get(name, self.level), self.level))

    def serve(self, name: str, share: int) -> None:
        self.level = max(self.had.get(name, self.level), self.level)
        self.had[name] = self.level + Fraction(1, share)
        self.had = {other: turns for other, turns in self.had.items() if turns > self.level}


class Line:
    """Places and who waits for them. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, dict[str, deque[Ticket]]] = {}
        self._held: Counter[str] = Counter()
        self._organisations = _Turns()
        self._people: dict[str, _Turns] = {}

    def enter(self, ticket: Ticket, limits: Limits, seconds: float) -> "Place":
        """A place, after at most `seconds` in the line.

        Raises:
            EnclaveBusy: the line is full, or has too many of this person, or no place came free, or the caller is gone.
        """
        with self._lock:
            own, total = self._held[ticket.person], self._held.total()
            if seconds <= 0 and own >= limits.running_per_person:
                raise EnclaveBusy("You have as many queries running as one person may.", running=own)
            if seconds <= 0 and total >= limits.running:
                raise EnclaveBusy
            self._join(ticket, limits)
            self._call(limits)
        ticket.called.wait(seconds)
        with self._lock:
            if ticket.placed:
                return Place(self, ticket.person, limits)
            self._drop(ticket)
        if ticket.gone:
            raise EnclaveBusy("The caller went away before a place was free.")
        raise EnclaveBusy(f"No place came free within {seconds:g} s. Nothing was spent.", running=own)

    def leave(self, person: str, limits: Limits) -> None:
        """Give a place back, to whoever is next."""
        with self._lock:
            self._held[person] -= 1
            if not self._held[person]:
                del self._held[person]
            self._call(limits)

    def sizes(self) -> tuple[int, int]:
        """How many hold a place, and how many wait."""
        with self._lock:
            return self._held.total(), self._length()

    def _join(self, ticket: Ticket, limits: Limits) -> None:
        own = self._waiting.get(ticket.organisation, {}).get(ticket.person, ())
        if len(own) >= limits.waiting_per_person:
            raise EnclaveBusy("You have as many queries waiting as one person may.", waiting=len(own))
        if self._length() >= limits.waiting:
            raise EnclaveBusy("As many queries are waiting as the enclave takes.")
        people = self._waiting.setdefault(ticket.organisation, {})
        people.setdefault(ticket.person, deque()).append(ticket)

    def _drop(self, ticket: Ticket) -> None:
        people = self._waiting[ticket.organisation]
        people[ticket.person].remove(ticket)
        if not people[ticket.person]:
            del people[ticket.person]
        if not people:
            del self._waiting[ticket.organisation]

    def _call(self, limits: Limits) -> None:
        """Give the free places away."""
        while self._held.total() < limits.running and (ticket := self._next(limits)) is not None:
            self._drop(ticket)
            self._held[ticket.person] += 1
            self._organisations.serve(ticket.organisation, max(1, limits.shares.get(ticket.organisation, 1)))
            self._people.setdefault(ticket.organisation, _Turns()).serve(ticket.person, 1)
            ticket.placed = True
            ticket.called.set()
        if not self._waiting:
            # Turns matter among those who wait: with the last of them all is forgotten.
            self._organisations, self._people = _Turns(), {}

    def _next(self, limits: Limits) -> Ticket | None:
        """The first of those who may run one more."""
        for organisation in self._organisations.order(self._waiting):
            people = self._waiting[organisation]
            for person in self._people.get(organisation, _Turns()).order(people):
                if self._held[person] >= limits.running_per_person:
                    continue
                for ticket in people[person]:
                    if not ticket.gone:
                        return ticket
        return None

    def _length(self) -> int:
        return sum(len(tickets) for people in self._waiting.values() for tickets in people.values())


@dataclass(eq=False, slots=True)
class Place:
    """A place that is held until it is left, once."""

    line: Line
    person: str
    limits: Limits
    left: bool = False

    def leave(self) -> None:
        """Give it back. Doing it again changes nothing."""
        if not self.left:
            self.left = True
            self.line.leave(self.person, self.limits)
