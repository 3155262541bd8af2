"""Values of one type where another is needed: what SQL converts by itself, and what CAST asks for."""

from collections.abc import Sequence

from sandbox.plan.functions.table import overloads
from sandbox.plan.literals import as_type, is_null
from sandbox.plan.nodes import Call, Expression, Literal, type_of
from sandbox.terms.dataset import Type


def cast(expression: Expression, kind: Type) -> Expression | None:
    """The expression converted to `kind`, as CAST does; itself where it has that type, None where there is no such cast."""
    have = type_of(expression)
    if is_null(expression):
        return Literal(None, kind)
    if have is kind:
        return expression
    entry = next((entry for entry in overloads("cast") if entry.result_type((have,)) is kind), None)
    return None if entry is None else Call(entry.name, (expression,), kind)


def converted(expression: Expression, kind: Type) -> Expression | None:
    """The expression as a `kind` where SQL converts by itself and nothing is lost, else None.

    NULL is of any type, integers are reals, dates are timestamps, and a constant is whatever has its value: 2.0 an integer,
    '2024-01-31' a date.
    """
    have = type_of(expression)
    if have is kind:
        return expression
    if isinstance(expression, Literal):
        return as_type(expression, kind)
    if (have, kind) in ((Type.INT, Type.FLOAT), (Type.DATE, Type.TIMESTAMP)):
        return cast(expression, kind)
    return None


def common_type(expressions: Sequence[Expression]) -> Type | None:
    """The type that all of them convert to, None where there is none; BOOL where all are NULL."""
    kinds = {type_of(expression) for expression in expressions if not is_null(expression)}
    firm = {type_of(expression) for expression in expressions if not isinstance(expression, Literal)}
    for group in (kinds, firm):
        if not group:
            continue
        candidates = sorted(group, key=list(Type).index)
        if group == {Type.INT, Type.FLOAT}:
            candidates = [Type.FLOAT]
        elif group == {Type.DATE, Type.TIMESTAMP}:
            candidates = [Type.TIMESTAMP]
        for kind in candidates:
            if all(converted(expression, kind) is not None for expression in expressions):
                return kind
    return None if kinds else Type.BOOL


def unified(expressions: Sequence[Expression]) -> tuple[Expression, ...] | None:
    """All of them in their common type, or None."""
    kind = common_type(expressions)
    if kind is None:
        return None
    made = tuple(converted(expression, kind) for expression in expressions)
    return tuple(item for item in made if item is not None)
