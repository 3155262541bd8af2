"""What a worker may need is known before anything is spent, and a query that could need too much is refused."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_world import CLINIC, COUNT, request

from sandbox.plan.nodes import (
    ColumnRef,
    ContributionBounds,
    CountOutput,
    CountRows,
    CountValues,
    GroupKey,
    KeyOutput,
    MeanOutput,
    NullTest,
    Plan,
    SumOutput,
    SumValues,
)
from sandbox.service import check_query, register_dataset
from sandbox.service.memory_bound import BASE_BYTES, ROW_GROUP, answer_bytes, check_memory, worker_bytes
from sandbox.terms.answer import Answer, CountColumn, KeyColumn, MeanColumn, Noise
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.dataset import Column, Table, Type
from sandbox.terms.description import parse_description
from sandbox.terms.refusal import MemoryBound

GIB = 2**30
NOTE, CITY = ColumnRef("note", Type.STRING), ColumnRef("city", Type.STRING)
ROWS = (CountRows(),)
KEYED = ColumnRef("k", Type.STRING)
TABLE = Table(
    "t", "u", 10**6, 5, 5,
    (
        Column("u", Type.INT),
        Column("note", Type.STRING, max_length=10_000),
        Column("city", Type.STRING, max_length=20),
        Column("k", Type.STRING, keys=("a", "b"), max_length=10_000),
        Column("bare", Type.STRING),
    ),
)  # fmt: skip


def plan(rows_max=10**6, where=None, keys=(), primitives=ROWS) -> Plan:
    bounds = ContributionBounds(1, 1, 1)
    return Plan("s", "d", "t", rows_max, where, keys, bounds, tuple(primitives), (CountOutput("n", 0),))


def sums(count: int) -> list[SumValues]:
    return [
        SumValues(ColumnRef(f"c{number}", Type.FLOAT), Fraction(0), Fraction(9), Fraction(0), Fraction(1))
        for number in range(count)
    ]


def refused(asked: Plan, limit: int = 8 * GIB) -> bool:
    try:
        check_memory(asked, TABLE, limit)
    except MemoryBound:
        return True
    return False


def test_rows_and_operators_do_not_make_memory_grow_beyond_a_row_group():
    few, many = plan(ROW_GROUP, primitives=sums(40)), plan(10**8, primitives=sums(40))
    assert worker_bytes(many, TABLE) - worker_bytes(few, TABLE) == (10**8 - ROW_GROUP) * 24
    assert not refused(many)
    assert refused(plan(10**9))  # the runs alone


def test_text_counts_by_its_declared_length_and_keys_do_not():
    assert not refused(plan(where=NullTest(CITY)))
    assert not refused(plan(where=NullTest(KEYED)))
    assert refused(plan(where=NullTest(NOTE)))
    assert not refused(plan(20_000, where=NullTest(NOTE)))
    assert refused(plan(where=NullTest(ColumnRef("bare", Type.STRING))))  # no length is any length


def test_text_of_32_bit_offsets_is_refused_however_large_the_worker():
    assert refused(plan(where=NullTest(NOTE)), 10**15)
    assert not refused(plan(50_000, where=NullTest(NOTE)), 10**15)


def test_groups_times_primitives_count():
    keys = (GroupKey("g", Type.INT, tuple(range(100_000))),)
    assert not refused(plan(keys=keys, primitives=sums(100)))
    assert refused(plan(keys=keys, primitives=[CountValues(NOTE), *sums(1_500)]))


@given(st.integers(1, 10**11), st.integers(0, 10**9), st.sampled_from([CITY, NOTE, KEYED]), st.integers(0, 20))
def test_more_rows_never_need_less(rows_max, more, column, count):
    small = plan(rows_max, where=NullTest(column), primitives=[CountRows(), *sums(count)])
    assert BASE_BYTES < worker_bytes(small, TABLE) <= worker_bytes(replace(small, rows_max=rows_max + more), TABLE)


def test_it_is_refused_before_anything_is_reserved_and_by_check_alike(make_world):
    world = make_world(worker_memory=BASE_BYTES)
    world.register()
    world.grant()
    for ask in (
        lambda: world.submit(COUNT),
        lambda: check_query.check(world.enclave, world.ann, request(COUNT)),
    ):
        with pytest.raises(MemoryBound) as refusal:
            ask()
        assert "0.5 GiB" in refusal.value.detail
    assert "query.reserved" not in world.kinds()
    assert [account.spent.units for account in world.ledger.accounts("patients", "clinic", None, "ann")] == [0] * 3


def test_control_with_the_memory_of_a_worker_the_same_question_runs(world):
    assert world.submit(COUNT).state == "running"


def test_a_long_text_column_on_a_large_table_is_refused_by_its_declaration(bare):
    text = CLINIC.replace(
        'note = { type = "string", role = "withheld" }', 'note = { type = "string", max_length = 10_000 }'
    )
    register_dataset.register(bare.enclave, bare.sue, text, "clinic.toml")
    table = parse_description(text).table("visits")
    with pytest.raises(MemoryBound):
        check_memory(plan(table.rows_max, where=NullTest(NOTE)), table, bare.enclave.settings.worker_memory)


def test_an_answer_too_large_to_send_is_refused_before_it_is_paid_for():
    """100,000 groups fit with a few columns; with sixty sums the frame would be too small."""
    keys = tuple(range(100_000))
    total = SumValues(ColumnRef("n", Type.INT), Fraction(0), Fraction(9), Fraction(0), Fraction(1))
    bounds = ContributionBounds(5, 5, 5)

    def plan(columns):
        outputs = (KeyOutput("k", 0), *(SumOutput(f"s{number}", 0, Type.INT) for number in range(columns)))
        return Plan("s", "d", "t", 10**6, None, (GroupKey("k", Type.INT, keys),), bounds, (total,), outputs)

    check_memory(plan(5), TABLE, 8 * GIB)
    with pytest.raises(MemoryBound, match="too large to send"):
        check_memory(plan(60), TABLE, 8 * GIB)


def test_an_answer_weighs_no_more_than_was_reckoned():
    noise = Noise("discrete gaussian", (1e9).hex())
    keys = ('a"b\\c', "東" * 20)
    widest = (-(2**63),) * 2
    answer = Answer(
        "o",
        (
            KeyColumn("k", Type.STRING, keys),
            CountColumn("n", widest, noise),
            MeanColumn("m", widest, widest, *(Fraction(1, 3),) * 4, noise, noise),
        ),
    )
    total = SumValues(ColumnRef("n", Type.INT), Fraction(0), Fraction(9), Fraction(0), Fraction(1))
    plan = Plan(
        "s", "d", "t", 10, None, (GroupKey("k", Type.STRING, keys),), ContributionBounds(5, 2, 5),
        (CountRows(), total), (KeyOutput("k", 0), CountOutput("n", 0), MeanOutput("m", 1, 0)),
    )  # fmt: skip
    empty = replace_columns(answer)
    assert len(canonical_bytes(answer.to_json())) - len(canonical_bytes(empty.to_json())) <= answer_bytes(plan)


def replace_columns(answer):
    """The same answer without rows: what is left is its frame."""
    key, count, mean = answer.columns
    return replace(
        answer,
        columns=(replace(key, values=()), replace(count, integers=()), replace(mean, totals=(), counts=())),
    )
