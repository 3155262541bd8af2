"""What a worker may need is known before anything is spent, and a query that could need too much is refused."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hand_plans import a_key
from hand_plans import a_plan_over as plan
from hypothesis import given
from hypothesis import strategies as st
from service_world import CLINIC, COUNT, request

from sandbox.plan.answer_sizes import answer_bytes
from sandbox.plan.answers import CountOutput, KeyOutput, MeanOutput, SumOutput
from sandbox.plan.measurement import GroupKey
from sandbox.plan.nodes import ColumnRef, NullTest
from sandbox.plan.primitives import CountRows, CountUnits, CountValues, SumValues
from sandbox.plan.query import Plan
from sandbox.service import check_query, register_dataset
from sandbox.service.memory_bound import ANSWER_BYTES_MAX, BASE_BYTES, ROW_GROUP, check_memory, worker_bytes
from sandbox.terms.answer import Answer, CountColumn, KeyColumn, MeanColumn, Noise
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.dataset import Column, Table, Type
from sandbox.terms.description import parse_description
from sandbox.terms.refusal import MemoryBound

GIB = 2**30
NOTE, CITY = ColumnRef("note", Type.STRING), ColumnRef("city", Type.STRING)
KEYED = ColumnRef("k", Type.STRING)
TABLE = Table(
    "t", "u", 10**6, 5, 5,
    (
        Column("u", Type.INT),
        Column("note", Type.STRING, max_length=10_000),
        Column("city", Type.STRING, max_length=20),
        Column("k", Type.STRING, keys=("a", "b"), max_length=10_000),
        Column("bare", Type.STRING),
        *(Column(name, Type.INT) for name in "gn"),
        *(Column(f"c{number}", Type.FLOAT) for number in range(1_500)),
    ),
)  # fmt: skip


TABLES = {("d", "t"): TABLE}


def sums(count: int) -> list[SumValues]:
    return [
        SumValues(ColumnRef(f"c{number}", Type.FLOAT), Fraction(0), Fraction(9), Fraction(0), Fraction(1))
        for number in range(count)
    ]


def refused(asked: Plan, limit: int = 8 * GIB) -> bool:
    try:
        check_memory(asked, TABLES, limit)
    except MemoryBound:
        return True
    return False


def test_rows_and_operators_do_not_make_memory_grow_beyond_a_row_group():
    few, many = plan(ROW_GROUP, primitives=sums(40)), plan(10**8, primitives=sums(40))
    assert worker_bytes(many, TABLES) - worker_bytes(few, TABLES) == (10**8 - ROW_GROUP) * 24
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
    keys = (a_key("g", Type.INT, range(100_000)),)
    assert not refused(plan(keys=keys, primitives=sums(100)))
    assert refused(plan(keys=keys, primitives=[CountValues(NOTE), *sums(1_500)]))


@given(st.integers(1, 10**11), st.integers(0, 10**9), st.sampled_from([CITY, NOTE, KEYED]), st.integers(0, 20))
def test_more_rows_never_need_less(rows_max, more, column, count):
    small, large = (
        plan(rows, where=NullTest(column), primitives=[CountRows(), *sums(count)])
        for rows in (rows_max, rows_max + more)
    )
    assert BASE_BYTES < worker_bytes(small, TABLES) <= worker_bytes(large, TABLES)


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
        check_memory(
            plan(table.rows_max, where=NullTest(NOTE)), {("d", "t"): table}, bare.enclave.settings.worker_memory
        )


def test_an_answer_too_large_to_send_is_refused_before_it_is_paid_for():
    """100,000 groups fit with a few columns; with sixty sums the frame would be too small."""
    keys = (a_key("k", Type.INT, range(100_000)),)
    total = SumValues(ColumnRef("n", Type.INT), Fraction(0), Fraction(9), Fraction(0), Fraction(1))

    def wide(columns: int) -> Plan:
        outputs = (KeyOutput("k", 0, Type.INT), *(SumOutput(f"s{number}", 0, Type.INT) for number in range(columns)))
        return plan(keys=keys, primitives=(total,), outputs=outputs)

    check_memory(wide(5), TABLES, 8 * GIB)
    with pytest.raises(MemoryBound, match="too large to send"):
        check_memory(wide(60), TABLES, 8 * GIB)


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
    outputs = (KeyOutput("k", 0, Type.STRING), CountOutput("n", 0), MeanOutput("m", 1, 0))
    made = plan(10, keys=(a_key("k", Type.STRING, keys),), primitives=(CountRows(), total), outputs=outputs)
    empty = replace_columns(answer)
    assert len(canonical_bytes(answer.to_json())) - len(canonical_bytes(empty.to_json())) <= answer_bytes(made)


def test_an_answer_of_private_keys_weighs_no_more_than_was_reckoned():
    """Whatever the texts are: here control characters, which are longest in JSON."""
    noise, lines = Noise("discrete gaussian", (1e9).hex()), 5
    key = GroupKey(CITY, Type.STRING, None, 20)
    outputs = (KeyOutput("k", 0, Type.STRING), CountOutput("n", 0))
    made = plan(lines, keys=(key,), primitives=(CountUnits(),), outputs=outputs)
    texts = tuple("\x1f" * 19 + chr(number) for number in range(lines))
    answer = Answer("o", (KeyColumn("k", Type.STRING, texts), CountColumn("n", (-(2**63),) * lines, noise)))
    empty = replace(answer, columns=tuple(replace(c, **{f: ()}) for c, f in zip(answer.columns, ("values", "integers"), strict=True)))  # fmt: skip
    weight = len(canonical_bytes(answer.to_json())) - len(canonical_bytes(empty.to_json()))
    assert lines * 19 * 6 < weight <= answer_bytes(made)


@pytest.mark.parametrize("length", [1, 20, 40, 200])
def test_selected_groups_fit_into_an_answer_on_tables_of_any_size(length):
    """So many show at most, whatever the rows. With very many columns they would not fit."""
    key = GroupKey(CITY, Type.STRING, None, length)

    def wide(columns: int) -> Plan:
        outputs = (KeyOutput("k", 0, Type.STRING), *(CountOutput(f"n{number}", 0) for number in range(columns)))
        return plan(10**8, keys=(key,), primitives=(CountUnits(),), outputs=outputs)

    assert answer_bytes(wide(4)) == answer_bytes(plan_of_rows(wide(4), 10**10)) <= ANSWER_BYTES_MAX
    assert answer_bytes(wide(1_000)) > ANSWER_BYTES_MAX


def plan_of_rows(made: Plan, rows_max: int) -> Plan:
    (one,) = made.measurements
    return replace(made, measurements=(replace(one, relation=replace(one.relation, rows_max=rows_max)),))


def replace_columns(answer):
    """The same answer without rows: what is left is its frame."""
    key, count, mean = answer.columns
    return replace(
        answer,
        columns=(replace(key, values=()), replace(count, integers=()), replace(mean, totals=(), counts=())),
    )
