"""One bucket of one table → the partial sums of a plan. Reads only the columns that the plan names."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.nodes import (
    Arithmetic,
    ColumnRef,
    Comparison,
    Conjunction,
    CountRows,
    CountUnits,
    CountValues,
    Disjunction,
    Expression,
    GroupKey,
    Literal,
    Membership,
    Negation,
    Not,
    NullTest,
    Plan,
    SumValues,
)
from sandbox.terms.dataset import KeyValue
from workers.bucket import Bucket, BucketKey, ColumnArray, read_bucket
from workers.contribute import COUNT_ROWS, COUNT_UNITS, Integers, contribute, fixed_point
from workers.evaluate import Evaluator


@dataclass(frozen=True, slots=True)
class Needs:
    """What one plan reads: column names, sorted; none for a bare count(*), where the runs alone answer."""

    columns: tuple[str, ...]

    @classmethod
    def of(cls, plan: Plan) -> "Needs":
        """Every column named in the filter, the keys and the primitives."""
        names = {key.column for key in plan.keys}
        if plan.where is not None:
            names |= _names(plan.where)
        for primitive in plan.primitives:
            if isinstance(primitive, CountValues | SumValues):
                names |= _names(primitive.operand)
        return cls(tuple(sorted(names)))


def scan(plan: Plan, key: BucketKey) -> Integers:
    """Read and decrypt one bucket and return its partial sums [primitive, group].

    Raises:
        StoreRefused: the bucket's files are not those of the manifest.
    """
    return measure_bucket(plan, read_bucket(key, Needs.of(plan).columns))


def measure_bucket(plan: Plan, bucket: Bucket) -> Integers:
    """The partial sums [primitive, group] of a bucket in memory."""
    evaluator = Evaluator(bucket.columns, bucket.rows)
    groups = _group_codes(plan, bucket)
    if plan.where is not None:
        groups = np.where(evaluator.holds(plan.where), groups, np.int32(-1))
    readings: list[int] = []
    lines: list[Integers] = []
    for primitive in plan.primitives:
        match primitive:
            case CountRows():
                readings.append(COUNT_ROWS)
            case CountUnits():
                readings.append(COUNT_UNITS)
            case CountValues(operand):
                readings.append(len(lines))
                lines.append(evaluator.vector(operand).valid.astype(np.int64))
            case SumValues():
                readings.append(len(lines))
                lines.append(fixed_point(evaluator.vector(primitive.operand), primitive))
    weights = np.stack(lines) if lines else np.empty((0, bucket.rows), np.int64)
    return contribute(bucket.runs, groups, tuple(readings), weights, plan.bounds, plan.groups)


def _group_codes(plan: Plan, bucket: Bucket) -> NDArray[np.int32]:
    """Each row's place in the product of the keys (the last key turns fastest); -1 where any key is not declared."""
    codes = np.zeros(bucket.rows, np.int32)
    outside = np.zeros(bucket.rows, np.bool_)
    for key in plan.keys:
        part = _key_codes(key, bucket.columns[key.column])
        outside |= part < 0
        codes = codes * np.int32(len(key.values)) + part
    codes[outside] = -1
    return codes


def _key_codes(key: GroupKey, column: ColumnArray) -> NDArray[np.int32]:
    dictionary = column.dictionary
    if dictionary is None:
        raise ValueError("a group key's column has declared keys")
    places = {_exactly(value): place for place, value in enumerate(key.values)}
    wanted = [places.get(_exactly(value), -1) for value in dictionary]
    if wanted == list(range(len(dictionary))):
        return column.values
    # Code -1 (NULL) reads the slot added at the end.
    return np.asarray([*wanted, -1], np.int32)[column.values]


def _exactly(value: KeyValue) -> tuple[str, KeyValue]:
    """True and 1 are equal in Python and different keys here."""
    return type(value).__name__, value


def _names(expression: Expression) -> set[str]:
    match expression:
        case ColumnRef(name):
            return {name}
        case Literal():
            return set()
        case Negation(operand) | NullTest(operand) | Not(operand) | Membership(operand):
            return _names(operand)
        case Arithmetic() | Comparison():
            return _names(expression.left) | _names(expression.right)
        case Conjunction(operands) | Disjunction(operands):
            return set().union(*(_names(operand) for operand in operands))
