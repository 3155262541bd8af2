"""Tables made by hand for the engine's tests: a bucket, the rows it stands for, and a slow reference that reads them."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from sandbox.plan.nodes import (
    Arithmetic,
    ColumnRef,
    Comparison,
    Conjunction,
    ContributionBounds,
    CountOutput,
    CountRows,
    CountUnits,
    CountValues,
    Disjunction,
    GroupKey,
    Literal,
    Membership,
    Negation,
    Not,
    NullTest,
    Plan,
    SumValues,
)
from sandbox.terms.dataset import Type
from workers.bucket import Bucket, ColumnArray

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
    "sex": GroupKey("sex", Type.STRING, SEX),
    "smoker": GroupKey("smoker", Type.BOOL, (False, True)),
    "level": GroupKey("level", Type.INT, LEVEL),
}
SUM_AGE = SumValues(AGE, Fraction(-100), Fraction(100), Fraction(0), Fraction(1))
MEAN_COST = SumValues(COST, Fraction(-1000), Fraction(2000), Fraction(500), Fraction(1, 100))
SUM_RATIO = SumValues(
    Arithmetic("/", COST, AGE, Type.FLOAT), Fraction(-7, 3), Fraction(10), Fraction(0), Fraction(1, 7)
)
PRIMITIVES = (CountRows(), CountUnits(), CountValues(AGE), CountValues(NOTE), SUM_AGE, MEAN_COST, SUM_RATIO)
LOOSE = ContributionBounds(10**6, 10**6, 10**6)

BOUNDS = st.builds(
    lambda each, more, groups: ContributionBounds(each + more, groups, each),
    st.integers(1, 4), st.integers(0, 5), st.integers(1, 4),
)  # fmt: skip


def plan_of(where=None, keys=(), bounds=LOOSE, primitives=PRIMITIVES) -> Plan:
    return Plan(
        "people", "clinic", "visits", 10**6, where, tuple(KEYS[k] for k in keys), bounds, tuple(primitives),
        (CountOutput("n", 0),),
    )  # fmt: skip


PLANS = st.builds(
    plan_of,
    where=st.none() | PREDICATES,
    keys=st.lists(st.sampled_from(sorted(KEYS)), unique=True, max_size=3),
    bounds=BOUNDS,
)


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


def reference(plan: Plan, units: list[list[Row]]) -> list[list[int]]:
    """What the pass must give, one unit at a time, one row at a time."""
    sums = [[0] * plan.groups for _ in plan.primitives]
    for unit in units:
        per_group: dict[int, int] = {}
        for row in unit:
            if plan.where is not None and value_of(plan.where, row) is not True:
                continue
            group = 0
            for key in plan.keys:
                v = getattr(row, key.column)
                group = -1 if v is None or group < 0 else group * len(key.values) + key.values.index(v)
            if group < 0 or sum(per_group.values()) >= plan.bounds.rows:
                continue
            if group not in per_group and len(per_group) >= plan.bounds.groups:
                continue
            if per_group.get(group, 0) >= plan.bounds.rows_per_group:
                continue
            first = group not in per_group
            per_group[group] = per_group.get(group, 0) + 1
            for line, primitive in zip(sums, plan.primitives, strict=True):
                match primitive:
                    case CountRows():
                        line[group] += 1
                    case CountUnits():
                        line[group] += first
                    case CountValues(operand):
                        line[group] += value_of(operand, row) is not None
                    case SumValues():
                        line[group] += summand(primitive, value_of(primitive.operand, row))
    return sums
