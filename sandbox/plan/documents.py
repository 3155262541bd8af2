"""The nodes of a plan as JSON and strictly back, by the fields that their classes declare.

A node is an object with its tag under "node" and its fields by name; a tuple is a list, a fraction and an integer key a
string. What is read back is checked by type here and for sense by `soundness`; extra fields are the caller's to notice.
"""

import re
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from sandbox.plan import answers, measurement, primitives, query, relations
from sandbox.plan.expressions import expression_json, read_expression
from sandbox.plan.measurement import GroupKey
from sandbox.plan.nodes import Expression
from sandbox.terms.dataset import KeyValue, Type

_LONGEST_NUMBER = 1_300
_NUMERIC = re.compile(r"-?\d+(?:/\d+)?", re.ASCII)
_EXPRESSIONS: frozenset[type] = frozenset(get_args(Expression))

_TAGS: dict[type, str] = {
    query.Plan: "plan",
    measurement.Measurement: "measurement",
    measurement.ContributionBounds: "bounds",
    relations.Scan: "scan",
    relations.Filter: "filter",
    relations.Project: "project",
    relations.UnitAggregate: "unit_aggregate",
    relations.PerUnit: "per_unit",
    relations.Order: "order",
    relations.Window: "window",
    relations.Union: "union",
    relations.Join: "join",
    primitives.CountRows: "count_rows",
    primitives.CountUnits: "count_units",
    primitives.CountValues: "count_values",
    primitives.SumValues: "sum_values",
    primitives.CountDistinct: "count_distinct",
    primitives.TreeCounts: "tree_counts",
    answers.KeyOutput: "key",
    answers.CountOutput: "count",
    answers.SumOutput: "sum",
    answers.MeanOutput: "mean",
    answers.SpreadOutput: "spread",
    answers.QuantileOutput: "quantile",
    answers.Measured: "measured",
    answers.ListedColumn: "listed_column",
    answers.Listed: "listed",
    answers.Derived: "derived",
    answers.Kept: "kept",
    answers.Ordered: "ordered",
    answers.Matched: "matched",
    answers.Stacked: "stacked",
    answers.Collected: "collected",
}


def document(value: Any) -> Any:
    """The JSON form of a node, or of what a node's field holds."""
    kind = type(value)
    if kind in _EXPRESSIONS:
        return expression_json(value)
    if kind is GroupKey:
        return _key_document(value)
    if kind in _TAGS:
        return {"node": _TAGS[kind], **{field.name: document(getattr(value, field.name)) for field in fields(value)}}
    if isinstance(value, tuple):
        return [document(item) for item in value]
    if isinstance(value, Type):
        return value.value
    return str(value) if isinstance(value, Fraction) else value


def read_document(hint: Any, value: Any) -> Any:
    """The inverse of `document` for a value of the type `hint`: a node class, a union of them, or a field's type.

    Raises:
        KeyError, TypeError, ValueError: not such a document.
    """
    if get_origin(hint) in (Union, UnionType):
        return _read_union(get_args(hint), value)
    if get_origin(hint) is tuple:
        return _read_tuple(get_args(hint), value)
    if hint is GroupKey:
        return _read_key(value)
    if is_dataclass(hint) and isinstance(hint, type):
        if value["node"] != _TAGS[hint]:
            raise ValueError("another node is expected")
        return hint(**{name: read_document(part, value[name]) for name, part in _hints(hint).items()})
    if hint is Fraction:
        return _fraction(value)
    if hint is Type:
        return Type(_exactly(value, str))
    return _exactly(value, hint)


def _read_union(options: tuple[Any, ...], value: Any) -> Any:
    if value is None:
        if NoneType not in options:
            raise TypeError("a value is expected")
        return None
    kinds = [option for option in options if option is not NoneType]
    if _EXPRESSIONS.issuperset(kinds):
        return read_expression(value)
    if len(kinds) == 1:
        return read_document(kinds[0], value)
    tag = value["node"]
    kind = next((kind for kind in kinds if _TAGS.get(kind) == tag), None)
    if kind is None:
        raise ValueError("unknown node")
    return read_document(kind, value)


def _read_tuple(parts: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    items = _exactly(value, list)
    if len(parts) == 2 and parts[1] is Ellipsis:
        return tuple(read_document(parts[0], item) for item in items)
    return tuple(read_document(part, item) for part, item in zip(parts, items, strict=True))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _exactly(value: Any, kind: type) -> Any:
    """The value, of exactly this type: True is no integer."""
    if type(value) is not kind:
        raise TypeError("another type is expected")
    return value


def _fraction(value: Any) -> Fraction:
    text = _exactly(value, str)
    if len(text) > _LONGEST_NUMBER or not _NUMERIC.fullmatch(text):
        raise ValueError("a fraction is expected")
    return Fraction(text)


def _key_document(key: GroupKey) -> dict[str, Any]:
    values = None
    if key.values is not None:
        values = [str(item) if key.type is Type.INT else item for item in key.values]
    return {
        "node": "group_key",
        "operand": expression_json(key.operand),
        "type": key.type.value,
        "values": values,
        "max_length": key.max_length,
        "distinct_max": None if key.distinct_max is None else str(key.distinct_max),
    }


def _read_key(value: Any) -> GroupKey:
    if value["node"] != "group_key":
        raise ValueError("a group key is expected")
    kind, listed = Type(_exactly(value["type"], str)), value["values"]
    values = None if listed is None else tuple(_key_value(item, kind) for item in _exactly(listed, list))
    distinct = None if value["distinct_max"] is None else int(_fraction(value["distinct_max"]))
    return GroupKey(read_expression(value["operand"]), kind, values, _exactly(value["max_length"], int), distinct)


def _key_value(value: Any, kind: Type) -> KeyValue:
    if kind is Type.BOOL:
        return bool(_exactly(value, bool))
    return int(_fraction(value)) if kind is Type.INT else str(_exactly(value, str))
