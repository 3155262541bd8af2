"""Arithmetic of bound operands: its type, and that integers provably stay within ±2^62."""

from sqlglot import exp

from sandbox.plan.conversions import cast, converted
from sandbox.plan.facts import Range
from sandbox.plan.literals import is_null
from sandbox.plan.nodes import Arithmetic, Call, Expression, Literal, Negation, type_of
from sandbox.plan.ranges import combine, facts_of
from sandbox.plan.scope_terms import Columns
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import BoundsMissing, RangeTooWide, TypeMismatch

_MOMENTS = (Type.DATE, Type.TIMESTAMP)
_OPERATIONS = (exp.Add, exp.Sub, exp.Mul, exp.Div)


def negated(operand: Expression, node: exp.Expr, scope: Columns) -> Expression:
    """Minus a number.

    Raises:
        Unanswerable: not a number.
    """
    if is_null(operand):
        return Literal(None, type_of(operand) if type_of(operand).is_number else Type.INT)
    if not type_of(operand).is_number:
        raise _no_number(operand, node.this, scope)
    return Negation(operand, type_of(operand))


def arithmetic(operator: str, left: Expression, right: Expression, node: exp.Expr, scope: Columns) -> Expression:
    """`left operator right` for + - * /: of numbers; a date plus or minus days; the days between two dates.

    Args:
        node: the operation, whose `this` and `expression` are the operands.

    Raises:
        Unanswerable: types that do not go together, or integers that could leave ±2^62.
    """
    if not {type_of(left), type_of(right)}.isdisjoint(_MOMENTS):
        return _moments(operator, left, right, node, scope)
    for operand, place in ((left, node.this), (right, node.args["expression"])):
        if not type_of(operand).is_number and not is_null(operand):
            raise _no_number(operand, place, scope)
    kinds = [
        Type.INT if is_null(operand) and type_of(operand) is Type.BOOL else type_of(operand)
        for operand in (left, right)
    ]
    kind = Type.FLOAT if operator == "/" or Type.FLOAT in kinds else Type.INT
    if is_null(left) or is_null(right):
        return Literal(None, kind)
    made = Arithmetic(operator, left, right, kind)
    if not scope.noisy and not _within_arithmetic(node):
        _checked_range(made, node, scope)
    return made


def _within_arithmetic(node: exp.Expr) -> bool:
    """Whether the operation is part of another, with which it is checked: each part once, however deep they nest."""
    parent = node.parent
    while isinstance(parent, exp.Paren | exp.Neg):
        parent = parent.parent
    return isinstance(parent, _OPERATIONS)


def _checked_range(expression: Expression, node: exp.Expr, scope: Columns) -> Range | None:
    """The range of an integer expression; every integer operation in it is checked, the innermost first."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(expression, Negation) and isinstance(node, exp.Neg):
        span = _checked_range(expression.operand, node.this, scope)
        return None if span is None else Range(-span.high, -span.low)
    if not isinstance(expression, Arithmetic) or not isinstance(node, _OPERATIONS):
        return facts_of(expression, scope.facts).range if type_of(expression) is Type.INT else None
    left = _checked_range(expression.left, node.this, scope)
    right = _checked_range(expression.right, node.args["expression"], scope)
    span = combine(expression.operator, left, right)
    if expression.type is not Type.INT:
        return None
    if span is None or not span.fits_integer:
        raise _unbounded(span, node, scope)
    return span


def _unbounded(span: Range | None, node: exp.Expr, scope: Columns) -> Unanswerable:
    text, first = scope.text, text_of(node.this, scope)
    real = text.replaced(text.extent(node.this), f"cast({first} as double)")
    alone = text.replaced(text.extent(node), first)
    if span is None:
        detail = (
            "Integer arithmetic needs columns with declared bounds; real numbers need none: cast one side to double."
        )
        return scope.refuse(BoundsMissing, detail, node, real, alone)
    detail = "By the declared bounds this can leave the 64-bit integers: cast one side to double."
    return scope.refuse(RangeTooWide, detail, node, real, alone)


def _moments(operator: str, left: Expression, right: Expression, node: exp.Expr, scope: Columns) -> Expression:
    """date + days, days + date, date - days, date - date."""
    kinds = type_of(left), type_of(right)
    if not scope.noisy:
        for operand, side in ((left, node.this), (right, node.args["expression"])):
            if type_of(operand) is Type.INT:
                _checked_range(operand, side, scope)
    if is_null(left) or is_null(right):
        other = left if is_null(right) else right
        return Literal(None, type_of(other))
    if operator == "-" and kinds[0] in _MOMENTS and kinds[0] is not kinds[1]:
        meant = converted(right, kinds[0])
        if meant is not None and kinds[1] is Type.STRING:
            right, kinds = meant, (kinds[0], kinds[0])
    if operator == "-" and kinds == (Type.DATE, Type.DATE):
        return Call("date_sub_days", (left, right), Type.INT)
    if operator in "+-" and kinds == (Type.DATE, Type.INT):
        return _days_later(left, right if operator == "+" else Negation(right, Type.INT))
    if operator == "+" and kinds == (Type.INT, Type.DATE):
        return _days_later(right, left)
    candidates: list[str] = []
    if operator == "-" and kinds[0] in _MOMENTS and kinds[1] in _MOMENTS:
        detail = "Two timestamps are subtracted in a unit of your choice: date_diff('second', start, end)."
        ends = f"{text_of(node.args['expression'], scope)}, {text_of(node.this, scope)}"
        candidates.append(scope.text.replaced(scope.text.extent(node), f"date_diff('second', {ends})"))
    else:
        detail = "To a moment an interval is added, such as interval 3 hour; to a date, also a number of days."
        moment = node.this if kinds[0] in _MOMENTS else node.args["expression"]
        other = node.args["expression"] if moment is node.this else node.this
        candidates.append(scope.text.replaced(scope.text.extent(other), "interval 1 day"))
        candidates.append(scope.text.replaced(scope.text.extent(node), text_of(moment, scope)))
    raise scope.refuse(TypeMismatch, detail, node, *candidates)


def _days_later(day: Expression, number: Expression) -> Expression:
    return Call("date_add", (day, number, Literal("day", Type.STRING)), Type.DATE)


def _no_number(operand: Expression, node: exp.Expr, scope: Columns) -> Unanswerable:
    kind = type_of(operand)
    place = scope.text.extent(node)
    candidates: list[str] = []
    if cast(operand, Type.FLOAT) is not None:
        inside = "int" if kind is Type.BOOL else "double"
        candidates.append(scope.text.replaced(place, f"cast({text_of(node, scope)} as {inside})"))
    joins = " To join texts, write || between them." if kind is Type.STRING else ""
    return scope.refuse(TypeMismatch, f"A number is needed here, not a {kind.value}.{joins}", node, *candidates)


def text_of(node: exp.Expr, scope: Columns) -> str:
    """The text of a node."""
    return scope.text.text(scope.text.extent(node))
