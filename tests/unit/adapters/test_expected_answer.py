"""The control plane's check of an engine's answer: every form that the plan allows passes, each single change does not."""

from dataclasses import replace
from fractions import Fraction

import pytest
from noisy_plans import (
    AGES,
    NO_WARDS,
    SITE_LINES,
    SITE_TABLE,
    SITES,
    WARD_TABLE,
    WARDS,
    a_plan_of,
    a_spec,
    by_site,
    by_ward,
    column,
    measurement,
    quantiles,
    whole,
)

from sandbox.adapters.expected_answer import check_answer
from sandbox.plan.answers import CountOutput, Derived, Kept, KeyOutput, Matched, Measured, Ordered
from sandbox.plan.measurement import GroupKey
from sandbox.plan.nodes import Arithmetic, ColumnRef, Comparison
from sandbox.plan.primitives import CountRows, CountUnits
from sandbox.plan.relations import Order
from sandbox.terms.answer import Answer, ComputedColumn, CountColumn, KeyColumn, Noise
from sandbox.terms.dataset import Type
from workers.finish import finish
from workers.noisy_table import NoisyTable

N, NAME = column(SITES, "n"), column(SITES, "site")
LESS = Noise("discrete gaussian", (0.5).hex())
OTHERS = Measured(1, (KeyOutput("place", 0, Type.STRING), CountOutput("m", 0)))


def made(table, *measurements, noisy=(SITE_TABLE,)):
    plan = a_plan_of(table, *measurements)
    return plan, finish("o", plan, a_spec(plan), noisy)


def passes(plan, answer, order="o"):
    try:
        check_answer(answer, order, plan, a_spec(plan))
    except ValueError as refused:
        assert not any(digit in str(refused) for digit in "0123456789")  # no number of the answer is told
        return False
    return True


def changed(answer, name, /, **changes):
    return replace(
        answer, columns=tuple(replace(item, **changes) if item.name == name else item for item in answer.columns)
    )


MEASURED = {
    "another name": ("n", {"name": "x"}),
    "a line less": ("n", {"integers": (1, 2)}),
    "beyond int64": ("n", {"integers": (1, 2, 2**63)}),
    "less noise": ("n", {"noise": LESS}),
    "another mechanism": ("n", {"noise": Noise("discrete laplace", (2.0).hex())}),
    "less noise in a sum": ("total", {"noise": LESS}),
    "another granularity": ("total", {"granularity": Fraction(1)}),
    "another type": ("total", {"type": Type.INT}),
    "less noise in a mean": ("mean", {"total_noise": LESS}),
    "less noise in its count": ("mean", {"count_noise": LESS}),
    "counts of another length": ("mean", {"counts": (1, 2)}),
    "another center": ("mean", {"center": Fraction(0)}),
    "other bounds": ("mean", {"high": Fraction(10**6)}),
    "other keys": ("site", {"values": ("a", "b", "x")}),
    "keys in another order": ("site", {"values": ("b", "a", "c")}),
    "a key for another": ("site", {"values": ("a", "a", "c")}),
    "a key that is NULL": ("site", {"values": ("a", "b", None)}),
    "keys of another type": ("site", {"type": Type.INT}),
}


@pytest.mark.parametrize("what", MEASURED)
def test_no_change_of_a_measured_column_passes(what):
    plan, answer = made(SITES)
    assert passes(plan, answer)
    name, changes = MEASURED[what]
    assert not passes(plan, changed(answer, name, **changes))


def test_another_order_and_other_columns_do_not_pass():
    plan, answer = made(SITES)
    assert not passes(plan, answer, "p")
    assert not passes(plan, replace(answer, columns=answer.columns[1:]))
    assert not passes(plan, replace(answer, columns=(*answer.columns, answer.columns[1])))
    assert not passes(plan, replace(answer, columns=answer.columns[::-1]))
    assert not passes(plan, Answer("o", ()))
    for one, kind in (("site", "n"), ("n", "total"), ("total", "mean")):
        other = replace(next(item for item in answer.columns if item.name == kind), name=one)
        columns = tuple(other if item.name == one else item for item in answer.columns)
        assert not passes(plan, replace(answer, columns=columns))


def test_after_having_any_declared_keys_in_any_order_pass():
    plan, answer = made(Kept(SITES, Comparison(">", N, whole(5))))
    assert answer.columns[0].numbers() == ("a", "c")
    assert passes(plan, answer)
    assert passes(plan, changed(answer, "site", values=("c", "b")))
    for wrong in (("a", "x"), ("a", None), ("a", 1), ("a", True)):
        assert not passes(plan, changed(answer, "site", values=wrong))
    short = tuple(replace(item, values=("a",)) for item in answer.columns[:1])
    assert not passes(plan, replace(answer, columns=short + answer.columns[1:]))


def cut(table, lines):
    columns = []
    for item in table.columns:
        fields = [name for name in ("values", "integers", "totals", "counts") if hasattr(item, name)]
        columns.append(replace(item, **{name: (getattr(item, name) * 9)[:lines] for name in fields}))
    return replace(table, columns=tuple(columns))


@pytest.mark.parametrize(
    ("table", "allowed"),
    [
        (SITES, {3}),
        (Kept(SITES, Comparison(">", N, whole(5))), {0, 1, 2, 3}),
        (Ordered(SITES, (Order(N, True, False),), 2, 0), {2}),
        (Ordered(Kept(SITES, Comparison(">", N, whole(5))), (), 2, 0), {0, 1, 2}),
        (Derived(SITES, (("n", N),)), {3}),
    ],
)
def test_only_as_many_lines_pass_as_the_plan_allows(table, allowed):
    plan, answer = made(table)
    for lines in range(6):
        assert passes(plan, cut(answer, lines)) == (lines in allowed), lines


def test_selected_groups_are_texts_within_their_length_and_each_once():
    for noisy in (WARD_TABLE, NO_WARDS):
        plan, answer = made(WARDS, by_ward(), noisy=(noisy,))
        assert passes(plan, answer)
    plan, answer = made(WARDS, by_ward(), noisy=(WARD_TABLE,))
    assert passes(plan, changed(answer, "ward", values=("anything", "w" * 20)))
    for wrong in (("east", "w" * 21), ("east", None), ("east", 5), ("east", "east")):
        assert not passes(plan, changed(answer, "ward", values=wrong))
    assert not passes(plan, cut(answer, 1_001))


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Type.INT, [0, -(2**63), 2**63 - 1], [2**63, True, "1", None]),
        (Type.BOOL, [True, False], [1, "true", None]),
        (Type.DATE, ["2026-02-28", "0001-01-01"], ["2026-02-30", "2026-2-1", "x", 5, "2026-01-01T00:00"]),
    ],
)
def test_selected_groups_are_of_their_type(kind, good, bad):
    key = GroupKey(ColumnRef("k", kind), kind, None)
    table = Measured(0, (KeyOutput("k", 0, kind), CountOutput("n", 1)))
    plan, answer = made(
        table, measurement(CountUnits(), CountRows(), keys=(key,)), noisy=(NoisyTable(((good[0],),), ((1,), (2,))),)
    )
    for value in good:
        assert passes(plan, changed(answer, "k", values=(value,))), value
    for value in bad:
        assert not passes(plan, changed(answer, "k", values=(value,))), value


def test_computed_columns_have_their_type_meaning_and_noise():
    expression = Arithmetic("*", N, whole(2), Type.INT)
    plan, answer = made(Derived(SITES, (("twice", expression),)))
    assert passes(plan, answer)
    assert passes(plan, changed(answer, "twice", values=("5", None, str(-(2**63)))))
    wrong = [
        {"type": Type.FLOAT},
        {"meaning": "exact"},
        {"noise": LESS},
        {"noise": None, "step": Fraction(0)},
        {"step": Fraction(1)},
        {"values": ("5", "6", "x")},
        {"values": ("5", "6", str(2**63))},
        {"values": ("5", "6", "07")},
    ]
    for changes in wrong:
        assert not passes(plan, changed(answer, "twice", **changes)), changes
    column_ = CountColumn("twice", (1, 2, 3), Noise("discrete gaussian", (2.0).hex()))
    assert not passes(plan, Answer("o", (column_,)))


def test_what_is_measured_does_not_pass_as_computed():
    plan, answer = made(SITES)
    stated = ComputedColumn("n", Type.INT, ("1", "2", "3"), "computed from noisy values")
    assert not passes(plan, replace(answer, columns=(answer.columns[0], stated, *answer.columns[2:])))


def test_quantiles_state_no_noise_and_finite_values():
    table = quantiles(("q", Fraction(1, 2), ""))
    plan, answer = made(table, measurement(AGES, keys=()), noisy=(NoisyTable(((),), ((0,) * 272,)),))
    assert answer.columns[0].values == (None,)
    assert passes(plan, answer)
    assert not passes(plan, changed(answer, "q", noise=LESS, step=Fraction(1)))
    assert not passes(plan, changed(answer, "q", meaning="quantile 0.6"))
    assert not passes(plan, changed(answer, "q", values=("1e3",)))


def test_an_outer_joins_keys_may_be_null_but_of_their_type():
    wards = Measured(1, (KeyOutput("ward", 0, Type.STRING), CountOutput("m", 1)))
    on = ((NAME, ColumnRef("ward", Type.STRING)),)
    plan, answer = made(Matched(SITES, wards, "left", on), by_site(), by_ward(), noisy=(SITE_TABLE, NO_WARDS))
    assert passes(plan, answer)
    assert passes(plan, changed(answer, "ward", values=("x", None, "y")))
    assert not passes(plan, changed(answer, "ward", values=("x", None, 3)))
    assert not passes(plan, changed(answer, "site", values=("a", None, "c")))
    inner = Matched(SITES, OTHERS, "inner", ((NAME, column(OTHERS, "place")),))
    both = (SITE_TABLE, NoisyTable(SITE_LINES, ((1, 2, 3),)))
    assert passes(*made(inner, by_site(), measurement(CountRows()), noisy=both))
    assert isinstance(answer.columns[0], KeyColumn)
