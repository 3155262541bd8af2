"""Where bounds do not bind, the exact sums are those of DuckDB on the same rows."""

import math
from collections import Counter
from fractions import Fraction
from itertools import product

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from engine_tables import COST, LOOSE, NOTE, PREDICATES, PRIMITIVES, bucket_of, measurement_of, rows_with, vectors_of
from hypothesis import given, settings
from hypothesis import strategies as st

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
)  # fmt: skip
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, CountValues, SumValues
from sandbox.plan.relations import Filter
from sandbox.terms.dataset import Type
from workers.scan import measure_bucket

NOTHING = Literal(Fraction(0), Type.FLOAT)
MODERATE = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, math.nan])
ANY_FLOAT = st.floats(-1e6, 1e6, width=32) | st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308])
NAMED_KEYS = st.lists(st.sampled_from(["level", "sex", "smoker"]), unique=True)
DISTINCT = (CountDistinct(NOTE, 10**6), CountDistinct(COST, 10**6), CountUnits(Comparison(">", COST, NOTHING)))
TYPES = {Type.INT: "BIGINT", Type.FLOAT: "DOUBLE", Type.STRING: "VARCHAR", Type.BOOL: "BOOLEAN", Type.DATE: "BIGINT"}
SCHEMA = pa.schema([
    ("unit", pa.int64()), ("sex", pa.string()), ("smoker", pa.bool_()), ("level", pa.int64()), ("note", pa.string()),
    ("other", pa.string()), ("age", pa.int64()), ("cost", pa.float64()), ("day", pa.int64()),
])  # fmt: skip


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        yield connection


def units_with(costs):
    return st.lists(st.lists(rows_with(costs), min_size=1, max_size=6), max_size=6)


@settings(max_examples=150, deadline=None)
@given(units=units_with(MODERATE), where=st.none() | PREDICATES, keys=NAMED_KEYS)
def test_sums_equal_duckdb(connection, units, where, keys):
    plan = measurement_of(where, keys, LOOSE, (*PRIMITIVES, *DISTINCT))
    assert vectors_of(plan, measure_bucket(plan, bucket_of(units))) == asked_of_duckdb(connection, plan, units)


@settings(max_examples=100, deadline=None)
@given(units=units_with(ANY_FLOAT), keys=NAMED_KEYS, above=st.booleans())
def test_nan_is_null_and_infinities_clamp(connection, units, keys, above):
    where = Comparison(">" if above else "<=", COST, Literal(Fraction(3), Type.FLOAT))
    plan = measurement_of(where, keys, LOOSE, PRIMITIVES[:-1])  # no quotient: DuckDB's leaves the finite doubles
    assert vectors_of(plan, measure_bucket(plan, bucket_of(units))) == asked_of_duckdb(connection, plan, units)


def test_control_tight_bounds_differ_from_duckdb(connection):
    row = Row_of("F")
    plan = measurement_of(None, ("sex",), type(LOOSE)(2, 1, 2))
    assert vectors_of(plan, measure_bucket(plan, bucket_of([[row] * 5]))) != asked_of_duckdb(
        connection, plan, [[row] * 5]
    )


def Row_of(sex):
    from engine_tables import Row

    return Row(sex, True, 0, "a", "a", 1, 1.0, 1)


def asked_of_duckdb(connection, plan, units) -> list[list[int]]:
    parameters: list = []

    def text(node) -> str:
        match node:
            case ColumnRef(name, _):
                return name
            case Literal(value, kind):
                parameters.append(float(value) if isinstance(value, Fraction) else value)
                return f"?::{TYPES[kind]}"
            case Negation(operand):
                return f"(-{text(operand)})"
            case Arithmetic(operator, left, right, kind):
                one, other = f"{text(left)}::{TYPES[kind]}", f"{text(right)}::{TYPES[kind]}"
                return f"({one} / nullif({other}, 0))" if operator == "/" else f"({one} {operator} {other})"
            case Comparison(operator, left, right):
                return f"({text(left)} {operator} {text(right)})"
            case Membership(operand, values):
                return f"({text(operand)} in ({', '.join(text(value) for value in values)}))"
            case NullTest(operand):
                return f"({text(operand)} is null)"
            case Not(operand):
                return f"(not {text(operand)})"
            case Conjunction(operands):
                return "(" + " and ".join(text(part) for part in operands) + ")"
            case Disjunction(operands):
                return "(" + " or ".join(text(part) for part in operands) + ")"
        raise AssertionError(node)

    def measure(primitive) -> str:
        match primitive:
            case CountRows():
                return "count(*)"
            case CountUnits(None):
                return "count(distinct unit)"
            case CountUnits(condition):
                return f"count(distinct unit) filter ({text(condition)})"
            case CountDistinct(operand):
                return f"count(distinct {text(operand)})"
            case CountValues(operand):
                return f"count({text(operand)})"
            case SumValues(operand, low, high, center, granularity):
                value = f"{text(operand)}::DOUBLE"
                parameters.extend(float(number) for number in (low, low, high, high, center, granularity))
                # DuckDB's greatest and least pass over NULL, and its "if" does not. The operand's constants come first.
                clamped = f"(select if(x < ?, ?, if(x > ?, ?, x)) from (select {value} as x))"
                moved = parameters[-6:]
                del parameters[-6:]
                operand_parameters = _count_marks(value)
                head = parameters[len(parameters) - operand_parameters :]
                del parameters[len(parameters) - operand_parameters :]
                parameters.extend([*moved[:4], *head, *moved[4:]])
                return f"coalesce(sum(cast(round_even(({clamped} - ?) / ?, 0) as hugeint)), 0)"
        raise AssertionError(primitive)

    table = pa.Table.from_pylist(
        [
            {"unit": number, **{name: getattr(row, name) for name in SCHEMA.names if name != "unit"}}
            for number, unit in enumerate(units)
            for row in unit
        ],
        SCHEMA,
    )
    names = [key.operand.name for key in plan.keys]
    measured = ", ".join(measure(primitive) for primitive in plan.primitives)
    where = text(plan.relation.predicate) if isinstance(plan.relation, Filter) else "true"
    connection.register("given", table)
    found = connection.execute(
        f"with visits as (select * replace (if(isnan(cost), null, cost) as cost) from given) "
        f"select {''.join(name + ', ' for name in names)} {measured} from visits where {where}"
        + (f" group by {', '.join(names)}" if names else ""),
        parameters,
    ).fetchall()
    by_key = {row[: len(names)]: row[len(names) :] for row in found}
    nothing = (0,) * len(plan.primitives)
    columns = [by_key.get(key, nothing) for key in product(*(key.values for key in plan.keys))]
    return np.asarray(columns, dtype=object).T.tolist()


def _count_marks(sql: str) -> int:
    return Counter(sql)["?"]
