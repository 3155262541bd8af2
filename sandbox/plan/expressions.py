"""Expressions as JSON and as sortable text, and their parts."""

import json
import re
from dataclasses import replace
from fractions import Fraction
from typing import Any

from sandbox.plan.nodes import (
    Arithmetic,
    Call,
    Case,
    ColumnRef,
    Comparison,
    Conjunction,
    Disjunction,
    Expression,
    Literal,
    Membership,
    Negation,
    Not,
    NullTest,
)
from sandbox.terms.dataset import Type

_LONGEST_NUMBER = 1_300
_NUMBER = re.compile(r"-?\d+(?:/\d+)?", re.ASCII)


def children(expression: Expression) -> tuple[Expression, ...]:
    """The expressions directly below; the values of a Membership are part of it."""
    match expression:
        case Negation(operand) | NullTest(operand) | Not(operand) | Membership(operand):
            return (operand,)
        case Arithmetic(_, left, right) | Comparison(_, left, right):
            return (left, right)
        case Conjunction(operands) | Disjunction(operands) | Call(_, operands):
            return operands
        case Case(branches, default):
            return (*(part for branch in branches for part in branch), default)
        case _:
            return ()


def with_children(expression: Expression, new: tuple[Expression, ...]) -> Expression:
    """The same node over other expressions, as many as before."""
    match expression:
        case Negation() | NullTest() | Not() | Membership():
            return replace(expression, operand=new[0])
        case Arithmetic() | Comparison():
            return replace(expression, left=new[0], right=new[1])
        case Conjunction() | Disjunction() | Call():
            return replace(expression, operands=new)
        case Case():
            *parts, default = new
            return replace(expression, branches=tuple(zip(parts[::2], parts[1::2], strict=True)), default=default)
        case _:
            return expression


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sort_key(expression: Expression) -> bytes:
    """Canonical bytes, by which operands are ordered: those of `canonical_bytes`, without its checks of foreign values."""
    return _ENCODER.encode(expression_json(expression)).encode()


def expression_json(expression: Expression) -> dict[str, Any]:
    """The canonical form: one object a node; integers and fractions are strings."""
    match expression:
        case ColumnRef(name, kind):
            return {"node": "column", "name": name, "type": kind.value}
        case Literal(value, kind):
            return {"node": "literal", "value": _value_json(value), "type": kind.value}
        case Negation(operand, kind):
            return {"node": "negation", "operand": expression_json(operand), "type": kind.value}
        case Arithmetic(sign, left, right, kind):
            sides = {"left": expression_json(left), "right": expression_json(right)}
            return {"node": "arithmetic", "operator": sign, **sides, "type": kind.value}
        case Comparison(sign, left, right):
            sides = {"left": expression_json(left), "right": expression_json(right)}
            return {"node": "comparison", "operator": sign, **sides}
        case Membership(operand, values):
            listed = [expression_json(value) for value in values]
            return {"node": "membership", "operand": expression_json(operand), "values": listed}
        case NullTest(operand):
            return {"node": "null_test", "operand": expression_json(operand)}
        case Not(operand):
            return {"node": "not", "operand": expression_json(operand)}
        case Conjunction(operands):
            return {"node": "and", "operands": [expression_json(operand) for operand in operands]}
        case Disjunction(operands):
            return {"node": "or", "operands": [expression_json(operand) for operand in operands]}
        case Case(branches, default, kind):
            listed = [{"when": expression_json(one), "then": expression_json(other)} for one, other in branches]
            return {"node": "case", "branches": listed, "else": expression_json(default), "type": kind.value}
        case Call(function, operands, kind):
            listed = [expression_json(operand) for operand in operands]
            return {"node": "call", "function": function, "operands": listed, "type": kind.value}


def _value_json(value: Fraction | int | str | bool | None) -> str | bool | None:
    return str(value) if isinstance(value, int | Fraction) and not isinstance(value, bool) else value


def read_expression(value: Any) -> Expression:
    """The inverse of `expression_json`; types of parts are checked by `check_types`, extra fields by the caller.

    Raises:
        KeyError, TypeError, ValueError: not such a document.
    """
    match value["node"]:
        case "column":
            return ColumnRef(_text(value["name"]), Type(value["type"]))
        case "literal":
            return Literal(_value(value["value"], Type(value["type"])), Type(value["type"]))
        case "negation":
            return Negation(read_expression(value["operand"]), Type(value["type"]))
        case "arithmetic":
            left, right = read_expression(value["left"]), read_expression(value["right"])
            return Arithmetic(_text(value["operator"]), left, right, Type(value["type"]))
        case "comparison":
            return Comparison(_text(value["operator"]), read_expression(value["left"]), read_expression(value["right"]))
        case "membership":
            literals = tuple(read_expression(item) for item in value["values"])
            if not all(isinstance(item, Literal) for item in literals):
                raise ValueError("only constants are listed")
            values = tuple(item for item in literals if isinstance(item, Literal))
            return Membership(read_expression(value["operand"]), values)
        case "null_test":
            return NullTest(read_expression(value["operand"]))
        case "not":
            return Not(read_expression(value["operand"]))
        case "and":
            return Conjunction(tuple(read_expression(item) for item in value["operands"]))
        case "or":
            return Disjunction(tuple(read_expression(item) for item in value["operands"]))
        case "case":
            branches = tuple(
                (read_expression(item["when"]), read_expression(item["then"])) for item in value["branches"]
            )
            return Case(branches, read_expression(value["else"]), Type(value["type"]))
        case "call":
            operands = tuple(read_expression(item) for item in value["operands"])
            return Call(_text(value["function"]), operands, Type(value["type"]))
        case _:
            raise ValueError("unknown node")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text is expected")
    return value


def _value(value: Any, kind: Type) -> Fraction | int | str | bool | None:
    if value is None:
        return None
    if kind is Type.BOOL:
        if not isinstance(value, bool):
            raise TypeError("a truth value is expected")
        return value
    text = _text(value)
    if kind is Type.STRING:
        return text
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        raise ValueError("an integer or a fraction is expected")
    return Fraction(text) if kind is Type.FLOAT else int(text)
