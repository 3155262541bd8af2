"""Expressions: their meaning in a row, their JSON form, and which of them are sound."""

import json
import math
import sys
from dataclasses import replace
from fractions import Fraction

import pytest
from function_arguments import arguments, generator, type_lists
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.plan.evaluate import arithmetic, compare, evaluate
from sandbox.plan.expressions import children, expression_json, read_expression, sort_key, with_children
from sandbox.plan.functions import FUNCTIONS
from sandbox.plan.literals import FALSE, NULL, TRUE, literal_of, value_of
from sandbox.plan.nodes import (
    Arithmetic,
    Call,
    Case,
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
from sandbox.plan.rewrite import normalise
from sandbox.plan.soundness_expressions import check_types
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.dataset import Type

TYPES = {"i": Type.INT, "f": Type.FLOAT, "s": Type.STRING, "b": Type.BOOL, "d": Type.DATE, "t": Type.TIMESTAMP}
N, F, S, B, D, T = (ColumnRef(name, kind) for name, kind in TYPES.items())
ROWS = st.fixed_dictionaries(
    {
        "i": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-9, 9)),
        "f": st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
        "s": st.one_of(st.none(), st.text(max_size=5)),
        "b": st.one_of(st.none(), st.booleans()),
        "d": st.one_of(st.none(), st.integers(-(2**31), 2**31)),
        "t": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    }
)
INTEGERS = st.one_of(st.just(N), st.integers(-(2**62) + 1, 2**62 - 1).map(lambda value: Literal(value, Type.INT)))
NUMBERS = st.one_of(INTEGERS, st.just(F), st.fractions().map(lambda value: Literal(value, Type.FLOAT)))


def sums(inner):
    def joined(parts):
        sign, left, right = parts
        kinds = {left.type, right.type}
        return Arithmetic(sign, left, right, Type.INT if kinds == {Type.INT} and sign != "/" else Type.FLOAT)

    made = st.tuples(st.sampled_from("+-*/"), inner, inner).map(joined)
    return st.one_of(made, inner.map(lambda item: Negation(item, item.type)))


SUMS = st.recursive(NUMBERS, sums, max_leaves=6)
SIGNS = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
TESTS = st.one_of(
    st.just(B),
    st.sampled_from([TRUE, FALSE, NULL]),
    st.builds(Comparison, SIGNS, SUMS, SUMS),
    st.builds(lambda sign, text: Comparison(sign, S, Literal(text, Type.STRING)), SIGNS, st.text(max_size=3)),
    st.lists(st.integers(-3, 3), min_size=1).map(
        lambda items: Membership(N, tuple(Literal(item, Type.INT) for item in dict.fromkeys(items)))
    ),
    st.sampled_from([N, F, S, B, D, T]).map(NullTest),
)


def joined_tests(inner):
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        inner.map(Not),
        several.map(Conjunction),
        several.map(Disjunction),
        st.tuples(inner, inner, inner).map(lambda parts: Case(((parts[0], parts[1]),), parts[2], Type.BOOL)),
        st.tuples(inner, inner).map(lambda parts: Call("is_distinct", parts, Type.BOOL)),
        several.map(lambda parts: Call("coalesce", parts, Type.BOOL)),
        st.tuples(inner, inner).map(lambda parts: Call("nullif", parts, Type.BOOL)),
    )


CONDITIONS = st.recursive(TESTS, joined_tests, max_leaves=8)
CASES = st.lists(st.tuples(CONDITIONS, INTEGERS), min_size=1, max_size=3).flatmap(
    lambda branches: INTEGERS.map(lambda default: Case(tuple(branches), default, Type.INT))
)
EXPRESSIONS = st.one_of(SUMS, CONDITIONS, CASES)


@given(expression=EXPRESSIONS, row=ROWS)
def test_evaluation_is_total(expression, row):
    value = evaluate(expression, row)
    assert value is None or isinstance(value, bool | int | str) or math.isfinite(value)
    assert not isinstance(value, int) or abs(value) <= 2**63


@given(expression=st.one_of(CONDITIONS, CASES), row=ROWS)
def test_the_normal_form_has_the_same_value(expression, row):
    """Without real arithmetic, whose constants are computed exactly, not a bit changes."""
    row = row | {"f": None}
    exact = all(not isinstance(part, Arithmetic | Negation) for part in walk(expression))
    if exact:
        assert evaluate(normalise(expression), row) == evaluate(expression, row)


@given(expression=EXPRESSIONS)
def test_normalising_ends_and_keeps_soundness(expression):
    check_types(expression, TYPES)
    once = normalise(expression)
    check_types(once, TYPES)
    assert normalise(once) == once


@given(expression=EXPRESSIONS)
def test_json_and_back(expression):
    document = json.loads(json.dumps(expression_json(expression)))
    assert read_expression(document) == expression
    assert sort_key(read_expression(document)) == sort_key(expression)


@given(expression=EXPRESSIONS)
def test_operands_are_ordered_by_their_canonical_bytes(expression):
    for part in walk(expression):
        assert sort_key(part) == canonical_bytes(expression_json(part))


@given(text=st.text(st.characters(exclude_categories=["Cs"])), number=st.fractions())
def test_texts_and_numbers_are_ordered_by_their_canonical_bytes_too(text, number):
    constants = Literal(text, Type.STRING), Literal(number, Type.FLOAT), Literal(number.numerator, Type.INT)
    for item in (*constants, ColumnRef(text, Type.STRING), Call(text, constants, Type.BOOL)):
        assert sort_key(item) == canonical_bytes(expression_json(item))


@given(expression=EXPRESSIONS)
def test_children_and_back(expression):
    assert with_children(expression, children(expression)) == expression


def walk(expression):
    yield expression
    for part in children(expression):
        yield from walk(part)


def test_a_case_takes_the_first_true_branch():
    case = Case(((Comparison("<", N, Literal(3, Type.INT)), S), (B, Literal("b", Type.STRING))), NULL, Type.STRING)
    assert evaluate(case, {"i": 1, "s": "x", "b": True}) == "x"
    assert evaluate(case, {"i": None, "s": "x", "b": True}) == "b"
    assert evaluate(case, {"i": 5, "s": "x", "b": None}) is None


@given(left=st.integers(-(2**63), 2**63 - 1), right=st.integers(-(2**63), 2**63 - 1), sign=st.sampled_from("+-*"))
def test_integers_are_exact_or_null(left, right, sign):
    exact = {"+": left + right, "-": left - right, "*": left * right}[sign]
    assert arithmetic(sign, left, right, Type.INT) == (exact if abs(exact) < 2**62 else None)


@given(left=st.floats(allow_nan=False, allow_infinity=False), right=st.floats(allow_nan=False, allow_infinity=False))
def test_reals_are_doubles_and_never_infinite(left, right):
    for sign in "+-*/":
        found = arithmetic(sign, left, right, Type.FLOAT)
        assert (found is None) == (sign == "/" and right == 0)
        assert found is None or abs(found) <= sys.float_info.max


def test_an_integer_beside_a_real_number_is_compared_as_a_double():
    assert compare("=", 2**53 + 1, 2.0**53) is True
    assert compare("<", 2.0**53, 2**53 + 1) is False
    assert compare("=", 2**53 + 1, 2**53) is False


def test_texts_are_ordered_by_code_points():
    assert compare("<", "Z", "a") is True
    assert compare("<", "\uffff", "\U00010000") is True
    assert compare("=", "e\u0301", "é") is False


@given(
    value=st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**62) + 1, 2**62 - 1), st.text())
)
def test_values_and_literals_agree(value):
    kind = {float: Type.FLOAT, int: Type.INT, str: Type.STRING}[type(value)]
    literal = literal_of(value, kind)
    if literal is None:
        assert math.copysign(1, value) < 0 or abs(value) >= 1e300
    else:
        assert value_of(literal) == value


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_call_evaluates_as_its_entry_and_is_sound(name):
    entry = FUNCTIONS[name]
    draw = generator(name)
    for types in type_lists(entry):
        values = arguments(entry, types, draw, wide=False)
        columns = {f"a{place}": kind for place, kind in enumerate(types)}
        operands = tuple(
            literal_of(values[place], kind) if entry.parameter(place).constant else ColumnRef(f"a{place}", kind)
            for place, kind in enumerate(types)
        )
        if None in operands:
            continue
        call = Call(name, operands, entry.result_type(types))
        check_types(call, columns)
        assert evaluate(call, {f"a{place}": value for place, value in enumerate(values)}) == entry(*values)
        assert read_expression(expression_json(call)) == call
        for place in range(len(types)):
            if entry.parameter(place).constant:
                moved = (*operands[:place], ColumnRef(f"a{place}", types[place]), *operands[place + 1 :])
                with pytest.raises(ValueError, match="constant argument"):
                    check_types(replace(call, operands=moved), columns)


TEN = Literal(10, Type.INT)
UNSOUND = [
    ColumnRef("zzz", Type.INT), ColumnRef("i", Type.FLOAT), Literal(1, Type.FLOAT), Literal(True, Type.INT),
    Literal(2**63, Type.INT), Literal(Fraction(10) ** 301, Type.FLOAT), Literal("1", Type.DATE), Negation(S, Type.STRING),
    Negation(N, Type.FLOAT), Arithmetic("+", N, S, Type.INT), Arithmetic("+", N, F, Type.INT), Arithmetic("%", N, N, Type.INT),
    Arithmetic("", N, N, Type.INT), Arithmetic("+-", N, N, Type.INT), Arithmetic("/", N, N, Type.INT), Comparison("=", N, S),
    Comparison("<", B, B), Comparison("like", S, S), Comparison("=", D, T), Membership(N, ()), Membership(N, (TRUE,)),
    Membership(N, (Literal(None, Type.INT),)), Not(N), Conjunction((B,)), Disjunction((B, N)), Case((), N, Type.INT),
    Case(((N, N),), N, Type.INT), Case(((B, S),), N, Type.INT), Case(((B, N),), S, Type.INT), Case(((B, N),), NULL, Type.INT),
    Call("frobnicate", (N,), Type.INT), Call("abs", (), Type.INT), Call("abs", (S,), Type.INT), Call("abs", (N,), Type.FLOAT),
    Call("abs", (N, N), Type.INT), Call("coalesce", (N, F), Type.FLOAT), Call("round", (F, N), Type.FLOAT),
    Call("round", (F, Literal(99, Type.INT)), Type.FLOAT), Call("round", (F, Literal(None, Type.INT)), Type.FLOAT),
    Call("date_trunc", (Literal("fortnight", Type.STRING), D), Type.DATE), Call("date_trunc", (S, D), Type.DATE),
    Call("date_trunc", (Literal("hour", Type.STRING), D), Type.DATE), Call("repeat", (S, Literal(-1, Type.INT)), Type.STRING),
    Call("greatest", (B, B), Type.BOOL), Call("abs", (Negation(S, Type.INT),), Type.INT),
]  # fmt: skip


@pytest.mark.parametrize("expression", UNSOUND, ids=lambda item: sort_key(item).decode()[:60])
def test_unsound_expressions_are_refused(expression):
    with pytest.raises(ValueError, match="not a sound plan"):
        check_types(expression, TYPES)
    with pytest.raises(ValueError, match="not a sound plan"):
        check_types(NullTest(expression), TYPES)


BROKEN = [
    {}, {"node": "nothing"}, {"node": "case", "branches": [{}], "else": {}, "type": "int"},
    {"node": "call", "function": 1, "operands": [], "type": "int"}, {"node": "call", "function": "pi", "operands": []},
    {"node": "literal", "value": "1e9", "type": "int"}, {"node": "literal", "value": 1, "type": "int"},
]  # fmt: skip


@pytest.mark.parametrize("document", BROKEN, ids=str)
def test_other_documents_are_no_expressions(document):
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_expression(document)


@settings(max_examples=20, deadline=None)
@given(depth=st.integers(1, 20))
def test_nested_cases_become_one(depth):
    case = N
    for number in range(depth):
        case = Case(((Comparison("=", N, Literal(number, Type.INT)), TEN),), case, Type.INT)
    normal = normalise(case)
    assert isinstance(normal, Case)
    assert len(normal.branches) == depth
    assert normal.default == N
