"""Texts of vectors: dictionaries that repeat and differ, what consumers read of them, and what they may cost."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_world import TEXTS, column, literal, read, run

from sandbox.plan.facts import TEXT_LIMIT
from sandbox.plan.nodes import Call, Case, ColumnRef, Comparison, Literal
from sandbox.terms.dataset import Type
from workers import text_codes
from workers.bucket import ColumnArray
from workers.evaluate import Block, Compiler, Vector
from workers.kernels import distinct
from workers.text_codes import TEXT, WHOLE, Latest, TextNumbers, as_column, narrowed, ranks, united, used

S, T = ColumnRef("s", Type.STRING), ColumnRef("t", Type.STRING)
CELLS = st.lists(st.none() | st.sampled_from(TEXTS) | st.text(max_size=3), max_size=30)


@st.composite
def vectors(draw):
    """Rows over a dictionary that names texts twice and has texts of no row; NULL rows hold codes that are none."""
    texts = draw(st.lists(st.sampled_from(TEXTS), max_size=12))
    codes = st.integers(0, len(texts) - 1) if texts else st.nothing()
    rows = draw(st.lists(st.none() | codes, max_size=20))
    values = [draw(st.sampled_from([-1, 0, 10**6])) if row is None else row for row in rows]
    valid = np.asarray([row is not None for row in rows], np.bool_)
    return Vector(np.asarray(values, np.int32), valid, pa.array(texts, TEXT))


def text(cells) -> ColumnArray:
    return column(Type.STRING, cells)


def a_call(name, *operands, kind=Type.STRING):
    return Call(name, operands, kind)


def test_vectors_of_text_hold_what_their_docstring_says():
    made = Compiler({"s": text(["b", None, "a"])}, 8, frozenset()).step(S)(Block(0, 3))
    assert made.texts.type == TEXT
    assert made.texts.null_count == 0
    assert made.values.dtype == np.int32
    lower = Compiler({"s": text(["B", None, "b"])}, 8, frozenset()).step(a_call("lower", S))(Block(0, 3))
    assert lower.texts.to_pylist() == ["b", "b"]  # named twice: codes are not compared
    assert lower.values[0] != lower.values[2]
    assert read(lower) == ["b", None, "b"]


@given(st.lists(vectors(), min_size=1, max_size=3))
def test_united_codes_are_equal_where_and_only_where_the_texts_are(several):
    codes, texts = united(several)
    names = texts.to_pylist()
    assert len(set(names)) == len(names)
    for vector, own in zip(several, codes, strict=True):
        assert [None if code < 0 else names[code] for code in own.tolist()] == read(vector)


@given(vectors())
def test_used_keeps_rows_and_drops_entries_of_no_row(vector):
    narrow = used(vector)
    assert read(narrow) == read(vector)
    assert len(narrow.texts) <= len(vector.values)
    assert set(narrow.texts.to_pylist()) == {cell for cell in read(vector) if cell is not None}


def test_few_rows_of_a_huge_dictionary_are_narrowed_by_what_they_have():
    texts = pa.array([f"t{number}" for number in range(WHOLE + 1)], TEXT)
    vector = Vector(np.asarray([WHOLE, 3, -1, 3], np.int32), np.asarray([True, True, False, True]), texts)
    assert len(narrowed(vector).texts) == 2
    assert read(narrowed(vector)) == read(vector) == [f"t{WHOLE}", "t3", None, "t3"]
    small = Vector(vector.values, vector.valid, texts.slice(0, WHOLE))
    assert narrowed(small) is small  # control


@given(st.lists(vectors(), max_size=4))
def test_text_numbers_mean_the_same_in_every_block(blocks):
    numbers, meaning = TextNumbers(), {None: -1}
    for vector in blocks:
        for cell, number in zip(read(vector), numbers.of(vector).tolist(), strict=True):
            assert meaning.setdefault(cell, number) == number
    assert sorted(meaning.values()) == list(range(-1, len(meaning) - 1))
    assert [meaning[name] for name in numbers.texts.to_pylist()] == list(range(len(numbers.texts)))


@given(vectors(), vectors())
def test_ranks_are_the_order_of_code_points(left, right):
    one, two = ranks(left.texts, right.texts)
    both = list(zip([*left.texts.to_pylist(), *right.texts.to_pylist()], [*one.tolist(), *two.tolist()], strict=True))
    for name, rank in both:
        for other, place in both:
            assert (name < other, name == other) == (rank < place, rank == place)


@given(vectors())
def test_a_vector_made_a_column_reads_the_same(vector):
    columns = {"s": as_column(vector, Type.STRING)}
    assert run(S, columns, len(vector.values)) == read(vector)


@pytest.mark.parametrize("kind", [Type.INT, Type.FLOAT, Type.BOOL, Type.DATE])
def test_numbers_made_columns_read_the_same(kind):
    cells = [1, None, 0] if kind is not Type.BOOL else [True, None, False]
    made = Compiler({"x": column(kind, cells)}, 3, frozenset()).step(ColumnRef("x", kind))(Block(0, 3))
    assert run(ColumnRef("x", kind), {"x": as_column(made, kind)}, 3) == cells


# -- order -----------------------------------------------------------------------------------------------------------------

OPERATORS = {
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


@given(CELLS, st.data(), st.sampled_from(sorted(OPERATORS)))
def test_texts_are_ordered_by_code_points_whatever_side_is_a_constant(cells, data, sign):
    others = data.draw(st.lists(st.none() | st.sampled_from(TEXTS), min_size=len(cells), max_size=len(cells)))
    constant = data.draw(st.none() | st.sampled_from(TEXTS))
    columns = {"s": text(cells), "t": text(others)}
    fixed = literal(constant, Type.STRING)

    def wanted(left, right):
        return [None if a is None or b is None else OPERATORS[sign](a, b) for a, b in zip(left, right, strict=True)]

    same = [constant] * len(cells)
    assert run(Comparison(sign, S, T), columns, len(cells)) == wanted(cells, others)
    assert run(Comparison(sign, S, fixed), columns, len(cells)) == wanted(cells, same)
    assert run(Comparison(sign, fixed, S), columns, len(cells)) == wanted(same, cells)


def test_what_is_no_operator_is_refused_before_any_row():
    for left, right in ((S, T), (S, literal("a", Type.STRING)), (ColumnRef("x", Type.INT), Literal(1, Type.INT))):
        with pytest.raises(ValueError, match="operator"):
            Compiler({"s": text([]), "t": text([]), "x": column(Type.INT, [])}, 1, frozenset()).step(
                Comparison("~", left, right)
            )
    with pytest.raises(TypeError, match="constant"):
        Compiler({"s": text([]), "x": column(Type.INT, [])}, 1, frozenset()).step(
            a_call("round", ColumnRef("x", Type.INT), ColumnRef("x", Type.INT), kind=Type.INT)
        )


# -- dictionaries, not rows ------------------------------------------------------------------------------------------------


def counted(monkeypatch, name):
    """How many values of the function table the kernels take from now on."""
    taken = []
    entry = distinct.FUNCTIONS[name]

    class Counting:
        sees_null = entry.sees_null
        result = staticmethod(entry.result)

        def __call__(self, *values):
            taken.append(values)
            return entry(*values)

    monkeypatch.setattr(distinct, "FUNCTIONS", {**distinct.FUNCTIONS, name: Counting()})
    return taken, distinct.on_distinct(distinct.value_by_value(name))


def steps_of(columns, *operands):
    compiler = Compiler(columns, 1_000, frozenset())
    return tuple(compiler.step(operand) for operand in operands)


def test_one_text_is_worked_out_once_for_each_entry_of_its_dictionary(monkeypatch):
    taken, kernel = counted(monkeypatch, "initcap")
    rng = random.Random(1)
    columns = {"s": text([rng.choice(TEXTS) for _ in range(1_000)])}
    step = kernel(a_call("initcap", S), steps_of(columns, S))
    for start in range(0, 1_000, 10):
        step(Block(start, start + 10))
    assert len(taken) == len(columns["s"].dictionary) <= len(TEXTS)


def test_several_texts_are_worked_out_once_for_each_combination_of_a_block(monkeypatch):
    taken, kernel = counted(monkeypatch, "strpos")
    columns = {"s": text(["ab", "ab", "ba", None] * 250), "t": text(["a", "a", "b", "a"] * 250)}
    step = kernel(a_call("strpos", S, T, kind=Type.INT), steps_of(columns, S, T))
    assert read(step(Block(0, 1_000))) == [1, 1, 1, None] * 250
    assert len(taken) == 3


def test_of_a_huge_dictionary_a_block_takes_what_its_rows_have(monkeypatch):
    monkeypatch.setattr(text_codes, "WHOLE", 8)
    taken, kernel = counted(monkeypatch, "initcap")
    columns = {"s": text([f"t{number}" for number in range(100)])}
    step = kernel(a_call("initcap", S), steps_of(columns, S))
    assert read(step(Block(5, 9))) == ["T5", "T6", "T7", "T8"]
    assert len(taken) == 4


def test_what_was_made_of_a_dictionary_is_kept_while_it_is_the_same():
    made = Latest(lambda *texts: [text.to_pylist() for text in texts])
    one, two = pa.array(["a"], TEXT), pa.array(["a"], TEXT)
    assert made.of(one) is made.of(one)
    kept = made.of(one)
    assert made.of(two) is not kept  # equal, yet another object
    assert made.of(one, two) == [["a"], ["a"]]


def test_many_varying_arguments_still_find_their_combination():
    cells = [[f"{place}{row * (place + 3) % 41}" for row in range(2_000)] for place in range(16)]
    columns = {f"c{place}": text(items) for place, items in enumerate(cells)}
    call = a_call("concat", *(ColumnRef(name, Type.STRING) for name in columns))
    assert run(call, columns, 2_000) == ["".join(row) for row in zip(*cells, strict=True)]


# -- limits ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "grown"),
    [
        (a_call("repeat", S, literal(100, Type.INT)), 101),
        (a_call("concat", S, S, S), TEXT_LIMIT // 3 + 1),
        (a_call("concat_op", S, S), TEXT_LIMIT // 2 + 1),
        (a_call("replace", S, literal("a", Type.STRING), literal("女a", Type.STRING)), TEXT_LIMIT // 2 + 1),
        (a_call("coalesce", S, S), TEXT_LIMIT + 1),
        (a_call("greatest", S, S), TEXT_LIMIT + 1),
        (a_call("nullif", S, literal("", Type.STRING)), TEXT_LIMIT + 1),
        (a_call("lower", S), TEXT_LIMIT + 1),
        (a_call("reverse", S), TEXT_LIMIT + 1),
    ],
)
def test_a_text_longer_than_texts_may_be_is_null(call, grown):
    found = run(call, {"s": text(["a" * grown, "a" * (grown - 1)])}, 2)
    assert found[0] is None
    assert found[1] is not None  # control: one character less


def test_branches_of_case_bring_their_own_dictionaries():
    when = Comparison("=", S, literal("a", Type.STRING))
    node = Case(((when, a_call("upper", T)), (Literal(None, Type.BOOL), S)), literal("else", Type.STRING), Type.STRING)
    columns = {"s": text(["a", "b", None, "a"]), "t": text(["x", "y", "z", None])}
    assert run(node, columns, 4, 3) == ["X", "else", "else", None]


@pytest.mark.parametrize("name", ["lower", "concat", "coalesce", "strpos", "cast_int", "greatest"])
def test_no_rows_and_only_nulls_give_no_texts(name):
    kind = {"strpos": Type.INT, "cast_int": Type.INT}.get(name, Type.STRING)
    operands = (S,) if name in ("lower", "cast_int") else (S, T)
    call = a_call(name, *operands, kind=kind)
    assert run(call, {"s": text([]), "t": text([])}, 0) == []
    found = run(call, {"s": text([None, None]), "t": text([None, None])}, 2)
    assert found == (["", ""] if name == "concat" else [None, None])
