"""The line before the running queries: fair between organisations and people, bounded, and free for whoever leaves."""

import threading
import time
from collections import Counter, deque

import pytest

from sandbox.service.line import Limits, Line, Ticket
from sandbox.terms.refusal import EnclaveBusy

ONE = Limits(running=1, running_per_person=1, waiting=1_000, waiting_per_person=1_000)


class Crowd:
    """Submissions that stand in a line, each in a thread of its own; who got a place, in order."""

    def __init__(self, line: Line, limits: Limits) -> None:
        self.line, self.limits = line, limits
        self.served: list[tuple[str, str]] = []
        self.threads: list[threading.Thread] = []

    def joins(self, organisation: str, person: str, times: int = 1) -> None:
        for _ in range(times):
            _, before = self.line.sizes()
            thread = threading.Thread(target=self._stand, args=(Ticket(person, organisation),))
            thread.start()
            self.threads.append(thread)
            while self.line.sizes()[1] == before:
                time.sleep(0.0005)

    def _stand(self, ticket: Ticket) -> None:
        place = self.line.enter(ticket, self.limits, 60)
        self.served.append((ticket.organisation, ticket.person))
        place.leave()

    def ends(self) -> None:
        for thread in self.threads:
            thread.join()


def order_of(line: Line, limits: Limits = ONE) -> list[tuple[str, str]]:
    """Ten analysts of four organisations want a hundred places; the first of them alone comes with 55, before all others."""
    holding = line.enter(Ticket("first", "first"), limits, 1)
    crowd = Crowd(line, limits)
    crowd.joins("big", "greedy", 55)
    for number in range(9):
        crowd.joins(("big", "mid", "small")[number % 3], f"ann-{number}", 5)
    holding.leave()
    crowd.ends()
    assert len(crowd.served) == 100
    return crowd.served


class FirstComeFirstServed(Line):
    """What there would be without fairness."""

    def __init__(self) -> None:
        super().__init__()
        self._arrived: list[Ticket] = []

    def _next(self, limits: Limits) -> Ticket | None:
        waiting = {ticket for people in self._waiting.values() for line in people.values() for ticket in line}
        return next((ticket for ticket in self._arrived if ticket in waiting), None)

    def _join(self, ticket: Ticket, limits: Limits) -> None:
        super()._join(ticket, limits)
        self._arrived.append(ticket)


def longest_wait(served: list[tuple[str, str]]) -> int:
    """After how many places the last analyst had had one."""
    return max(served.index(who) for who in set(served))


def test_nobody_starves_behind_somebody_with_many_queries() -> None:
    served = order_of(Line())
    assert longest_wait(served) <= 12
    # While all three organisations wait, each has a third of the places.
    shares = Counter(organisation for organisation, _ in served[:45])
    assert set(shares.values()) == {15}
    # Within the big one its four people take turns.
    big = Counter(person for organisation, person in served[:45] if organisation == "big")
    assert max(big.values()) - min(big.values()) <= 1


def test_first_come_first_served_would_starve_them() -> None:
    assert longest_wait(order_of(FirstComeFirstServed())) > 90


def test_shares_give_more_places() -> None:
    limits = Limits(1, 1, 1_000, 1_000, {"small": 3})
    served = order_of(Line(), limits)
    shares = Counter(organisation for organisation, _ in served[:25])
    assert shares["small"] == pytest.approx(15, abs=1)
    assert shares["mid"] == pytest.approx(5, abs=1)


def test_a_share_does_not_save_up_turns() -> None:
    line = Line()
    for _ in range(50):
        line.enter(Ticket("busy", "busy"), ONE, 1).leave()
    holding = line.enter(Ticket("x", "x"), ONE, 1)
    crowd = Crowd(line, ONE)
    for _ in range(6):
        crowd.joins("busy", "busy")
        crowd.joins("idle", "idle")
    holding.leave()
    crowd.ends()
    assert Counter(organisation for organisation, _ in crowd.served[:6]) == {"busy": 3, "idle": 3}


def test_the_line_is_bounded_in_all_and_for_each() -> None:
    limits = Limits(running=1, running_per_person=1, waiting=7, waiting_per_person=5)
    line = Line()
    holding = line.enter(Ticket("first", "first"), limits, 1)
    crowd = Crowd(line, limits)
    crowd.joins("a", "ann", 5)
    with pytest.raises(EnclaveBusy) as own:
        line.enter(Ticket("ann", "a"), limits, 60)
    assert own.value.facts["waiting"] == 5
    crowd.joins("b", "bob", 2)
    with pytest.raises(EnclaveBusy, match="As many"):
        line.enter(Ticket("cay", "c"), limits, 60)
    assert line.sizes() == (1, 7)
    holding.leave()
    crowd.ends()
    assert line.sizes() == (0, 0)


def test_nothing_is_remembered_of_who_is_served() -> None:
    line = Line()
    for number in range(2_000):
        line.enter(Ticket(f"person-{number}", f"lab-{number}"), ONE, 1).leave()
    assert line._waiting == {}
    assert len(line._held) == 0
    assert len(line._organisations.had) == len(line._people) == 0


def test_one_person_has_no_more_places_than_allowed_and_holds_up_nobody() -> None:
    limits = Limits(running=3, running_per_person=2, waiting=100, waiting_per_person=100)
    line = Line()
    first, second = (line.enter(Ticket("ann", "a"), limits, 1) for _ in range(2))
    with pytest.raises(EnclaveBusy, match="No place came free"):
        line.enter(Ticket("ann", "a"), limits, 0.02)
    third = line.enter(Ticket("bob", "a"), limits, 1)
    assert line.sizes() == (3, 0)
    for place in (first, second, third, third):  # leaving twice changes nothing
        place.leave()
    assert line.sizes() == (0, 0)


def test_who_goes_away_gets_no_place() -> None:
    line = Line()
    holding = line.enter(Ticket("first", "first"), ONE, 1)
    ticket, raised = Ticket("ann", "a"), deque()

    def stand() -> None:
        try:
            line.enter(ticket, ONE, 60)
        except EnclaveBusy as refusal:
            raised.append(refusal)

    thread = threading.Thread(target=stand)
    thread.start()
    while line.sizes()[1] == 0:
        time.sleep(0.0005)
    ticket.give_up()
    thread.join()
    assert "went away" in str(raised[0])
    assert line.sizes() == (1, 0)
    holding.leave()
    line.enter(Ticket("bob", "b"), ONE, 1).leave()
