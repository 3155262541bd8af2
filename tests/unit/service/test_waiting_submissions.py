"""Submissions that wait for a place have spent nothing: whether they run later, go away, or are lost in a crash."""

import threading
import time

import pytest
from service_world import ask

from sandbox.service import recover, submit_query
from sandbox.service.line import Ticket
from sandbox.terms.refusal import EnclaveBusy


class Waiting:
    """One submission in a thread of its own; `outcome` is its view or refusal."""

    def __init__(self, world, number, by="ann") -> None:
        self.ticket, self.outcome = Ticket(), None
        self._world, self._by, self._key = world, by, f"key-{number:05d}"
        self._asked = ask(world, f"select count(*) from clinic.visits where age > {number}", key=self._key, by=by)
        _, before = world.enclave.desk.line.sizes()
        self.thread = threading.Thread(target=self._go, args=(world.enclave,), daemon=True)
        self.thread.start()
        until = time.monotonic() + 20
        while world.enclave.desk.line.sizes()[1] == before and time.monotonic() < until:
            time.sleep(0.001)

    def _go(self, enclave) -> None:
        try:
            person = self._world.person(self._by)
            self.outcome = submit_query.submit(enclave, person, self._asked, self._key, self.ticket)
        except EnclaveBusy as refusal:
            self.outcome = refusal


@pytest.fixture
def full(make_world):
    """One place, and somebody in it."""
    world = make_world(max_running=1, line_seconds=60.0)
    world.register()
    world.grant()
    world.grant("bob")
    world.submit("select count(*) from clinic.visits where age > 1", "key-99999")
    return world


def spent(world):
    return [account.spent for account in world.ledger.accounts("patients", dataset="clinic", analyst="ann")]


def test_it_runs_when_a_place_is_given_back_at_the_slot(full):
    waiting = Waiting(full, 2, "bob")
    assert waiting.outcome is None and full.kinds().count("query.reserved") == 1
    full.at(60_000)
    waiting.thread.join(20)
    assert waiting.outcome.state in ("running", "done")
    assert full.kinds().count("query.reserved") == 2


def test_who_goes_away_before_a_place_is_free_has_spent_nothing_and_is_not_measured(full):
    before = spent(full)
    waiting = Waiting(full, 2)
    waiting.ticket.give_up()
    waiting.thread.join(20)
    assert isinstance(waiting.outcome, EnclaveBusy)
    full.at(60_000)
    assert spent(full) == before and len(full.engine.orders) == 1
    assert full.kinds().count("query.refused") == 1
    assert full.enclave.desk.line.sizes() == (0, 0)


def test_who_goes_away_after_the_reservation_pays(make_world):
    """Control: a cost is never given back once it is reserved."""
    world = make_world(max_running=1, line_seconds=60.0)
    world.register()
    world.grant()
    before, ticket = spent(world), Ticket()
    submit_query.submit(world.enclave, world.ann, ask(world), "key-00001", ticket)
    ticket.give_up()
    world.at(60_000)
    assert spent(world) != before and len(world.engine.orders) == 1


def test_a_crash_forgets_who_waits_and_forfeits_who_runs(full):
    waiting = [Waiting(full, number, by) for number, by in ((2, "ann"), (3, "bob"), (4, "bob"))]
    before = spent(full)
    crashed = full.enclave.desk.line
    assert crashed.sizes() == (1, 3)
    full.open()  # as after kill -9: nothing is closed, and all that was in memory is gone
    assert full.enclave.desk.line.sizes() == (0, 0)
    recover.recover(full.enclave)
    assert full.kinds().count("query.reserved") == full.kinds().count("query.forfeited") == 1
    assert spent(full) == before and len(full.ledger.unsettled()) == 0
    again = full.submit("select count(*) from clinic.visits where age > 2", "key-00002")
    assert not again.reused and full.kinds().count("query.reserved") == 2
    for each in waiting:
        each.ticket.give_up()
        each.thread.join(20)
