"""Group keys: which values are public, which keys are selected privately, and which cannot be keys."""

import pytest
from bound_columns import VISITS, TableColumns, item, parsed
from hypothesis import given
from hypothesis import strategies as st
from plan_examples import CLINIC

from sandbox.plan.compile import compile_query
from sandbox.plan.evaluate import evaluate
from sandbox.plan.group_keys import GROUPS_MAX, TEXT_MAX, UNDECLARED_MAX, bind_key
from sandbox.plan.measurement import GroupKey
from sandbox.plan.nodes import ColumnRef, type_of
from sandbox.plan.rewrite import normalise
from sandbox.plan.soundness import KEY_LENGTH_MAX, check_plan
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Type
from sandbox.terms.moments import date_text
from sandbox.terms.refusal import KeysNotPublic, PlanNotSupported, RangeTooWide, UnitColumnUse, UnknownColumn


def key(text: str) -> GroupKey:
    node, scope = item(text)
    return bind_key(node, scope)


def refused(text: str) -> Unanswerable:
    with pytest.raises(Unanswerable) as caught:
        key(text)
    return caught.value


def works(candidate: str) -> bool:
    query, text = parsed(candidate)
    try:
        bind_key(query.tree.expressions[0], TableColumns(text))
    except Unanswerable:
        return False
    return True


PUBLIC = [
    ("sex", ("F", "M")),
    ("(sex)", ("F", "M")),
    ("ward", (1, 2, 3)),
    ("day", ("2024-01-01", "2024-01-02")),
    ("urgent", (False, True)),
    ("age > 18", (False, True)),
    ("age // 50", (0, 1, 2)),
    ("ward * 10", (10, 20, 30)),
    ("age", tuple(range(111))),
    ("substring(sex, 1, 1)", ("F", "M")),
    ("lower(sex)", ("f", "m")),
    ("coalesce(sex, '?')", ("?", "F", "M")),
    ("sex || ward::varchar", ("F1", "F2", "F3", "M1", "M2", "M3")),
    ("case when age < 18 then 'child' else 'adult' end", ("adult", "child")),
    ("case when age < 18 then 'child' when age < 65 then 'adult' end", ("adult", "child")),
    ("case city when 'Bern' then 'capital' else sex end", ("F", "M", "capital")),
    ("width_bucket(cost, 0, 5000, 2)", (1, 2, 3)),
    ("date_trunc('year', visited)", ("2024-01-01", "2025-01-01")),
    ("date_trunc('quarter', visited)", tuple(f"{y}-{m:02}-01" for y in (2024, 2025) for m in (1, 4, 7, 10))),
    ("year(visited)", (2024, 2025)),
    ("isodow(visited)", tuple(range(1, 8))),
    ("month(seen)", tuple(range(1, 13))),
    ("hour(seen)", tuple(range(24))),
    ("visited", tuple(date_text(day) for day in range(19_723, 20_454))),
]


@pytest.mark.parametrize(("text", "values"), PUBLIC)
def test_what_declarations_enumerate_is_public(text, values):
    made = key(text)
    assert made.values == values
    assert made.max_length == 0
    assert made.type is type_of(made.operand)


@pytest.mark.parametrize(
    ("text", "kind", "length"),
    [
        ("city", Type.STRING, 200),
        ("left(city, 3)", Type.STRING, 3),
        ("lower(city)", Type.STRING, 200),
        ("serial", Type.INT, 0),
        ("big", Type.INT, 0),
        ("weight::bigint", Type.INT, 0),
        ("seen::date", Type.DATE, 0),
        ("year(seen)", Type.INT, 0),
        ("date_trunc('month', seen::date)", Type.DATE, 0),
    ],
)
def test_other_values_are_private(text, kind, length):
    made = key(text)
    assert made == GroupKey(made.operand, kind, None, length)


def test_many_values_are_public_only_where_declared():
    assert len(key("visited").values or ()) == 731 > UNDECLARED_MAX
    assert key("year(seen)").values is None
    assert key("month(seen)").values is not None


@pytest.mark.parametrize(
    ("text", "kind", "at"),
    [
        ("seen", KeysNotPublic, "seen"),
        ("date_trunc('hour', seen)", KeysNotPublic, "date_trunc('hour', seen)"),
        ("cost", KeysNotPublic, "cost"),
        ("weight", KeysNotPublic, "weight"),
        ("cost / 10", KeysNotPublic, "cost / 10"),
        ("round(cost)", KeysNotPublic, "round(cost)"),
        ("city || sex", RangeTooWide, "city || sex"),
        ("repeat(city, 3)", RangeTooWide, "repeat(city, 3)"),
        ("patient_id", UnitColumnUse, "patient_id"),
        ("(patient_id)", UnitColumnUse, "patient_id"),
        ("'all'", KeysNotPublic, "'all'"),
        ("1 + 1", KeysNotPublic, None),
        ("nosuch", UnknownColumn, "nosuch"),
        ("count(*)", PlanNotSupported, "count(*)"),
    ],
)
def test_a_refused_key_names_the_place_and_what_works(text, kind, at):
    found = refused(text)
    assert type(found.refusal) is kind
    span = found.refusal.span
    assert at is None or f"select {text} from visits"[span.column - 1 : span.column - 1 + span.length] == at
    if kind in (KeysNotPublic, RangeTooWide) and "'all'" not in text and "1 + 1" not in text:
        assert any(map(works, found.candidates))


def test_the_advice_for_a_bounded_number_is_its_histogram():
    assert refused("cost").candidates[0] == "select width_bucket(cost, 0, 5000, 10) from visits"
    assert refused("weight").candidates[0] == "select cast(weight as bigint) from visits"
    assert refused("seen").candidates[0] == "select cast(seen as date) from visits"


def test_limits():
    assert TEXT_MAX <= KEY_LENGTH_MAX
    assert UNDECLARED_MAX < GROUPS_MAX


ROWS = st.fixed_dictionaries(
    {
        "sex": st.none() | st.sampled_from(["F", "M"]),
        "ward": st.none() | st.sampled_from([1, 2, 3]),
        "day": st.none() | st.sampled_from([19_723, 19_724]),
        "urgent": st.none() | st.booleans(),
        "age": st.none() | st.integers(0, 110),
        "cost": st.none() | st.floats(0, 5000),
        "visited": st.none() | st.integers(19_723, 20_453),
        "seen": st.none() | st.integers(0, 2**51),
        "city": st.none() | st.sampled_from(["Bern", "", "Zürich"]),
    }
)


@given(st.sampled_from([text for text, _ in PUBLIC]), ROWS)
def test_every_value_of_a_row_is_among_the_public_ones(text, row):
    made = key(text)
    value = evaluate(made.operand, row)
    shown = date_text(value) if made.type is Type.DATE and isinstance(value, int) else value
    assert value is None or shown in (made.values or ())


def test_keys_are_in_normal_form():
    for text, _ in PUBLIC:
        made = key(text)
        assert normalise(made.operand) == made.operand
    assert key("sex").operand == ColumnRef("sex", Type.STRING)
    assert VISITS.column("sex") is not None


def test_a_text_key_that_is_always_null_is_a_private_one():
    """No text of `sex` is a day, so the key has no value at all: the plan is sound, and no group shows."""
    plan = compile_query("select monthname(cast(sex as date)) as k, count(*) as n from visits group by 1", CLINIC)
    check_plan(plan)
    (key,) = plan.measurements[0].keys
    assert (key.values, key.max_length) == (None, 1)
