"""Tables made by hand for the engine's tests: a bucket, the rows it stands for, and a slow reference that reads them."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import product

import numpy as np
from hypothesis import strategies as st

from sandbox.plan.answers import CountOutput, Measured
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
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
from sandbox.plan.primitives import (
    BRANCHING,
    CountDistinct,
    CountRows,
    CountUnits,
    CountValues,
    SumValues,
    TreeCounts,
    width,
)
from sandbox.plan.query import Plan
from sandbox.plan.relations import Filter, Scan
from sandbox.terms.dataset import Type
from workers.bucket import Bucket, ColumnArray, UnitRuns
from workers.key_bytes import key_values
from workers.noisy_lines import exact_vectors

SEX = ("F", "M", "ü女🙂")
LEVEL = (-3, 0, 7)
NOTES = ("", "a", "A", "é", "e\u0301", "女性", "🙂", "a\x00b")

AGE = ColumnRef("age", Type.INT)
COST = ColumnRef("cost", Type.FLOAT)
SEX_REF = ColumnRef("sex", Type.STRING)
NOTE = ColumnRef("note", Type.STRING)
OTHER = ColumnRef("other", Type.STRING)
SMOKER = ColumnRef("smoker", Type.BOOL)
LEVEL_REF = ColumnRef("level", Type.INT)
DAY = ColumnRef("day", Type.DATE)


@dataclass(frozen=True)
class Row:
    sex: str | None
    smoker: bool | None
    level: int | None
    note: str | None
    other: str | None
    age: int | None
    cost: float | None
    day: int | None


def _null(values):
    return st.one_of(st.none(), values)


def rows_with(costs):
    return st.builds(
        Row,
        sex=_null(st.sampled_from(SEX)),
        smoker=_null(st.booleans()),
        level=_null(st.sampled_from(LEVEL)),
        note=_null(st.sampled_from(NOTES)),
        other=_null(st.sampled_from(NOTES)),
        age=_null(st.integers(-200, 200)),
        cost=_null(costs),
        day=_null(st.integers(-40_000, 40_000)),
    )


ROWS = rows_with(st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324]))
UNITS = st.lists(st.lists(ROWS, max_size=8), max_size=8)


def bucket_of(units: list[list[Row]]) -> Bucket:
    rows = [row for unit in units for row in unit]
    runs = np.asarray([len(unit) for unit in units], np.int64)

    def codes(values, dictionary):
        return ColumnArray(
            np.asarray([-1 if v is None else dictionary.index(v) for v in values], np.int32), None, tuple(dictionary)
        )

    def numbers(values, dtype):
        valid = np.asarray([v is not None for v in values], np.bool_)
        filled = np.asarray([0 if v is None else v for v in values], dtype)
        return ColumnArray(filled, None if valid.all() else valid, None)

    return Bucket(
        len(rows),
        runs,
        {
            "sex": codes([r.sex for r in rows], list(SEX)),
            "smoker": codes([r.smoker for r in rows], [False, True]),
            "level": codes([r.level for r in rows], list(LEVEL)),
            "note": codes([r.note for r in rows], sorted({r.note for r in rows if r.note is not None})),
            "other": codes([r.other for r in rows], list(reversed(NOTES))),
            "age": numbers([r.age for r in rows], np.int64),
            "cost": numbers([r.cost for r in rows], np.float64),
            "day": numbers([r.day for r in rows], np.int64),
        },
        UnitRuns(np.arange(len(units), dtype=np.uint64), np.zeros(len(units), np.uint64), runs),
    )


def _lit(value, kind):
    return Literal(value, kind)


_ints = st.integers(-50, 50).map(lambda v: _lit(v, Type.INT)) | st.just(_lit(None, Type.INT))
_floats = st.sampled_from([Fraction(1, 3), Fraction(0), Fraction(-5, 2), Fraction(100)]).map(
    lambda v: _lit(v, Type.FLOAT)
)
INT_EXPRESSIONS = st.recursive(
    _ints | st.sampled_from([AGE, LEVEL_REF]),
    lambda inner: (
        st.builds(Negation, inner, st.just(Type.INT))
        | st.builds(Arithmetic, st.sampled_from("+-*"), inner, inner, st.just(Type.INT))
    ),
    max_leaves=4,
)
NUMBERS = st.recursive(
    INT_EXPRESSIONS | _floats | st.just(COST),
    lambda inner: (
        st.builds(Negation, inner, st.just(Type.FLOAT))
        | st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner, st.just(Type.FLOAT))
    ),
    max_leaves=4,
)
_texts = st.sampled_from([SEX_REF, NOTE, OTHER]) | st.sampled_from([*NOTES, "F", None]).map(
    lambda v: _lit(v, Type.STRING)
)
_atoms = (
    st.builds(Comparison, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), NUMBERS, NUMBERS)
    | st.builds(Comparison, st.sampled_from(["=", "<>"]), _texts, _texts)
    | st.builds(
        Comparison, st.sampled_from(["=", "<>", "<", ">="]), st.just(DAY), st.integers(-40_000, 40_000).map(
            lambda v: _lit(v, Type.DATE))
    )
    | st.builds(
        Membership, st.sampled_from([NOTE, SEX_REF]),
        st.lists(st.sampled_from(NOTES), min_size=1, max_size=3, unique=True).map(
            lambda vs: tuple(_lit(v, Type.STRING) for v in vs)),
    )
    | st.builds(
        Membership, st.sampled_from([AGE, LEVEL_REF]),
        st.lists(st.integers(-5, 9), min_size=1, max_size=4, unique=True).map(
            lambda vs: tuple(_lit(v, Type.INT) for v in vs)),
    )
    | st.builds(NullTest, NUMBERS | _texts | st.just(SMOKER))
    | st.just(SMOKER)
    | st.sampled_from([True, False, None]).map(lambda v: _lit(v, Type.BOOL))
)  # fmt: skip
PREDICATES = st.recursive(
    _atoms,
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Conjunction(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Disjunction(tuple(parts)))
    ),
    max_leaves=5,
)

KEYS = {
    "sex": GroupKey(SEX_REF, Type.STRING, SEX),
    "smoker": GroupKey(SMOKER, Type.BOOL, (False, True)),
    "level": GroupKey(LEVEL_REF, Type.INT, LEVEL),
    "note": GroupKey(NOTE, Type.STRING, ("é", "a", "nobody's")),
    "older": GroupKey(Comparison(">", AGE, Literal(0, Type.INT)), Type.BOOL, (False, True)),
    "day": GroupKey(DAY, Type.DATE, ("1970-01-01", "1970-01-02", "2001-01-01")),
    "age": GroupKey(AGE, Type.INT, (7, -3, 100, 0)),
    "wide": GroupKey(
        Arithmetic("*", LEVEL_REF, Literal(10**6, Type.INT), Type.INT), Type.INT, (-(3 * 10**6), 7 * 10**6)
    ),
}
PRIVATE_KEYS = {
    "note": GroupKey(NOTE, Type.STRING, None, 2),
    "other": GroupKey(OTHER, Type.STRING, None, 200),
    "age": GroupKey(AGE, Type.INT, None),
    "day": GroupKey(DAY, Type.DATE, None),
    "smoker": GroupKey(SMOKER, Type.BOOL, None),
}
SUM_AGE = SumValues(AGE, Fraction(-100), Fraction(100), Fraction(0), Fraction(1))
MEAN_COST = SumValues(COST, Fraction(-1000), Fraction(2000), Fraction(500), Fraction(1, 100))
SUM_RATIO = SumValues(
    Arithmetic("/", COST, AGE, Type.FLOAT), Fraction(-7, 3), Fraction(10), Fraction(0), Fraction(1, 7)
)
AGE_TREE = TreeCounts(AGE, Fraction(-100), Fraction(200, 256), 2)
COST_TREE = TreeCounts(COST, Fraction(-1000, 3), Fraction(100), 1)
PRIMITIVES = (CountRows(), CountUnits(), CountValues(AGE), CountValues(NOTE), SUM_AGE, MEAN_COST, SUM_RATIO)
WIDE_PRIMITIVES = (
    CountUnits(), CountUnits(Comparison(">", AGE, Literal(0, Type.INT))), CountDistinct(NOTE, 2), CountDistinct(COST, 3),
    CountDistinct(SMOKER, 1), AGE_TREE, COST_TREE, SUM_AGE,
)  # fmt: skip
LOOSE = ContributionBounds(10**6, 10**6, 10**6)

BOUNDS = st.builds(
    lambda each, more, groups: ContributionBounds(each + more, groups, each),
    st.integers(1, 4), st.integers(0, 5), st.integers(1, 4),
)  # fmt: skip


COLUMNS = (
    ("age", Type.INT), ("cost", Type.FLOAT), ("day", Type.DATE), ("level", Type.INT), ("note", Type.STRING),
    ("other", Type.STRING), ("sex", Type.STRING), ("smoker", Type.BOOL),
)  # fmt: skip
VISITS = Scan("clinic", "visits", "", COLUMNS, 10**6, 10**6)


def measurement_of(where=None, keys=(), bounds=LOOSE, primitives=PRIMITIVES) -> Measurement:
    """A streamed measurement of the visits; keys are GroupKeys or names of KEYS."""
    relation = VISITS if where is None else Filter(VISITS, where)
    made = tuple(KEYS[key] if isinstance(key, str) else key for key in keys)
    return Measurement(relation, made, bounds, tuple(primitives))


def plan_of(where=None, keys=(), bounds=LOOSE, primitives=PRIMITIVES) -> Plan:
    """A plan of that measurement alone."""
    return Plan("people", (measurement_of(where, keys, bounds, primitives),), Measured(0, (CountOutput("n", 0),)))


def vectors_of(measurement, tally) -> list[list[int]]:
    """The tally's integers, primitive by primitive, `width` for each line."""
    exact = exact_vectors(measurement, tally)
    return [exact(place, None).tolist() for place in range(len(measurement.primitives))]


def lines_of(measurement, tally) -> list[tuple]:
    """The keys of a selected tally's lines."""
    return [key_values(measurement.keys, key) for key in tally.keys]


MEASUREMENTS = st.builds(
    measurement_of,
    where=st.none() | PREDICATES,
    keys=st.lists(st.sampled_from(sorted(KEYS)), unique=True, max_size=3),
    bounds=BOUNDS,
    primitives=st.just(PRIMITIVES) | st.just(WIDE_PRIMITIVES),
)
SELECTED = st.builds(
    measurement_of,
    where=st.none() | PREDICATES,
    keys=st.lists(st.sampled_from([*PRIVATE_KEYS.values(), KEYS["sex"], KEYS["older"]]), unique=True, min_size=1, max_size=3)
    .filter(lambda keys: any(key.values is None for key in keys)),
    bounds=BOUNDS,
    primitives=st.just(WIDE_PRIMITIVES),
)  # fmt: skip


def value_of(node, row: Row):
    """One expression on one row, in plain Python; None is NULL."""
    match node:
        case ColumnRef(name, _):
            return getattr(row, name)
        case Literal(value, _):
            return float(value) if isinstance(value, Fraction) else value
        case Negation(operand, kind):
            v = value_of(operand, row)
            return None if v is None else -_typed(v, kind)
        case Arithmetic(operator, left, right, kind):
            a, b = value_of(left, row), value_of(right, row)
            if a is None or b is None:
                return None
            a, b = _typed(a, kind), _typed(b, kind)
            if operator == "/":
                if b == 0:
                    return None
                try:
                    return _finite(a / b)
                except OverflowError:
                    return _finite(math.copysign(math.inf, a) * math.copysign(1, b))
            v = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b}[operator]()
            return v if kind is Type.INT else _finite(v)
        case Comparison(operator, left, right):
            a, b = value_of(left, row), value_of(right, row)
            if a is None or b is None:
                return None
            if isinstance(a, float) != isinstance(b, float):
                a, b = float(a), float(b)
            return {"=": a == b, "<>": a != b}[operator] if operator in ("=", "<>") else {
                "<": lambda: a < b, "<=": lambda: a <= b, ">": lambda: a > b, ">=": lambda: a >= b}[operator]()  # fmt: skip
        case Membership(operand, values):
            v = value_of(operand, row)
            return None if v is None else any(v == value_of(item, row) for item in values)
        case NullTest(operand):
            return value_of(operand, row) is None
        case Not(operand):
            v = value_of(operand, row)
            return None if v is None else not v
        case Conjunction(operands):
            found = [value_of(o, row) for o in operands]
            return False if False in found else None if None in found else True
        case Disjunction(operands):
            found = [value_of(o, row) for o in operands]
            return True if True in found else None if None in found else False
    raise AssertionError(node)


def _typed(value, kind):
    return float(value) if kind is Type.FLOAT else value


def _finite(value: float):
    if math.isnan(value):
        return None
    return math.copysign(1.7976931348623157e308, value) if math.isinf(value) else value


def summand(total: SumValues, value) -> int:
    if value is None:
        return 0
    clamped = min(max(float(value), float(total.low)), float(total.high))
    steps = (clamped - float(total.center)) / float(total.granularity)
    return max(-total.magnitude, min(total.magnitude, round(steps)))


def leaf(tree: TreeCounts, value) -> int:
    return max(0, min(tree.leaves - 1, math.floor((Fraction(value) - tree.low) / tree.step)))


def key_of(keys, row: Row):
    """The row's group: the keys' values, or None where it has none."""
    found = []
    for key in keys:
        value = value_of(key.operand, row)
        if value is not None and key.type is Type.DATE:
            try:
                value = (date(1970, 1, 1) + timedelta(days=value)).isoformat()
            except OverflowError:
                value = None
        if value is None or (key.values is None and key.type is Type.STRING and len(value) > key.max_length):
            return None
        if key.values is not None and (type(value), value) not in [(type(known), known) for known in key.values]:
            return None
        found.append(value)
    return tuple(found)


def _in_order(keys, line):
    return tuple(
        key.values.index(value) if key.values is not None else value for key, value in zip(keys, line, strict=True)
    )


def reference(measurement: Measurement, units: list[list[Row]]) -> list[list[int]]:
    """What the pass must give, one unit at a time, one row at a time."""
    return reference_lines(measurement, units)[1]


def reference_lines(measurement: Measurement, units: list[list[Row]]) -> tuple[list[tuple], list[list[int]]]:
    """The lines and, for each primitive, its integers line by line."""
    where = measurement.relation.predicate if isinstance(measurement.relation, Filter) else None
    bounds, keys = measurement.bounds, measurement.keys
    found: dict[tuple, list] = {}
    if not measurement.selected:
        for line in product(*(key.values for key in keys)):
            found[line] = _zeros(measurement)
    for unit in units:
        per_group: dict[tuple, int] = {}
        brought: dict[int, set] = {}
        for row in unit:
            if where is not None and value_of(where, row) is not True:
                continue
            group = key_of(keys, row)
            if group is None or sum(per_group.values()) >= bounds.rows:
                continue
            if group not in per_group and len(per_group) >= bounds.groups:
                continue
            if per_group.get(group, 0) >= bounds.rows_per_group:
                continue
            per_group[group] = per_group.get(group, 0) + 1
            parts = found.setdefault(group, _zeros(measurement))
            for place, primitive in enumerate(measurement.primitives):
                _take(primitive, parts[place], row, id(unit), brought.setdefault(place, set()), group)
    lines = sorted(found, key=lambda line: _in_order(keys, line))
    vectors = [
        [number for line in lines for number in _integers(primitive, found[line][place])]
        for place, primitive in enumerate(measurement.primitives)
    ]
    return lines, vectors


def _zeros(measurement):
    return [
        set() if isinstance(primitive, CountDistinct | CountUnits) else [0] * width(primitive)
        for primitive in measurement.primitives
    ]


def _take(primitive, kept, row, unit, brought, group):
    match primitive:
        case CountRows():
            kept[0] += 1
        case CountUnits(None):
            kept.add(unit)
        case CountUnits(condition):
            if value_of(condition, row) is True:
                kept.add(unit)
        case CountValues(operand):
            kept[0] += value_of(operand, row) is not None
        case SumValues():
            kept[0] += summand(primitive, value_of(primitive.operand, row))
        case CountDistinct(operand, most):
            value = value_of(operand, row)
            if value is not None and ((group, value) in brought or len(brought) < most):
                brought.add((group, value))
                kept.add(value)
        case TreeCounts(operand):
            value = value_of(operand, row)
            if value is not None:
                at, start = leaf(primitive, value), 0
                for level in range(1, primitive.depth + 1):
                    kept[start + at // BRANCHING ** (primitive.depth - level)] += 1
                    start += BRANCHING**level


def _integers(primitive, kept):
    return [len(kept)] if isinstance(kept, set) else kept
