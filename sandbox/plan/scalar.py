"""Row-wise expressions: sqlglot nodes become typed nodes of the plan, each a total function of one row."""

from dataclasses import dataclass, replace
from fractions import Fraction

from sqlglot import exp

from sandbox.plan.literals import NULL, as_type, is_null, matched, number_literal
from sandbox.plan.nodes import (
    Arithmetic,
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
    type_of,
)
from sandbox.plan.ranges import Range, column_range, combine
from sandbox.plan.scope import Scope
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import BoundsMissing, PlanNotSupported, RangeTooWide, TypeMismatch

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_MOMENTS = {
    exp.DType.DATE: Type.DATE,
    exp.DType.TIMESTAMP: Type.TIMESTAMP,
    exp.DType.TIMESTAMPNTZ: Type.TIMESTAMP,
    exp.DType.TIMESTAMPTZ: Type.TIMESTAMP,
}
_MOMENT_FORMS = {
    Type.DATE: "A date is written '2024-01-31'.",
    Type.TIMESTAMP: "A timestamp is written '2024-01-31 12:00:00', in UTC unless it says otherwise.",
}


@dataclass(frozen=True, slots=True)
class _Number:
    expression: Expression
    range: Range | None


def bind_scalar(node: exp.Expr, scope: Scope) -> Expression:
    """Any expression of one row.

    Raises:
        Unanswerable: names, types, ranges or syntax that do not fit.
    """
    kind = type(node)
    match node:
        case exp.Paren():
            return bind_scalar(node.this, scope)
        case exp.Column():
            column = scope.column(node)
            return ColumnRef(column.name, column.type)
        case exp.Null():
            return NULL
        case exp.Boolean():
            return Literal(bool(node.this), Type.BOOL)
        case exp.And() | exp.Or():
            operands = tuple(bind_predicate(operand, scope) for operand in _chain(node, kind))
            return Conjunction(operands) if kind is exp.And else Disjunction(operands)
        case exp.Not():
            return Not(bind_predicate(node.this, scope))
        case exp.Is():
            return _is(node, scope)
        case exp.In():
            return _in(node, scope)
        case exp.Between():
            lower = _compare(">=", node.this, node.args["low"], node, scope)
            return Conjunction((lower, _compare("<=", node.this, node.args["high"], node, scope)))
        case exp.Literal() if node.args["is_string"]:
            return Literal(str(node.this), Type.STRING)
        case exp.Cast():
            return _moment(node, scope)
        case exp.Literal() | exp.Neg() | exp.Add() | exp.Sub() | exp.Mul() | exp.Div():
            return _number(node, scope).expression
        case _ if kind in _COMPARISONS:
            return _compare(_COMPARISONS[kind], node.this, node.expression, node, scope)
        case exp.Count() | exp.Sum() | exp.Avg() | exp.Distinct():
            raise scope.refuse(PlanNotSupported, "An aggregate stands alone in the select list.", node)
        case _:
            raise scope.refuse(PlanNotSupported, "This cannot stand in an expression.", node)


def bind_predicate(node: exp.Expr, scope: Scope) -> Expression:
    """A truth value of one row."""
    expression = bind_scalar(node, scope)
    if type_of(expression) is not Type.BOOL:
        raise scope.refuse(TypeMismatch, f"A condition is needed here, not a {type_of(expression).value}.", node)
    return expression


def _chain(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """The operands of a left-deep chain of ANDs or of ORs, in the order of the text."""
    found: list[exp.Expr] = []
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if type(current) is kind:
            waiting += [current.args["expression"], current.this]
        else:
            found.append(current)
    return found


def _is(node: exp.Is, scope: Scope) -> Expression:
    operand = bind_scalar(node.this, scope)
    if isinstance(node.expression, exp.Null):
        test: Expression = NullTest(operand)
    elif isinstance(node.expression, exp.Boolean) and type_of(operand) is Type.BOOL:
        wanted = operand if node.expression.this else Not(operand)
        test = Conjunction((wanted, Not(NullTest(operand))))
    else:
        raise scope.refuse(TypeMismatch, "IS takes NULL, or TRUE and FALSE beside a condition.", node)
    return Not(test) if node.args.get("negate") else test


def _in(node: exp.In, scope: Scope) -> Expression:
    operand = bind_scalar(node.this, scope)
    values: list[Literal] = []
    others: list[Expression] = []
    for item in node.expressions:
        value = bind_scalar(item, scope)
        pair = matched(operand, value)
        if pair is None:
            raise _mismatch(scope, operand, value, item)
        value = pair[1]
        if isinstance(value, Literal) and value.type is type_of(operand) and not is_null(value):
            values.append(value)
        else:
            others.append(_comparison("=", operand, value))
    if values and not is_null(operand):
        others.insert(0, Membership(operand, tuple(values)))
    elif values:
        others.append(NULL)
    return others[0] if len(others) == 1 else Disjunction(tuple(others))


def _compare(operator: str, left: exp.Expr, right: exp.Expr, node: exp.Expr, scope: Scope) -> Expression:
    first, second = bind_scalar(left, scope), bind_scalar(right, scope)
    pair = matched(first, second)
    if pair is None:
        literal = right if isinstance(second, Literal) else left
        raise _mismatch(scope, first, second, literal if isinstance(first, Literal) or literal is right else node)
    if operator not in ("=", "<>") and type_of(pair[0]) in (Type.STRING, Type.BOOL) and not any(map(is_null, pair)):
        detail = f"Values of type {type_of(pair[0]).value} have no order here: compare them with = or <>."
        raise scope.refuse(TypeMismatch, detail, node)
    return _comparison(operator, *pair)


def _comparison(operator: str, left: Expression, right: Expression) -> Expression:
    """A comparison; with the constant NULL it is NULL."""
    return NULL if is_null(left) or is_null(right) else Comparison(operator, left, right)


def _mismatch(scope: Scope, left: Expression, right: Expression, node: exp.Expr) -> Unanswerable:
    kinds = type_of(left), type_of(right)
    detail = f"Values of type {kinds[0].value} and {kinds[1].value} do not compare."
    for kind in kinds:
        if kind in _MOMENT_FORMS and Type.STRING in kinds:
            detail = _MOMENT_FORMS[kind]
    candidates: list[str] = []
    place = scope.text.extent(node)
    if isinstance(node, exp.Literal):
        plain = str(node.this)
        if node.args["is_string"] and number_literal(plain) is not None:
            candidates.append(scope.text.replaced(place, plain))
        elif not node.args["is_string"]:
            candidates.append(scope.text.replaced(place, f"'{plain}'"))
    return scope.refuse(TypeMismatch, detail, node, *candidates)


def _moment(node: exp.Cast, scope: Scope) -> Literal:
    """DATE '2024-01-31' and TIMESTAMP '2024-01-31 12:00:00'; no other cast."""
    kind = _MOMENTS.get(node.args["to"].this)
    inner = node.this
    if kind is None or not isinstance(inner, exp.Literal) or not inner.args["is_string"]:
        if isinstance(inner, exp.Column):
            scope.column(inner)
        detail = "Casts are not available; DATE '2024-01-31' and TIMESTAMP '2024-01-31 12:00:00' are."
        bare = scope.text.replaced(_cast_extent(node, scope), scope.text.text(scope.text.extent(inner)))
        raise scope.refuse(PlanNotSupported, detail, node, bare)
    literal = as_type(Literal(str(inner.this), Type.STRING), kind)
    if literal is None:
        raise scope.refuse(TypeMismatch, _MOMENT_FORMS[kind], inner)
    return literal


def _cast_extent(node: exp.Cast, scope: Scope) -> tuple[int, int]:
    """From the word CAST, or from the value of value::type, to the end of the type."""
    start, end = scope.text.extent(node)
    before = [token for token in scope.text.tokens if token.end < start]
    after = [token for token in scope.text.tokens if token.start >= end]
    if len(before) >= 2 and before[-2].text.lower().endswith("cast"):
        closing = next((token for token in after if token.text == ")"), None)
        return before[-2].start, closing.end + 1 if closing else end
    if after and after[0].text == "::" and len(after) > 1:
        return start, after[1].end + 1
    return start, end


def _number(node: exp.Expr, scope: Scope) -> _Number:
    """A numeric expression with its range: integer results must provably stay within int64."""
    if isinstance(node, exp.Paren):
        return _number(node.this, scope)
    if isinstance(node, exp.Literal) and not node.args["is_string"]:
        literal = number_literal(str(node.this))
        if literal is None:
            raise scope.refuse(RangeTooWide, "Numbers have up to 40 digits, integers stay within 2^62.", node)
        value = Fraction(literal.value or 0)
        return _Number(literal, Range(value, value))
    if isinstance(node, exp.Neg):
        inner = _number(node.this, scope)
        span = inner.range and Range(-inner.range.high, -inner.range.low)
        return _Number(Negation(inner.expression, type_of(inner.expression)), span)
    if type(node) in _ARITHMETIC:
        return _arithmetic(_ARITHMETIC[type(node)], node, scope)
    expression = bind_scalar(node, scope)
    if is_null(expression):
        return _Number(replace(NULL, type=Type.INT), None)
    if not type_of(expression).is_number:
        raise scope.refuse(TypeMismatch, f"A number is needed here, not a {type_of(expression).value}.", node)
    if isinstance(expression, ColumnRef):
        column = scope.table.column(expression.name)
        return _Number(expression, column_range(column) if column else None)
    raise scope.refuse(PlanNotSupported, "This cannot stand in arithmetic.", node)


def _arithmetic(operator: str, node: exp.Expr, scope: Scope) -> _Number:
    left, right = _number(node.this, scope), _number(node.expression, scope)
    both_int = type_of(left.expression) is Type.INT and type_of(right.expression) is Type.INT
    kind = Type.INT if both_int and operator != "/" else Type.FLOAT
    span = combine(operator, left.range, right.range)
    expression = Arithmetic(operator, left.expression, right.expression, kind)
    if is_null(left.expression) or is_null(right.expression):
        return _Number(Literal(None, kind), None)
    if kind is Type.INT:
        if span is None:
            raise scope.refuse(BoundsMissing, "Integer arithmetic needs columns with declared bounds.", node)
        if not span.fits_integer:
            raise scope.refuse(RangeTooWide, "By the declared bounds this can leave the 64-bit integers.", node)
    return _Number(expression, span)
