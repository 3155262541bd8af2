"""The plan as canonical JSON, strictly read back, and its digest: equal questions, equal bytes."""

import re
from fractions import Fraction
from typing import Any

from sandbox.plan.expressions import expression_json, read_expression
from sandbox.plan.nodes import (
    ContributionBounds,
    CountOutput,
    CountRows,
    CountUnits,
    CountValues,
    Expression,
    GroupKey,
    KeyOutput,
    MeanOutput,
    Output,
    Plan,
    Primitive,
    SumOutput,
    SumValues,
)
from sandbox.plan.soundness import check_plan
from sandbox.terms.canonical import digest
from sandbox.terms.dataset import KeyValue, Type

FORMAT = "sandbox/plan/v1"
NESTING_MAX = 250
"""Levels of a plan document: a query's 64 and what surrounds them, with room for the JSON between."""

_LONGEST_NUMBER = 1_300
_NUMERIC = re.compile(r"-?\d+(?:/\d+)?", re.ASCII)


def plan_json(plan: Plan) -> dict[str, Any]:
    """The canonical form. Fractions and the integers of keys and constants are strings."""
    return {
        "format": FORMAT,
        "unit_space": plan.unit_space,
        "dataset": plan.dataset,
        "table": plan.table,
        "rows_max": plan.rows_max,
        "where": None if plan.where is None else expression_json(plan.where),
        "keys": [_key_json(key) for key in plan.keys],
        "bounds": {
            "rows": plan.bounds.rows,
            "groups": plan.bounds.groups,
            "rows_per_group": plan.bounds.rows_per_group,
        },
        "primitives": [_primitive_json(primitive) for primitive in plan.primitives],
        "outputs": [_output_json(output) for output in plan.outputs],
    }


def plan_digest(plan: Plan) -> str:
    """Lower-case hex SHA-256 of the canonical bytes of `plan_json`."""
    return digest(plan_json(plan))


def read_plan(value: dict[str, Any]) -> Plan:
    """The strict inverse of `plan_json`: only what `plan_json` could have written of a well-typed, normal plan.

    Raises:
        ValueError: anything else.
    """
    _check_size(value)
    try:
        plan = _plan(value)
        same = plan_json(plan) == value
    except (KeyError, TypeError, AttributeError, ZeroDivisionError, RecursionError, OverflowError) as error:
        raise ValueError("not a plan document") from error
    if not same or not _same_types(plan_json(plan), value):
        raise ValueError("not the canonical form of a plan")
    check_plan(plan)
    return plan


def _check_size(value: object) -> None:
    """No nesting that could exhaust the stack."""
    waiting: list[tuple[object, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > NESTING_MAX:
            raise ValueError("a plan does not nest so deep")
        if isinstance(item, dict):
            waiting += [(part, depth + 1) for part in item.values()]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]


def _same_types(left: object, right: object) -> bool:
    """Equality that tells 1 from true and from 1.0, which == does not."""
    waiting = [(left, right)]
    while waiting:
        one, other = waiting.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, dict) and isinstance(other, dict):
            waiting += [(one[name], other[name]) for name in one]
        elif isinstance(one, list) and isinstance(other, list):
            waiting += list(zip(one, other, strict=True))
    return True


def _plan(value: dict[str, Any]) -> Plan:
    bounds = value["bounds"]
    return Plan(
        unit_space=_text(value["unit_space"]),
        dataset=_text(value["dataset"]),
        table=_text(value["table"]),
        rows_max=_whole(value["rows_max"]),
        where=None if value["where"] is None else _expression(value["where"]),
        keys=tuple(_key(item) for item in value["keys"]),
        bounds=ContributionBounds(_whole(bounds["rows"]), _whole(bounds["groups"]), _whole(bounds["rows_per_group"])),
        primitives=tuple(_primitive(item) for item in value["primitives"]),
        outputs=tuple(_output(item) for item in value["outputs"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text is expected")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("an integer is expected")
    return value


def _fraction(value: Any) -> Fraction:
    text = _text(value)
    if len(text) > _LONGEST_NUMBER or not _NUMERIC.fullmatch(text):
        raise ValueError("a fraction is expected")
    return Fraction(text)


def _expression(value: Any) -> Expression:
    return read_expression(value)


def _key_json(key: GroupKey) -> dict[str, Any]:
    values = [str(item) if key.type is Type.INT else item for item in key.values]
    return {"column": key.column, "type": key.type.value, "values": values}


def _key(value: dict[str, Any]) -> GroupKey:
    kind = Type(value["type"])
    return GroupKey(_text(value["column"]), kind, tuple(_key_value(item, kind) for item in value["values"]))


def _key_value(value: Any, kind: Type) -> KeyValue:
    if kind is Type.BOOL:
        if not isinstance(value, bool):
            raise TypeError("a truth value is expected")
        return value
    return int(_fraction(value)) if kind is Type.INT else _text(value)


def _primitive_json(primitive: Primitive) -> dict[str, Any]:
    match primitive:
        case CountRows():
            return {"measure": "count_rows"}
        case CountUnits():
            return {"measure": "count_units"}
        case CountValues(operand):
            return {"measure": "count_values", "operand": expression_json(operand)}
        case SumValues(operand, low, high, center, granularity):
            return {
                "measure": "sum_values",
                "operand": expression_json(operand),
                "low": str(low),
                "high": str(high),
                "center": str(center),
                "granularity": str(granularity),
            }


def _primitive(value: dict[str, Any]) -> Primitive:
    match value["measure"]:
        case "count_rows":
            return CountRows()
        case "count_units":
            return CountUnits()
        case "count_values":
            return CountValues(_expression(value["operand"]))
        case "sum_values":
            numbers = (_fraction(value[name]) for name in ("low", "high", "center", "granularity"))
            return SumValues(_expression(value["operand"]), *numbers)
        case _:
            raise ValueError("unknown measure")


def _output_json(output: Output) -> dict[str, Any]:
    match output:
        case KeyOutput(name, key):
            return {"output": "key", "name": name, "key": key}
        case CountOutput(name, count):
            return {"output": "count", "name": name, "count": count}
        case SumOutput(name, total, kind):
            return {"output": "sum", "name": name, "total": total, "type": kind.value}
        case MeanOutput(name, total, count):
            return {"output": "mean", "name": name, "total": total, "count": count}


def _output(value: dict[str, Any]) -> Output:
    name = _text(value["name"])
    match value["output"]:
        case "key":
            return KeyOutput(name, _whole(value["key"]))
        case "count":
            return CountOutput(name, _whole(value["count"]))
        case "sum":
            return SumOutput(name, _whole(value["total"]), Type(value["type"]))
        case "mean":
            return MeanOutput(name, _whole(value["total"]), _whole(value["count"]))
        case _:
            raise ValueError("unknown output")
