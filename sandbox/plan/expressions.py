"""Expressions as JSON and as sortable text, and their parts."""

import re
from collections.abc import Callable
from fractions import Fraction
from json.encoder import encode_basestring
from typing import Any, TypeAlias

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


_Parts: TypeAlias = tuple[Expression, ...]

# One look-up by the kind of node, where `match` would try one kind after the other: planning is half made of these.
_PARTS: dict[type, Callable[[Any], _Parts]] = {
    Negation: lambda node: (node.operand,),
    NullTest: lambda node: (node.operand,),
    Not: lambda node: (node.operand,),
    Membership: lambda node: (node.operand,),
    Arithmetic: lambda node: (node.left, node.right),
    Comparison: lambda node: (node.left, node.right),
    Conjunction: lambda node: node.operands,
    Disjunction: lambda node: node.operands,
    Call: lambda node: node.operands,
    Case: lambda node: (*(part for branch in node.branches for part in branch), node.default),
}
_REMADE: dict[type, Callable[[Any, _Parts], Expression]] = {
    Negation: lambda node, new: Negation(new[0], node.type),
    NullTest: lambda _, new: NullTest(new[0]),
    Not: lambda _, new: Not(new[0]),
    Membership: lambda node, new: Membership(new[0], node.values),
    Arithmetic: lambda node, new: Arithmetic(node.operator, new[0], new[1], node.type),
    Comparison: lambda node, new: Comparison(node.operator, new[0], new[1]),
    Conjunction: lambda _, new: Conjunction(new),
    Disjunction: lambda _, new: Disjunction(new),
    Call: lambda node, new: Call(node.function, new, node.type),
    Case: lambda node, new: Case(tuple(zip(new[:-1:2], new[1::2], strict=True)), new[-1], node.type),
}


def children(expression: Expression) -> tuple[Expression, ...]:
    """The expressions directly below; the values of a Membership are part of it."""
    parts = _PARTS.get(type(expression))
    return parts(expression) if parts is not None else ()


def with_children(expression: Expression, new: tuple[Expression, ...]) -> Expression:
    """The same node over other expressions, as many as before."""
    remade = _REMADE.get(type(expression))
    return remade(expression, new) if remade is not None else expression


_SORTED: dict[type, Callable[[Any], str]] = {
    ColumnRef: lambda node: f'{{"name":{encode_basestring(node.name)},"node":"column","type":"{node.type}"}}',
    Literal: lambda node: f'{{"node":"literal","type":"{node.type}","value":{_value_text(node.value)}}}',
    Negation: lambda node: f'{{"node":"negation","operand":{_text_of(node.operand)},"type":"{node.type}"}}',
    Arithmetic: lambda node: (
        f'{{"left":{_text_of(node.left)},"node":"arithmetic","operator":"{node.operator}",'
        f'"right":{_text_of(node.right)},"type":"{node.type}"}}'
    ),
    Comparison: lambda node: (
        f'{{"left":{_text_of(node.left)},"node":"comparison","operator":"{node.operator}","right":{_text_of(node.right)}}}'
    ),
    Membership: lambda node: (
        f'{{"node":"membership","operand":{_text_of(node.operand)},"values":{_list_text(node.values)}}}'
    ),
    NullTest: lambda node: f'{{"node":"null_test","operand":{_text_of(node.operand)}}}',
    Not: lambda node: f'{{"node":"not","operand":{_text_of(node.operand)}}}',
    Conjunction: lambda node: f'{{"node":"and","operands":{_list_text(node.operands)}}}',
    Disjunction: lambda node: f'{{"node":"or","operands":{_list_text(node.operands)}}}',
    Case: lambda node: (
        f'{{"branches":[{",".join(map(_branch_text, node.branches))}],'
        f'"else":{_text_of(node.default)},"node":"case","type":"{node.type}"}}'
    ),
    Call: lambda node: (
        f'{{"function":{encode_basestring(node.function)},"node":"call",'
        f'"operands":{_list_text(node.operands)},"type":"{node.type}"}}'
    ),
}


def sort_key(expression: Expression) -> bytes:
    """Canonical bytes, by which operands are ordered: those of `canonical_bytes` of `expression_json`, written at once."""
    return _text_of(expression).encode()


def _text_of(expression: Expression) -> str:
    return _SORTED[type(expression)](expression)


def _list_text(listed: tuple[Expression, ...]) -> str:
    return f"[{','.join(map(_text_of, listed))}]"


def _branch_text(branch: tuple[Expression, Expression]) -> str:
    return f'{{"then":{_text_of(branch[1])},"when":{_text_of(branch[0])}}}'


def _value_text(value: Fraction | int | str | bool | None) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    return ("true" if value else "false") if isinstance(value, bool) else f'"{value}"'


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
