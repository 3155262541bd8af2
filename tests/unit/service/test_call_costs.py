"""What a function or an operator on texts takes is in the slot: one unit may bring a new, long text in every row."""

import pytest
from hand_plans import a_plan_over as plan

from sandbox.plan.facts import Facts
from sandbox.plan.functions.table import FUNCTIONS
from sandbox.plan.nodes import Call, Case, ColumnRef, Comparison, Expression, Literal, NullTest
from sandbox.service.call_costs import calls_ns, costly
from sandbox.service.release_clock import slot_ms
from sandbox.terms.dataset import Column, Table, Type

NOTE, SEX, AGE = ColumnRef("note", Type.STRING), ColumnRef("sex", Type.STRING), ColumnRef("age", Type.INT)
COLUMNS = (
    Column("age", Type.INT, low=0, high=99),
    Column("note", Type.STRING, max_length=200),
    Column("sex", Type.STRING, keys=("F", "M")),
)
FACTS = {
    "note": Facts(Type.STRING, max_length=200),
    "sex": Facts(Type.STRING, values=frozenset({"F", "M"}), max_length=1),
    "free": Facts(Type.STRING),
    "age": Facts(Type.INT),
}
TABLES = {("d", "t"): Table("t", "u", 1_000_000, 1, 1, COLUMNS)}
MEASURED_NS = {
    "initcap": 79_000, "lower": 33_400, "upper": 28_600, "cast_bool": 26_200, "ascii": 3_000, "cast_float": 4_300,
    "cast_int": 3_800, "cast_date": 2_800, "cast_timestamp": 2_900, "reverse": 2_500, "length": 83, "trim": 60,
}  # fmt: skip
"""Nanoseconds for a text of 200 characters, where all texts of a block differ."""


def call(name: str, *operands: Expression) -> Call:
    kind = FUNCTIONS[name].result_type([item.type for item in operands])
    assert kind is not None
    return Call(name, operands, kind)


@pytest.mark.parametrize("name", MEASURED_NS)
def test_calls_on_texts_have_twice_what_was_measured(name: str) -> None:
    assert calls_ns(call(name, NOTE), FACTS) >= 2 * MEASURED_NS[name]


def test_costs_follow_the_longest_text_and_add_up() -> None:
    once = calls_ns(call("lower", NOTE), FACTS)
    assert calls_ns(call("lower", ColumnRef("free", Type.STRING)), FACTS) > 20 * once
    assert calls_ns(call("lower", call("lower", NOTE)), FACTS) == 2 * once


def test_few_declared_texts_cost_little() -> None:
    assert 0 < calls_ns(call("initcap", SEX), FACTS) < calls_ns(call("initcap", NOTE), FACTS) / 1000


def test_operators_on_texts_cost_too_and_columns_alone_do_not() -> None:
    same = Comparison("=", NOTE, Literal("a", Type.STRING))
    chosen = Case(((same, NOTE),), Literal("b", Type.STRING), Type.STRING)
    assert calls_ns(chosen, FACTS) > calls_ns(same, FACTS) > 0
    assert not costly(NOTE) and not costly(NullTest(AGE))
    assert calls_ns(call("power", AGE, AGE), FACTS) > calls_ns(call("abs", AGE), FACTS) > 0


def test_a_slot_has_room_for_a_function_of_a_new_text_in_every_row() -> None:
    """Control: without the calls' costs the slot would not be long enough for a million texts."""

    def slot(operand: Expression) -> int:
        return slot_ms(plan(1_000_000, where=NullTest(operand)), TABLES, 10, 1)

    assert slot(call("initcap", NOTE)) - slot(NOTE) >= 1_000_000 * MEASURED_NS["initcap"] / 10**6
    assert slot(call("initcap", SEX)) - slot(SEX) < 1_000
