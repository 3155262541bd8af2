"""The tables after the noise: what each does to lines, to NULLs, to no lines at all, and to the marks of its sources."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.plan.answers import Collected, CountOutput, Derived, Kept, Matched, Measured, Ordered, Stacked
from sandbox.plan.finishing import INT_LIMIT, Lines, interpret
from sandbox.plan.nodes import Arithmetic, ColumnRef, Comparison, Literal
from sandbox.plan.relations import Order
from sandbox.terms.dataset import Type

ONE, OTHER = Measured(0, ()), Measured(1, ())
TEXT, NUMBER = ColumnRef("t", Type.STRING), ColumnRef("n", Type.INT)
REAL = ColumnRef("f", Type.FLOAT)
FIRST = Lines(("t", "n"), (("b", 2), ("a", 1), (None, 3), ("a", None)), ((0,), (1,), (2,), (3,)))
SECOND = Lines(("u", "m"), (("a", 10), ("a", 20), (None, 30), ("c", 40)), ((0,), (1,), (2,), (3,)))
U = ColumnRef("u", Type.STRING)
NONE = Lines(("t", "n"), (), ())


def run(table, first=FIRST, second=SECOND):
    return interpret(table, lambda measured: (first, second)[measured.measurement])


def test_derived_makes_new_columns_and_keeps_the_marks():
    double = Arithmetic("*", NUMBER, Literal(2, Type.INT), Type.INT)
    found = run(Derived(ONE, (("twice", double), ("same", TEXT))))
    assert found == Lines(("twice", "same"), ((4, "b"), (2, "a"), (6, None), (None, "a")), FIRST.marks)
    assert run(Derived(ONE, (("one", Literal(1, Type.INT)),)), NONE).rows == ()


def test_kept_wants_true_and_neither_false_nor_null():
    more = Comparison(">", NUMBER, Literal(1, Type.INT))
    found = run(Kept(ONE, more))
    assert (found.rows, found.marks) == ((("b", 2), (None, 3)), ((0,), (2,)))
    assert run(Kept(ONE, more), NONE) == NONE


@pytest.mark.parametrize(
    ("descending", "nulls_first", "order"),
    [
        (False, False, [1, 0, 2, 3]),
        (True, False, [2, 0, 1, 3]),
        (False, True, [3, 1, 0, 2]),
        (True, True, [3, 2, 0, 1]),
    ],
)
def test_order_and_where_nulls_go(descending, nulls_first, order):
    found = run(Ordered(ONE, (Order(NUMBER, descending, nulls_first),), None, 0))
    assert [mark for (mark,) in found.marks] == order


def test_order_is_stable_by_several_keys_and_in_either_direction():
    by = (Order(TEXT, False, False), Order(NUMBER, False, True))
    assert [mark for (mark,) in run(Ordered(ONE, by, None, 0)).marks] == [3, 1, 0, 2]
    same = Order(Literal(1, Type.INT), True, False)
    assert run(Ordered(ONE, (same,), None, 0)) == FIRST


@pytest.mark.parametrize(("limit", "offset", "left"), [(2, 0, 2), (None, 3, 1), (2, 3, 1), (0, 0, 0), (5, 9, 0)])
def test_limit_and_offset(limit, offset, left):
    found = run(Ordered(ONE, (), limit, offset))
    assert found.rows == FIRST.rows[offset : offset + left]
    assert found.columns == FIRST.columns
    assert run(Ordered(ONE, (), limit, offset), NONE) == NONE


@given(st.lists(st.none() | st.integers(-3, 3), max_size=12), st.booleans(), st.booleans())
def test_sorting_is_a_stable_permutation(numbers, descending, nulls_first):
    lines = Lines(("n",), tuple((number,) for number in numbers), tuple((place,) for place in range(len(numbers))))
    found = run(Ordered(ONE, (Order(NUMBER, descending, nulls_first),), None, 0), lines)
    places = [mark for (mark,) in found.marks]
    assert sorted(places) == list(range(len(numbers)))
    for one, two in pairwise(places):
        a, b = numbers[one], numbers[two]
        if a == b:
            assert one < two
        elif None in (a, b):
            assert (a is None) == nulls_first
        else:
            assert (a > b) == descending


def test_inner_matches_keep_the_order_of_left_then_right_and_null_equals_nothing():
    found = run(Matched(ONE, OTHER, "inner", ((TEXT, U),)))
    assert found.columns == ("t", "n", "u", "m")
    assert found.rows == (("a", 1, "a", 10), ("a", 1, "a", 20), ("a", None, "a", 10), ("a", None, "a", 20))
    assert found.marks == ((1, 0), (1, 1), (3, 0), (3, 1))


def test_left_matches_keep_every_left_line():
    found = run(Matched(ONE, OTHER, "left", ((TEXT, U),)))
    assert found.rows[0] == ("b", 2, None, None)
    assert found.marks[0] == (0, None)
    assert [row[:2] for row in found.rows] == [("b", 2), ("a", 1), ("a", 1), (None, 3), ("a", None), ("a", None)]


def test_cross_matches_and_empty_sides():
    assert len(run(Matched(ONE, OTHER, "cross", ())).rows) == 16
    empty = Lines(("u", "m"), (), ())
    assert run(Matched(ONE, OTHER, "cross", ()), second=empty).rows == ()
    assert run(Matched(ONE, OTHER, "inner", ((TEXT, U),)), second=empty).rows == ()
    left = run(Matched(ONE, OTHER, "left", ((TEXT, U),)), second=empty)
    assert left.rows == tuple((*row, None, None) for row in FIRST.rows)
    assert run(Matched(ONE, OTHER, "left", ((TEXT, U),)), NONE).rows == ()


def test_two_of_two_keys_must_agree():
    on = ((TEXT, U), (NUMBER, ColumnRef("m", Type.INT)))
    second = Lines(("u", "m"), (("a", 1), ("a", 2), ("b", None)), ((0,), (1,), (2,)))
    assert run(Matched(ONE, OTHER, "inner", on), second=second).rows == (("a", 1, "a", 1),)


def test_stacked_is_union_all():
    found = run(Stacked((ONE, OTHER, ONE)))
    assert found.columns == ("t", "n")
    assert found.rows == FIRST.rows + SECOND.rows + FIRST.rows
    assert set(found.marks) == {()}


def collected(*aggregates, keys=(), first=FIRST):
    made = tuple((f"c{place}", function, of, kind) for place, (function, of, kind) in enumerate(aggregates))
    return run(Collected(ONE, keys, made), first).rows


def test_collected_without_keys_is_one_line():
    every = [("count_rows", None, Type.INT), ("count", NUMBER, Type.INT), ("count_distinct", TEXT, Type.INT)]
    every += [(name, NUMBER, Type.INT) for name in ("sum", "min", "max", "first")] + [("avg", NUMBER, Type.FLOAT)]
    assert collected(*every) == ((4, 3, 2, 6, 1, 3, 2, 2.0),)
    assert collected(*every, first=NONE) == ((0, 0, 0, None, None, None, None, None),)


def test_collected_by_keys_has_a_line_for_null_and_none_for_nothing():
    by = (("k", TEXT),)
    assert collected(("sum", NUMBER, Type.INT), keys=by) == (("b", 2), ("a", 1), (None, 3))
    assert collected(("count_rows", None, Type.INT), keys=by) == (("b", 1), ("a", 2), (None, 1))
    assert collected(("count_rows", None, Type.INT), keys=by, first=NONE) == ()
    assert run(Collected(ONE, by, ())).columns == ("k",)


def test_texts_are_ordered_by_code_points():
    lines = Lines(("t", "n"), (("é", 1), ("z", 2), ("Z", 3), ("\U0001f600", 4), ("\uffff", 5)), ((0,),) * 5)
    assert collected(("min", TEXT, Type.STRING), ("max", TEXT, Type.STRING), first=lines) == (("Z", "\U0001f600"),)


def test_sums_are_exact_whatever_the_order_and_null_beyond_the_limit():
    def of(*numbers):
        return Lines(("f", "n"), tuple((number, number) for number in numbers), ((),) * len(numbers))

    hard = (1e308, 1e308, -1e308, 1.0, -1e308)
    assert collected(("sum", REAL, Type.FLOAT), first=of(*hard)) == ((1.0,),)
    assert collected(("sum", REAL, Type.FLOAT), first=of(1e308, 1e308)) == (
        (float.fromhex("0x1.fffffffffffffp+1023"),),
    )
    assert collected(("avg", REAL, Type.FLOAT), first=of(1e308, 1e308)) == ((1e308,),)
    assert collected(("sum", NUMBER, Type.INT), first=of(INT_LIMIT, 1, -1)) == ((INT_LIMIT,),)
    assert collected(("sum", NUMBER, Type.INT), first=of(INT_LIMIT, 1)) == ((None,),)
    assert collected(("avg", NUMBER, Type.FLOAT), first=of(1, 2)) == ((1.5,),)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=8), st.randoms())
def test_the_order_of_lines_is_not_in_a_sum(numbers, random):
    def total(values):
        lines = Lines(("f",), tuple((value,) for value in values), ((),) * len(values))
        return interpret(Collected(ONE, (), (("s", "sum", REAL, Type.FLOAT),)), lambda _: lines).rows

    shuffled = list(numbers)
    random.shuffle(shuffled)
    assert total(numbers) == total(shuffled)
    if numbers:
        largest = Fraction(float.fromhex("0x1.fffffffffffffp+1023"))
        exact = max(min(sum(map(Fraction, numbers)), largest), -largest)
        assert total(numbers) == ((float(exact),),)


def test_tables_nest():
    counted = Measured(0, (CountOutput("n", 0),))
    top = Ordered(Kept(counted, Comparison(">", NUMBER, Literal(1, Type.INT))), (Order(NUMBER, True, False),), 1, 0)
    found = run(Derived(top, (("best", NUMBER),)))
    assert (found.columns, found.rows, found.marks) == (("best",), ((3,),), ((2,),))
