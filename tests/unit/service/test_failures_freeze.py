"""Three forfeited measurements in a row freeze the grant, and two officers lift that like any freeze."""

import pytest
from line_steps import asked, later, lift, state
from service_world import answer_to

from sandbox.service.failures import FAILURES
from sandbox.terms.people import Subject
from sandbox.terms.refusal import Frozen, MeasurementForfeited


def fail(order):
    raise MeasurementForfeited


def ask(world, number, fails=True):
    world.engine.answer = fail if fails else answer_to
    return asked(
        world, f"select count(*) as n from clinic.visits where age > {number}", f"key-{number:05d}", epsilon="0.1"
    )


def frozen(world) -> bool:
    return world.ledger.frozen(Subject.GRANT, world.ledger.standings("ann")[0].grant.id)


def test_three_in_a_row_freeze_the_grant(world):
    for number in range(FAILURES):
        assert not frozen(world)
        assert state(world, ask(world, number)) == "failed"
    assert frozen(world)
    (stop,) = world.ledger.freezes()
    assert (stop.by, stop.subject) == (world.settings.name, Subject.GRANT)
    assert world.kinds()[-1] == "freeze.set" and world.entries()[-1]["actor"] == world.settings.name
    with pytest.raises(Frozen):
        ask(world, 9)


def test_an_answer_in_between_begins_the_count_anew(world):
    for number, fails in enumerate([True, True, False, True, True]):
        ask(world, number, fails)
    assert not frozen(world)
    ask(world, 9)  # control: the third in a row
    assert frozen(world)


def test_failures_of_other_grants_do_not_count(world):
    world.grant("bob")
    for number in range(2):
        ask(world, number)
    world.engine.answer = fail
    world.submit(key="key-00009", by="bob")
    later(world)
    assert not frozen(world)


def test_after_a_lift_the_count_begins_anew(world):
    for number in range(FAILURES):
        ask(world, number)
    lift(world, world.ledger.freezes()[0].id)
    later(world)
    for number in range(10, 9 + FAILURES):
        ask(world, number)
        assert not frozen(world)
    ask(world, 19)
    assert frozen(world)
