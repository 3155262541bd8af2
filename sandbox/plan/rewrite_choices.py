"""Rules for CASE and for calls of functions: constants are computed, and choices that are decided fall away.

They keep SQL's three-valued logic, the value of every row, and the types.
"""

from dataclasses import replace

from sandbox.plan.expressions import sort_key
from sandbox.plan.functions.table import FUNCTIONS
from sandbox.plan.literals import FALSE, TRUE, as_type, is_null, literal_of, value_of
from sandbox.plan.nodes import (
    Call,
    Case,
    Comparison,
    Conjunction,
    Disjunction,
    Expression,
    Literal,
    Not,
    NullTest,
    type_of,
)
from sandbox.terms.dataset import Type

_SYMMETRIC = {"greatest", "least", "is_distinct"}
_SETTLED = {"coalesce", "greatest", "least"}
"""Choices of one argument, which pass NULLs over."""


def fold_call(node: Expression) -> Expression:
    """A function of constants is a constant, where every machine computes the same; one of NULL is NULL."""
    if not isinstance(node, Call) or node.function not in FUNCTIONS:
        return node
    entry = FUNCTIONS[node.function]
    if not entry.sees_null and any(is_null(operand) for operand in node.operands):
        return Literal(None, node.type)
    constants = [operand for operand in node.operands if isinstance(operand, Literal)]
    if len(constants) < len(node.operands) or not entry.exact:
        return node
    value = entry(*(value_of(constant) for constant in constants))
    return literal_of(value, node.type) or node


def settle_choice(node: Expression) -> Expression:
    """coalesce, greatest and least: NULLs and repetitions fall away; one argument is itself; what follows the first
    constant of a coalesce is never reached."""
    if not isinstance(node, Call) or node.function not in _SETTLED:
        return node
    kept: list[Expression] = []
    for operand in node.operands:
        same = isinstance(operand, Call) and operand.function == node.function
        parts = operand.operands if same and isinstance(operand, Call) else (operand,)
        kept += [part for part in parts if not is_null(part)]
    operands = tuple(dict.fromkeys(kept))
    if node.function == "coalesce":
        sure = next((place for place, part in enumerate(operands) if isinstance(part, Literal)), len(operands))
        operands = operands[: sure + 1]
    if not operands:
        return Literal(None, node.type)
    if len(operands) == 1:
        return operands[0]
    return replace(node, operands=operands) if len(operands) <= FUNCTIONS[node.function].largest else node


def settle_distinction(node: Expression) -> Expression:
    """nullif(x, NULL) is x; x IS DISTINCT FROM NULL is x IS NOT NULL; nothing differs from itself."""
    if not isinstance(node, Call) or node.function not in ("nullif", "is_distinct"):
        return node
    value, other = node.operands
    if node.function == "nullif":
        if value == other:
            return Literal(None, node.type)
        return value if is_null(other) else node
    if value == other:
        return FALSE
    tested = value if is_null(other) else other if is_null(value) else None
    return node if tested is None else Not(NullTest(tested))


def order_arguments(node: Expression) -> Expression:
    """Arguments whose order does not matter, in canonical order."""
    if not isinstance(node, Call) or node.function not in _SYMMETRIC:
        return node
    operands = tuple(sorted(node.operands, key=sort_key))
    return node if operands == node.operands else replace(node, operands=operands)


def plain_pattern(node: Expression) -> Expression:
    """x LIKE a pattern without % and _ is x = that text."""
    match node:
        case Call("like", (operand, Literal(str() as pattern) as constant)) if not {"%", "_"} & set(pattern):
            return Comparison("=", operand, constant)
        case _:
            return node


def settle_case(node: Expression) -> Expression:
    """Branches that never are reached, or change nothing, fall away; a CASE in the last place goes on the outer one."""
    if not isinstance(node, Case):
        return node
    branches: list[tuple[Expression, Expression]] = []
    default = node.default
    seen: set[Expression] = set()
    for condition, value in node.branches:
        if condition == TRUE:
            default = value
            break
        if condition != FALSE and not is_null(condition) and condition not in seen:
            seen.add(condition)
            branches.append((condition, value))
    if isinstance(default, Case):
        branches += default.branches
        default = default.default
    while branches and branches[-1][1] == default:
        branches.pop()
    if not branches:
        return default
    return Case(tuple(branches), default, node.type)


def named_case(node: Expression) -> Expression:
    """CASE WHEN x IS NOT NULL THEN x ELSE y END is coalesce(x, y); CASE WHEN x = y THEN NULL ELSE x END is nullif(x, y)."""
    if not isinstance(node, Case) or len(node.branches) != 1:
        return node
    condition, value = node.branches[0]
    match condition:
        case Not(NullTest(operand)) if operand == value:
            return Call("coalesce", (value, node.default), node.type)
        case NullTest(operand) if operand == node.default:
            return Call("coalesce", (operand, value), node.type)
        case Comparison("=", left, right) if is_null(value) and node.default in (left, right):
            other = right if node.default == left else left
            fitting = as_type(other, node.type) if isinstance(other, Literal) else other
            fits = fitting is not None and type_of(fitting) is node.type
            return Call("nullif", (node.default, fitting), node.type) if fits and fitting is not None else node
        case _:
            return node


def truth_case(node: Expression) -> Expression:
    """CASE WHEN c THEN true ELSE false END is c, where c is not NULL."""
    if not isinstance(node, Case) or node.type is not Type.BOOL or len(node.branches) != 1:
        return node
    condition, value = node.branches[0]
    if (value, node.default) not in ((TRUE, FALSE), (FALSE, TRUE)):
        return node
    known = Conjunction((condition, Not(NullTest(condition))))
    return known if value == TRUE else Disjunction((Not(condition), NullTest(condition)))
