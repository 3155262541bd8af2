"""One form for equal questions: small rules, applied from the leaves upwards until none changes anything.

Every rule keeps SQL's three-valued logic, the value of every row, and the types.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeAlias

from sandbox.plan.expressions import children, sort_key, with_children
from sandbox.plan.facts import INTEGER_LIMIT
from sandbox.plan.literals import FALSE, LARGEST, NULL, TRUE, as_type, is_null
from sandbox.plan.nodes import (
    Arithmetic,
    Call,
    Case,
    Comparison,
    Conjunction,
    Disjunction,
    Expression,
    Literal,
    Membership,
    Negation,
    Not,
    NullTest,
    type_of,
)
from sandbox.plan.rewrite_choices import (
    fold_call,
    named_case,
    order_arguments,
    plain_pattern,
    settle_case,
    settle_choice,
    settle_distinction,
    truth_case,
)
from sandbox.terms.dataset import Type

__all__ = ["FALSE", "RULES", "TRUE", "Rule", "all_of", "normalise"]

Rule: TypeAlias = Callable[[Expression], Expression]

_BITS_MAX = 2_048
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def normalise(expression: Expression) -> Expression:
    """The canonical form."""
    return _normal(expression, {})


def all_of(conditions: Sequence[Expression]) -> Expression:
    """The canonical form of an AND of canonical conditions, whose parts are not looked at again."""
    parts = [part for item in conditions for part in (item.operands if isinstance(item, Conjunction) else (item,))]
    return _normal(Conjunction(tuple(parts)), {id(part): part for part in parts})


def _normal(expression: Expression, done: dict[int, Expression]) -> Expression:
    """`done` are nodes that are canonical already, by identity: what a rule moves is not looked at again."""
    while id(expression) not in done:
        rules = RULES.get(type(expression), ())
        if not rules:
            return expression
        parts = children(expression)
        new = tuple([_normal(part, done) for part in parts])
        if any(made is not part for made, part in zip(new, parts, strict=True)):
            expression = with_children(expression, new)
        for rule in rules:
            changed = rule(expression)
            # Most rules give back the very node: comparing it with itself part by part is what a long query's time goes into.
            if changed is not expression and changed != expression:
                expression = changed
                break
        else:
            done[id(expression)] = expression
    return expression


def real_constants(node: Expression) -> Expression:
    """Integer constants in real arithmetic are real: cost * 2 is cost * 2.0."""
    if not isinstance(node, Arithmetic) or node.type is not Type.FLOAT:
        return node
    left, right = _real(node.left), _real(node.right)
    return node if left is node.left and right is node.right else Arithmetic(node.operator, left, right, node.type)


def _real(side: Expression) -> Expression:
    return as_type(side, Type.FLOAT) or side if isinstance(side, Literal) and side.type is Type.INT else side


def fold_negation(node: Expression) -> Expression:
    """-(-x) is x, and minus a constant is a constant."""
    if not isinstance(node, Negation):
        return node
    if isinstance(node.operand, Negation):
        return node.operand.operand
    if isinstance(node.operand, Literal):
        value = node.operand.value
        return replace(node.operand, value=-value if isinstance(value, int | Fraction) else None)
    return node


def fold_arithmetic(node: Expression) -> Expression:
    """Constants are computed exactly; x / 0 is NULL, and so is arithmetic with NULL."""
    if not isinstance(node, Arithmetic):
        return node
    by_zero = node.operator == "/" and isinstance(node.right, Literal) and node.right.value == 0
    if by_zero or is_null(node.left) or is_null(node.right):
        return Literal(None, node.type)
    if not isinstance(node.left, Literal) or not isinstance(node.right, Literal):
        return node
    left, right = node.left.value, node.right.value
    if not isinstance(left, int | Fraction) or not isinstance(right, int | Fraction):
        return node
    exact = _arithmetic(node.operator, Fraction(left), Fraction(right))
    if exact is None:
        return Literal(None, node.type)
    if node.type is Type.INT:
        return Literal(int(exact), Type.INT) if abs(exact) < INTEGER_LIMIT else node
    small = abs(exact) <= LARGEST and max(exact.numerator.bit_length(), exact.denominator.bit_length()) <= _BITS_MAX
    return Literal(exact, Type.FLOAT) if small else node


def _arithmetic(sign: str, left: Fraction, right: Fraction) -> Fraction | None:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return None if right == 0 else left / right


def commute(node: Expression) -> Expression:
    """a + b and b + a, a * b and b * a: operands in canonical order."""
    if isinstance(node, Arithmetic) and node.operator in "+*" and sort_key(node.right) < sort_key(node.left):
        return replace(node, left=node.right, right=node.left)
    return node


def constants_right(node: Expression) -> Expression:
    """5 < x is x > 5; two expressions stand in canonical order."""
    if not isinstance(node, Comparison):
        return node
    fixed = isinstance(node.left, Literal), isinstance(node.right, Literal)
    turned = fixed == (True, False) or (fixed == (False, False) and sort_key(node.right) < sort_key(node.left))
    return Comparison(_MIRRORED[node.operator], node.right, node.left) if turned else node


def fit_constant(node: Expression) -> Expression:
    """A constant has the type of what it is compared with, where it has that value: age > 18.0 is age > 18."""
    if isinstance(node, Comparison) and isinstance(node.right, Literal) and type_of(node.left) is not node.right.type:
        return replace(node, right=as_type(node.right, type_of(node.left)) or node.right)
    return node


def fold_comparison(node: Expression) -> Expression:
    """Comparisons of constants, and with NULL."""
    if not isinstance(node, Comparison):
        return node
    if is_null(node.left) or is_null(node.right):
        return NULL
    if isinstance(node.left, Literal) and isinstance(node.right, Literal):
        return _truth(bool(_COMPARE[node.operator](node.left.value, node.right.value)))
    return node


def truth_comparison(node: Expression) -> Expression:
    """flag = true is flag; flag <> true is NOT flag; likewise with false."""
    if isinstance(node, Comparison) and isinstance(node.right, Literal) and node.right.type is Type.BOOL:
        return node.left if (node.operator == "=") == (node.right.value is True) else Not(node.left)
    return node


def truth_membership(node: Expression) -> Expression:
    """flag IN (true, false) is flag OR NOT flag."""
    if isinstance(node, Membership) and type_of(node.operand) is Type.BOOL:
        return _any_of(tuple(node.operand if value == TRUE else Not(node.operand) for value in node.values))
    return node


def push_not(node: Expression) -> Expression:
    """NOT moves inwards: over constants, NOT, comparisons, AND and OR."""
    if not isinstance(node, Not):
        return node
    match node.operand:
        case Not(inner):
            return inner
        case Literal(None):
            return NULL
        case Literal(bool() as value):
            return Literal(not value, Type.BOOL)
        case Comparison(sign, left, right):
            return Comparison(_OPPOSITE[sign], left, right)
        case Conjunction(operands):
            return Disjunction(tuple(Not(operand) for operand in operands))
        case Disjunction(operands):
            return Conjunction(tuple(Not(operand) for operand in operands))
        case _:
            return node


def fold_null_test(node: Expression) -> Expression:
    """A constant IS NULL or is not; a test for NULL is never NULL."""
    if isinstance(node, NullTest) and isinstance(node.operand, Literal):
        return TRUE if node.operand.value is None else FALSE
    return FALSE if isinstance(node, NullTest) and isinstance(node.operand, NullTest) else node


def sort_membership(node: Expression) -> Expression:
    """Distinct values in canonical order; one value is a comparison; a constant operand is decided."""
    if not isinstance(node, Membership):
        return node
    if isinstance(node.operand, Literal):
        return NULL if is_null(node.operand) else _truth(node.operand in node.values)
    values = tuple(sorted(set(node.values), key=lambda value: _value_key(value.value)))
    return Comparison("=", node.operand, values[0]) if len(values) == 1 else Membership(node.operand, values)


def _value_key(value: object) -> tuple[int, object]:
    return (0, value) if isinstance(value, int | Fraction) else (1, value)


def _truth(value: bool) -> Literal:
    return TRUE if value else FALSE


def flatten(node: Expression) -> Expression:
    """AND of ANDs is one AND; OR of ORs is one OR."""
    if not isinstance(node, Conjunction | Disjunction):
        return node
    flat: list[Expression] = []
    for operand in node.operands:
        flat += operand.operands if type(operand) is type(node) else (operand,)
    return type(node)(tuple(flat))


def gather_equalities(node: Expression) -> Expression:
    """x = 1 OR x IN (2, 3) is x IN (1, 2, 3)."""
    if not isinstance(node, Disjunction):
        return node
    values: dict[Expression, list[Literal]] = {}
    others: list[Expression] = []
    for operand in node.operands:
        match operand:
            case Comparison("=", left, Literal() as value) if value.type is type_of(left):
                values.setdefault(left, []).append(value)
            case Membership(left, several):
                values.setdefault(left, []).extend(several)
            case _:
                others.append(operand)
    if len(values) + len(others) == len(node.operands):
        return node
    gathered = [Membership(operand, tuple(several)) for operand, several in values.items()]
    return _any_of((*gathered, *others))


def _any_of(operands: tuple[Expression, ...]) -> Expression:
    return operands[0] if len(operands) == 1 else Disjunction(operands)


def absorb(node: Expression) -> Expression:
    """Each operand once, in canonical order; FALSE decides an AND and TRUE an OR, the other constant drops out."""
    if not isinstance(node, Conjunction | Disjunction):
        return node
    decides, drops = (FALSE, TRUE) if isinstance(node, Conjunction) else (TRUE, FALSE)
    if decides in node.operands:
        return decides
    operands = tuple(sorted({item for item in node.operands if item != drops}, key=sort_key))
    if not operands:
        return drops
    return operands[0] if len(operands) == 1 else type(node)(operands)


RULES: dict[type, tuple[Rule, ...]] = {
    Negation: (fold_negation,),
    Arithmetic: (real_constants, fold_arithmetic, commute),
    Comparison: (constants_right, fit_constant, fold_comparison, truth_comparison),
    Membership: (truth_membership, sort_membership),
    Not: (push_not,),
    NullTest: (fold_null_test,),
    Conjunction: (flatten, absorb),
    Disjunction: (flatten, gather_equalities, absorb),
    Call: (fold_call, settle_choice, settle_distinction, order_arguments, plain_pattern),
    Case: (settle_case, truth_case, named_case),
}
"""The rules about each kind of node, in their order; none is about columns and constants."""
