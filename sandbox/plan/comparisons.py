"""Comparisons of bound operands, and membership in lists: both sides in types that compare."""

import re
from collections.abc import Sequence
from datetime import date

from sqlglot import exp

from sandbox.plan.conversions import cast, unified
from sandbox.plan.literals import NULL, is_null, matched, number_literal
from sandbox.plan.nodes import Comparison, Disjunction, Expression, Literal, Membership, type_of
from sandbox.plan.scope_terms import Columns
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import TypeMismatch

_FORMS = {
    Type.DATE: "A date is written '2024-01-31'.",
    Type.TIMESTAMP: "A timestamp is written '2024-01-31 12:00:00', in UTC unless it says otherwise.",
}
_TRUTH = {
    "1": "true",
    "yes": "true",
    "y": "true",
    "t": "true",
    "true": "true",
    "0": "false",
    "no": "false",
    "n": "false",
    "false": "false",
}
_WORDS = {Type.INT: "int", Type.FLOAT: "double", Type.DATE: "date", Type.TIMESTAMP: "timestamp", Type.STRING: "varchar"}


def compared(operator: str, left: Expression, right: Expression, node: exp.Expr, scope: Columns) -> Expression:
    """`left operator right`; NULL where either is the constant NULL.

    Args:
        node: the place to name where the two do not compare.

    Raises:
        Unanswerable: types that do not compare, or truth values for order.
    """
    pair = matched(left, right)
    if pair is None or _mixed_moments(*pair):
        same = unified((left, right))
        pair = None if same is None else (same[0], same[1])
    if pair is None:
        raise _mismatch(left, right, node, scope)
    if is_null(pair[0]) or is_null(pair[1]):
        return NULL
    if operator not in ("=", "<>") and type_of(pair[0]) is Type.BOOL:
        detail = "Truth values have no order here: compare them with = or <>."
        raise scope.refuse(TypeMismatch, detail, node, *_equal(node, scope))
    return Comparison(operator, *pair)


def in_list(operand: Expression, items: Sequence[tuple[exp.Expr, Expression]], scope: Columns) -> Expression:
    """`operand IN (items)`, each an expression: constants of the operand's type become one membership.

    Raises:
        Unanswerable: types that do not compare.
    """
    values: list[Literal] = []
    others: list[Expression] = []
    for item, value in items:
        pair = matched(operand, value)
        fitting = pair[1] if pair is not None else value
        if (
            isinstance(fitting, Literal)
            and fitting.type is type_of(operand)
            and not is_null(fitting)
            and not is_null(operand)
        ):
            values.append(fitting)
        else:
            others.append(compared("=", operand, value, item, scope))
    if values:
        others.insert(0, Membership(operand, tuple(values)))
    return others[0] if len(others) == 1 else Disjunction(tuple(others))


def _mixed_moments(left: Expression, right: Expression) -> bool:
    kinds = {type_of(left), type_of(right)}
    return kinds == {Type.DATE, Type.TIMESTAMP} and not is_null(left) and not is_null(right)


def _equal(node: exp.Expr, scope: Columns) -> list[str]:
    """The text with = for the sign between the operands."""
    end = scope.text.extent(node.this)[1]
    signs = [token for token in scope.text.tokens if token.start >= end and token.text in ("<", "<=", ">", ">=")]
    return [scope.text.replaced((signs[0].start, signs[0].end + 1), "=")] if signs else []


def date_meant(written: str) -> str | None:
    """The ISO form of a date in another one: 2024-1-31, 31.01.2024, 01/31/2024, 20240131; None where it is no date."""
    numbers = re.findall(r"\d+", written)
    if len(numbers) == 1 and len(numbers[0]) == 8:
        numbers = [numbers[0][:4], numbers[0][4:6], numbers[0][6:]]
    if len(numbers) != 3 or not re.fullmatch(r"\d+([-./]\d+){0,2}", written) or any(len(item) > 4 for item in numbers):
        return None
    first, second, third = (int(item) for item in numbers)
    options = [(first, second, third)] if len(numbers[0]) == 4 else [(third, second, first), (third, first, second)]
    if "/" in written:
        options.reverse()
    for year, month, day in options:
        try:
            return date(year, month, day).isoformat()
        except ValueError:
            continue
    return None


def _unquoted_date(sides: Sequence[tuple[object, Expression, Expression]], scope: Columns) -> list[str]:
    """2024-01-31 without quotes, which is a subtraction."""
    found: list[str] = []
    for side, _, _ in sides:
        if isinstance(side, exp.Sub):
            place = scope.text.extent(side)
            meant = date_meant(scope.text.text(place))
            found += [scope.text.replaced(place, f"'{meant}'")] if meant is not None else []
    return found


def _chained(node: exp.Expr, scope: Columns) -> list[str]:
    """`18 < age < 65` as `18 < age and age < 65`."""
    inner = node.args.get("this")
    if type(inner) is not type(node) or not isinstance(inner, exp.LT | exp.LTE | exp.GT | exp.GTE):
        return []
    start, middle, end = scope.text.extent(inner)[0], scope.text.extent(inner)[1], scope.text.extent(node)[1]
    again = scope.text.text(scope.text.extent(inner.args["expression"]))
    return [
        scope.text.replaced((start, end), f"{scope.text.sql[start:middle]} and {again}{scope.text.sql[middle:end]}")
    ]


def _mismatch(left: Expression, right: Expression, node: exp.Expr, scope: Columns) -> Unanswerable:
    kinds = type_of(left), type_of(right)
    detail = f"Values of type {kinds[0].value} and {kinds[1].value} do not compare."
    for kind in kinds:
        if kind in _FORMS and Type.STRING in kinds:
            detail = _FORMS[kind]
    sides = [(node.args.get("this"), left, right), (node.args.get("expression"), right, left)]
    if isinstance(node, exp.Literal):  # an item of a list, or a value of CASE
        sides = [(node, right, left)]
    chained = _chained(node, scope)
    literals = [(side, bound, other) for side, bound, other in sides if isinstance(side, exp.Literal)]
    candidates: list[str] = list(chained)
    if Type.DATE in kinds and Type.INT in kinds:
        candidates += _unquoted_date(sides, scope)
    for side, _, _ in literals:
        plain, place = str(side.this), scope.text.extent(side)
        if Type.DATE in kinds and date_meant(plain) is not None:
            candidates.append(scope.text.replaced(place, f"'{date_meant(plain)}'"))
        if Type.BOOL in kinds and plain.lower() in _TRUTH:
            candidates.append(scope.text.replaced(place, _TRUTH[plain.lower()]))
        if side.args["is_string"] and number_literal(plain) is not None:
            candidates.append(scope.text.replaced(place, plain))
        elif not side.args["is_string"]:
            candidates.append(scope.text.replaced(place, f"'{plain}'"))
        if any(kind in _FORMS for kind in kinds):
            candidates.append(scope.text.replaced(place, "'2024-01-31'"))
    for whole, bound, other in sides:
        if isinstance(whole, exp.Expr) and type_of(other) in _WORDS and cast(bound, type_of(other)) is not None:
            place = scope.text.extent(whole)
            candidates.append(scope.text.replaced(place, f"cast({scope.text.text(place)} as {_WORDS[type_of(other)]})"))
    at = literals[0][0] if len(literals) == 1 and isinstance(literals[0][0], exp.Expr) else node
    return scope.refuse(TypeMismatch, detail, at, *candidates)
