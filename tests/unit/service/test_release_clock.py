"""The slot follows from the plan and rows_max; and nothing visible changes before it, whatever the engine did."""

import json
import re
from dataclasses import replace
from fractions import Fraction

import pytest
from hand_plans import a_key
from hand_plans import a_plan_over as plan
from hypothesis import given
from hypothesis import strategies as st
from service_world import COUNT, MEAN, answer_to
from ulid import ULID

from sandbox.plan.nodes import (
    Arithmetic,
    ColumnRef,
    Comparison,
    Conjunction,
    Disjunction,
    Literal,
    Membership,
    Negation,
    Not,
    NullTest,
)
from sandbox.plan.primitives import CountRows, SumValues
from sandbox.service import read_log, read_query, read_release, review_desk
from sandbox.service.release_clock import (
    BASE_MS,
    DOUBLINGS,
    columns_read,
    deadline_ms,
    next_slot_ms,
    slot_ms,
    slots_ms,
)
from sandbox.terms.answer import Answer, CountColumn
from sandbox.terms.dataset import Column, Table, Type
from sandbox.terms.refusal import AnswerPending, Fault, MeasurementForfeited, SandboxError

TABLE = Table("t", "u", 1_000_000, 1, 1, (Column("note", Type.STRING, max_length=100), Column("long", Type.STRING)))
TABLES = {("d", "t"): TABLE}
A, B, C = (ColumnRef(name, Type.INT) for name in "abc")
ONE = Literal(1, Type.INT)
WHERE = Conjunction(
    (
        Comparison("<", Arithmetic("+", A, Negation(B, Type.INT), Type.INT), ONE),
        Not(NullTest(C)),
        Membership(A, (ONE,)),
    )
)


def test_columns_are_found_wherever_they_are_read():
    keys = (a_key("k", Type.INT, (1, 2)),)
    total = SumValues(ColumnRef("v", Type.INT), Fraction(0), Fraction(9), Fraction(0), Fraction(1))
    assert columns_read(plan(where=WHERE, keys=keys, primitives=(CountRows(), total))) == {
        ("d", "t", name) for name in "abckv"
    }
    assert columns_read(plan()) == set()


@given(st.integers(0, 10**11), st.integers(1, 50), st.integers(10, 60_000))
def test_a_slot_is_a_whole_number_of_ticks_and_grows_with_the_declared_size(rows_max, groups, tick):
    keys = (a_key("k", Type.INT, tuple(range(groups))),)
    small, large = plan(rows_max, keys=keys), plan(rows_max + 10**9, where=WHERE, keys=keys)
    assert slot_ms(small, TABLES, tick, 1) % tick == 0
    assert BASE_MS <= slot_ms(small, TABLES, tick, 1) < slot_ms(large, TABLES, tick, 1)


@given(st.integers(0, 10**11), st.integers(1, 8), st.integers(1, 8))
def test_a_slot_has_room_for_every_query_that_shares_a_worker(rows_max, one, more):
    """All of them may read one unit's rows, and the rows of one unit are at one worker."""
    asked = plan(rows_max, where=WHERE)
    alone, shared = (slot_ms(asked, TABLES, 1, turns) - BASE_MS - 1 for turns in (one, one + more))
    assert shared >= alone * (one + more) // one - (one + more)


@pytest.mark.parametrize(("running", "workers", "turns"), [(8, 2, 4), (8, 3, 3), (1, 2, 1), (8, 8, 1), (9, 8, 2)])
def test_turns_are_the_queries_of_one_worker(bare, running, workers, turns):
    assert replace(bare.settings, max_running=running, workers=workers).turns == turns


def test_a_small_table_is_answered_in_about_a_second():
    keys = (a_key("k", Type.INT, (1, 2)),)
    assert slot_ms(plan(25_000, where=WHERE, keys=keys), TABLES, 250, 4) <= BASE_MS + 250


def test_what_a_query_makes_of_each_row_moves_its_slot():
    """One unit may bring every row there is: what a row can take must be in the slot, or its presence shows."""

    def slot(where):
        return slot_ms(plan(where=where), TABLES, 10, 1)

    few, many = (Disjunction(tuple(Comparison("<", A, Literal(n, Type.INT)) for n in range(k))) for k in (2, 202))
    assert slot(many) - slot(few) >= 1_000_000 * 200 * 4 / 10**6  # a comparison takes 3 ns
    short, long = (Membership(A, tuple(Literal(n, Type.INT) for n in range(k))) for k in (1, 1001))
    assert slot(long) - slot(short) >= 1_000_000 * 1000 / 10**6  # a listed value takes 0.4 ns
    text = NullTest(ColumnRef("note", Type.STRING))
    assert slot(text) - slot(NullTest(A)) >= 1_000_000 * 400 * 5 / 10**6  # 100 characters of four bytes, 5 ns each


@given(st.integers(1, 10**7), st.floats(0, 10**9))
def test_slots_double_and_the_next_is_the_first_to_come(first, elapsed):
    slots = slots_ms(first)
    assert slots == tuple(first * 2**n for n in range(DOUBLINGS + 1))
    assert deadline_ms(first) == slots[-1]
    following = next_slot_ms(first, elapsed)
    assert following in slots
    assert following > elapsed or following == slots[-1]
    assert all(slot <= elapsed for slot in slots if slot < following)


def fast(world):
    world.engine.answer = answer_to


def dead(world):
    def fail(order):
        raise MeasurementForfeited

    world.engine.answer = fail


def broken(world):
    def fail(order):
        raise ZeroDivisionError("a row value")

    world.engine.answer = fail


def unwritable(world):
    world.engine.answer = lambda order: Answer(order.id, (CountColumn("n", (1,), "no noise"),))


def slow(seconds):
    def behave(world):
        def answer(order):
            world.clock.sleep_until(world.clock.monotonic() + seconds)
            return answer_to(order)

        world.engine.answer = answer

    return behave


def everything(world, query) -> str:
    """All that the analyst, an officer, a reviewer and a stranger can see, without what is random in every run."""
    seen = [
        read_query.view(world.enclave, world.ann, query).to_json(),
        [item.to_json() for item in read_query.listed(world.enclave, world.ann)],
        [item.to_json() for item in read_query.listed(world.enclave, world.olga)],
        world.ledger.size(),
        world.kinds(),
        [item.to_json() for item in review_desk.listed(world.enclave, world.rita)],
        [str(account) for account in world.ledger.accounts("patients", "clinic", None, "ann")],
        read_log.checkpoint(world.enclave, world.bob).splitlines()[1],
    ]
    try:
        read_release.release(world.enclave, world.ann, query)
        seen.append("released")
    except SandboxError as refusal:
        seen.append(refusal.problem())
    text = json.dumps(seen, sort_keys=True, ensure_ascii=False)
    text = re.sub(r"(q|o|g|rr)_[0-9A-HJKMNP-TV-Z]{26}", "ID", text)
    text = re.sub(r"k_[0-9a-f]{32}", "KEY", text)
    text = re.sub(r"\\n\\n— enclave\.test [A-Za-z0-9+/=]+", " SIGNED", text)
    text = re.sub(r"\\n[A-Za-z0-9+/]{43}=", " ROOT", text)
    return re.sub(r'"[0-9a-f]{64}"', "HASH", text)


def history(world, behave, moments, sql=COUNT) -> list[str]:
    behave(world)
    query = world.submit(sql).id
    world.settle_down()
    seen = []
    for moment in moments:
        world.at(moment)
        seen.append(everything(world, query))
    return seen


ENGINES = {
    "fast": fast,
    "dead": dead,
    "broken": broken,
    "unwritable": unwritable,
    "slow": slow(0.9),
    "late": slow(1.9),
    "never": slow(10**6),
}


@pytest.fixture
def slot() -> int:
    """Of COUNT over clinic.visits: 1,000 ms, and four passes (the key, the runs, the groups, the count) over a million rows
    at 30 ns, and one operator, four queries a worker, in ticks."""
    return 1750


def test_nothing_visible_changes_before_the_slot_whatever_the_engine_does(make_world, slot):
    moments = [0, 1, 250, 901, 1000, slot - 1]
    histories = {}
    for name, behave in ENGINES.items():
        world = make_world()
        world.register()
        world.grant()
        histories[name] = history(world, behave, moments)
    assert len({tuple(seen) for seen in histories.values()}) == 1
    assert all('"running"' in seen and "answer-pending" in seen for seen in histories["fast"])


def test_control_without_the_clock_a_fast_engine_is_seen_at_once(make_world, slot):
    histories = []
    for behave in (fast, slow(0.9)):
        world = make_world(clock_on=False)
        world.register()
        world.grant()
        histories.append(history(world, behave, [0, 1]))
    assert histories[0] != histories[1]
    assert '"done"' in histories[0][0] and '"running"' in histories[1][1]


@pytest.mark.parametrize(
    ("engine", "changes_at", "state", "kind"),
    [
        ("fast", 1, "done", "query.committed"),
        ("slow", 1, "done", "query.committed"),
        ("dead", 1, "failed", "query.forfeited"),
        ("broken", 1, "failed", "query.forfeited"),
        ("unwritable", 1, "failed", "query.forfeited"),
        ("late", 2, "done", "query.committed"),
        ("never", 8, "failed", "query.forfeited"),
    ],
)
def test_it_is_settled_at_its_slot_exactly(world, slot, engine, changes_at, state, kind):
    ENGINES[engine](world)
    query = world.submit()
    assert query.visible_at == world.clock.now() + slot * (query.visible_at - query.accepted_at) / slot
    for number in range(1, 9):
        world.at(number * slot - 1)
        before = read_query.view(world.enclave, world.ann, query.id)
        assert before.state == ("running" if number <= changes_at else state)
        world.at(number * slot)
        after = read_query.view(world.enclave, world.ann, query.id)
        assert after.state == ("running" if number < changes_at else state)
    settled = [item for item in world.entries() if item["kind"] in (kind, "release.released")]
    assert [item["kind"] for item in settled] == [kind, "release.released"][: 2 if state == "done" else 1]
    for item in settled:
        assert item["at"].endswith(f"{changes_at * slot // 1000:02d}.{changes_at * slot % 1000:03d}000Z")


def test_a_held_answer_is_in_review_from_its_slot_on(world, slot):
    """Also to the reviewer: before the slot there is no review."""
    world.grant("ann", purpose="held", review="held")
    query = world.submit(purpose="held")
    world.at(slot - 1)
    assert read_query.view(world.enclave, world.ann, query.id).review is None
    assert review_desk.listed(world.enclave, world.rita) == []
    world.at(slot)
    assert read_query.view(world.enclave, world.ann, query.id).state == "in-review"
    assert len(review_desk.listed(world.enclave, world.rita)) == 1
    assert world.kinds()[-1] == "query.committed"


def test_the_review_s_id_is_made_at_the_slot(world, slot):
    """Its first ten characters are a time: not that of the engine's return."""
    slow(0.3)(world)
    query = world.submit()
    world.at(slot / 2)
    world.at(slot)
    opening = world.ledger.review_of(world.ledger.query(query.id).order).opening
    assert ULID.from_str(opening.id.removeprefix("rr_")).datetime == world.clock.now()


def test_while_late_the_view_names_the_next_slot(world, slot):
    slow(10**6)(world)
    query = world.submit()
    for elapsed, expected in ((0, 1), (slot - 1, 1), (slot, 2), (2 * slot, 4), (4 * slot, 8)):
        world.at(elapsed)
        shown = read_query.view(world.enclave, world.ann, query.id).visible_at
        assert (shown - query.accepted_at).total_seconds() * 1000 == expected * slot
        with pytest.raises(AnswerPending) as pending:
            read_release.release(world.enclave, world.ann, query.id)
        assert pending.value.facts["visible_at"].startswith(shown.isoformat()[:19])


def test_an_answer_after_the_last_slot_is_thrown_away(world, slot):
    slow(8 * slot / 1000 + 1)(world)
    query = world.submit()
    for moment in (slot, 2 * slot, 4 * slot, 8 * slot, 8 * slot + 2_000):
        world.at(moment)
    assert read_query.view(world.enclave, world.ann, query.id).state == "failed"
    assert world.kinds()[-1] == "query.forfeited"
    with pytest.raises(MeasurementForfeited) as forfeited:
        read_release.release(world.enclave, world.ann, query.id)
    assert forfeited.value.facts["spent"] == query.cost.amount != "0"


def test_the_engines_deadline_is_the_last_slot(world, slot):
    world.submit()
    world.settle_down()
    assert world.engine.orders[0].deadline_ms == 8 * slot
    assert (world.engine.orders[0].boot, world.engine.orders[0].reserved.units > 0) == ("boot-1", True)


def test_two_questions_of_one_plan_shape_have_one_slot(world):
    """The slot of a question does not depend on its constants, nor on who asks, nor on what ran before."""
    first = world.submit(MEAN)
    world.at(60_000)
    second = world.submit(MEAN.replace("30", "31"), "key-00002")
    assert first.visible_at - first.accepted_at == second.visible_at - second.accepted_at


def test_the_answers_delivered_twice_counts_once():
    from sandbox.service.desk import Running

    running = Running("q", "ann", "k", 0.0, 1000)
    assert running.outcome() == (False, None)
    running.deliver(None)
    running.deliver("an answer")
    assert running.outcome() == (True, None)


def test_a_ledger_that_fails_at_the_slot_is_tried_at_the_next(world, slot, monkeypatch):
    from sandbox.terms.refusal import AuditUnavailable

    query = world.submit()
    commit, tries = world.ledger.commit, []

    def failing(*arguments):
        tries.append(world.clock.elapsed)
        if len(tries) < 3:
            raise AuditUnavailable
        return commit(*arguments)

    monkeypatch.setattr(world.ledger, "commit", failing)
    for number in (1, 2, 4):
        assert read_query.view(world.enclave, world.ann, query.id).state == "running"
        world.at(number * slot)
    assert tries == [slot / 1000, 2 * slot / 1000, 4 * slot / 1000]
    assert read_query.view(world.enclave, world.ann, query.id).state == "done"


def test_a_pool_that_closes_between_the_two_jobs_forfeits_at_the_slot(world, slot):
    submit, jobs = world.jobs.submit, []

    def once(job):
        if jobs:
            raise RuntimeError
        jobs.append(job)
        submit(job)

    world.jobs.submit = once
    query = world.submit()
    world.at(slot - 1)
    assert read_query.view(world.enclave, world.ann, query.id).state == "running"
    world.at(slot)
    assert read_query.view(world.enclave, world.ann, query.id).state == "failed"
    assert world.kinds()[-1] == "query.forfeited" and world.engine.orders == []


def test_a_closing_pool_without_the_clock(make_world):
    world = make_world(clock_on=False)
    world.register()
    world.grant()
    world.jobs.closed = True
    assert world.submit().state == "failed"


def test_a_closing_pool_leaves_a_paid_reservation_that_is_seen_as_failed(world):
    world.jobs.closed = True
    query = world.submit()
    assert query.state == "failed"
    assert [record.id for record in world.ledger.unsettled()] == [query.id]
    with pytest.raises(Fault):
        read_release.release(world.enclave, world.ann, query.id)


def test_settings_are_checked(bare):
    limits = ("tick_ms", "max_running", "max_running_per_person", "max_loads", "workers", "worker_memory")
    for wrong in ({name: 0} for name in limits):
        with pytest.raises(ValueError):
            replace(bare.settings, **wrong)
