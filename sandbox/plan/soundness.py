"""Whether a plan that came from outside is one that the binder could have made: types, order, references, sizes."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from sandbox.plan.answers import listed_tables
from sandbox.plan.expressions import children
from sandbox.plan.measurement import GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Expression, Literal, type_of
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, CountValues, Primitive, SumValues, TreeCounts
from sandbox.plan.query import Plan
from sandbox.plan.relations import columns_of, expressions_of, is_public, rows_per_unit, scans_of, sources_of, streamed
from sandbox.plan.rewrite import normalise
from sandbox.plan.soundness_answers import check_answer_table
from sandbox.plan.soundness_expressions import check_types
from sandbox.plan.soundness_relations import check_relation, nodes_in
from sandbox.terms.dataset import Type
from sandbox.terms.moments import days, microseconds

GROUPS_MAX = 100_000
MEASUREMENTS_MAX = 16
RELATIONS_MAX = 64
SIZE_MAX = 2**62
KEY_LENGTH_MAX = 1_000
CELLS_MAX = 2**27
"""Integers in one measurement with public keys."""


def require(holds: bool, what: str) -> None:
    """Raises ValueError where a plan is not sound."""
    if not holds:
        raise ValueError(f"not a sound plan: {what}")


def check_plan(plan: Plan) -> None:
    """Relations, keys, primitives and the answer made from them: types, normal form, references, sizes.

    Raises:
        ValueError: the plan is not sound.
    """
    require(bool(plan.unit_space), "no unit space")
    require(len(plan.measurements) <= MEASUREMENTS_MAX, "too many measurements")
    require(len(set(plan.measurements)) == len(plan.measurements), "equal measurements are made once")
    nodes = sum(nodes_in(item.relation) for item in plan.measurements)
    nodes += sum(nodes_in(item.relation) for item in listed_tables(plan.answer))
    require(nodes <= RELATIONS_MAX, "too many relations")
    for measurement in plan.measurements:
        _check_measurement(measurement)
    check_answer_table(plan)
    require(all(1 <= len(name) <= 63 for name in plan.columns), "the name of an output")


def normal(expressions: Iterable[Expression], columns: Mapping[str, Type]) -> None:
    """Raises ValueError where an expression is not well typed over `columns`, or not in normal form."""
    for expression in expressions:
        check_types(expression, columns)
        require(normalise(expression) == expression, "an expression is not in normal form")


def _check_measurement(measurement: Measurement) -> None:
    relation, bounds = measurement.relation, measurement.bounds
    check_relation(relation)
    require(not is_public(relation), "a public table is measured")
    columns = columns_of(relation)
    normal(measurement.expressions, columns)
    require(len(set(measurement.primitives)) == len(measurement.primitives), "equal primitives are measured once")
    _check_keys(measurement.keys)
    require(measurement.selected or measurement.groups <= GROUPS_MAX, "too many groups")
    require(measurement.selected or measurement.groups * sum(measurement.widths) <= CELLS_MAX, "too many cells")
    require(bounds.groups <= measurement.groups, "more groups than there are")
    require(streamed(relation) or bounds.rows <= rows_per_unit(relation), "more rows than a unit has")
    read = {name for expression in measurement.expressions for name in names_in(expression)} | _read_below(measurement)
    stored = {scan.prefix + name for scan in scans_of(relation) for name, _ in scan.columns}
    require(stored <= read, "a column that is not read")
    for primitive in measurement.primitives:
        _check_primitive(primitive, measurement)


def _read_below(measurement: Measurement) -> set[str]:
    found: set[str] = set()
    waiting = [measurement.relation]
    while waiting:
        relation = waiting.pop()
        found |= {name for expression in expressions_of(relation) for name in names_in(expression)}
        waiting += sources_of(relation)
    return found


def names_in(expression: Expression) -> set[str]:
    """The columns that an expression reads."""
    found: set[str] = set()
    waiting = [expression]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ColumnRef):
            found.add(item.name)
        waiting += children(item)
    return found


def _check_keys(keys: tuple[GroupKey, ...]) -> None:
    require(len({key.operand for key in keys}) == len(keys), "each key once")
    for key in keys:
        require(key.type is type_of(key.operand), "the type of a key")
        require(
            key.distinct_max is None or (key.values is None and key.distinct_max >= 1), "the number of a key's values"
        )
        require(0 <= key.max_length <= KEY_LENGTH_MAX, "the length of a key")
        require(key.values is not None or (key.type is Type.STRING) == (key.max_length > 0), "the length of a key")
        if key.values is None:
            require(key.type not in (Type.FLOAT, Type.TIMESTAMP), "the type of a private key")
            continue
        require(bool(key.values) and key.type is not Type.FLOAT and key.max_length == 0, "a key without values")
        listed = list(key.values)
        kind = {Type.INT: int, Type.BOOL: bool}.get(key.type, str)
        require(all(type(item) is kind for item in listed), "the type of a key's values")
        require(listed == sorted(set(listed)), "key values in order, each once")
        require(key.type is not Type.DATE or all(days(str(item)) is not None for item in listed), "a date key")
        moments = key.type is not Type.TIMESTAMP or all(microseconds(str(item)) is not None for item in listed)
        require(moments, "a timestamp key")


def _check_primitive(primitive: Primitive, measurement: Measurement) -> None:
    rows = measurement.rows_max
    match primitive:
        case CountRows() | CountUnits(None) | CountValues():
            require(rows < SIZE_MAX, "a count that can overflow")
        case CountUnits(condition):
            require(condition is not None and type_of(condition) is Type.BOOL, "the condition of a count")
            require(not isinstance(condition, Literal), "a condition that is constant")
        case SumValues():
            require(type_of(primitive.operand).is_number, "only numbers are summed")
            require(primitive.low <= primitive.high, "the range of a sum")
            require(primitive.magnitude * rows < SIZE_MAX, "a sum that can overflow")
            require(type_of(primitive.operand) is not Type.INT or primitive.granularity == 1, "an integer sum's step")
        case CountDistinct(operand, values):
            require(values <= measurement.bounds.rows, "more distinct values than rows")
            require(not isinstance(operand, Literal), "distinct values of a constant")
        case TreeCounts(operand, low, step):
            kind = type_of(operand)
            require(kind not in (Type.STRING, Type.BOOL), "a tree over something without an order")
            whole = kind is Type.FLOAT or (low.denominator == 1 and step.denominator == 1)
            require(whole, "the steps of a tree over whole numbers")
            require(abs(low) + step * primitive.leaves < Fraction(10) ** 300, "the range of a tree")
