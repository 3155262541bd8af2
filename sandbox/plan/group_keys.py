"""Group keys: the public values that a key can take, or that it must be selected privately."""

from sqlglot import exp

from sandbox.plan.arithmetic import text_of
from sandbox.plan.expressions import children
from sandbox.plan.facts import Facts
from sandbox.plan.measurement import GroupKey
from sandbox.plan.nodes import ColumnRef, Expression, Literal, type_of
from sandbox.plan.ranges import domain_of, facts_of
from sandbox.plan.rewrite import normalise
from sandbox.plan.scalar import bind_scalar
from sandbox.plan.scope_terms import Columns
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import KeysNotPublic, RangeTooWide, UnitColumnUse

GROUPS_MAX = 100_000
"""Groups of public keys in one measurement: of the product of all keys (the caller checks), and so of each."""

UNDECLARED_MAX = 400
"""More values than these are public only where they follow from declared bounds and keys: of a timestamp that could be any,
the 12 months are, the 9,999 years are not."""

TEXT_MAX = 200
"""Characters of a text that is a private key."""


def bind_key(node: exp.Expr, scope: Columns) -> GroupKey:
    """The key that an entry of GROUP BY means, after names and positions of the select list are resolved.

    Its values are public where the declarations enumerate them (declared keys, truth values, bounded integers and dates,
    and what is made of these), else private.

    Raises:
        Unanswerable: not an expression of rows, or one whose values cannot be groups.
    """
    if scope.is_unit(node):
        detail = "The unit's identifier makes no groups that can be shown: count units, or group by it in a subquery."
        counted = scope.text.replaced(scope.text.extent(node), f"count(distinct {text_of(node, scope)})")
        raise scope.refuse(UnitColumnUse, detail, node, counted)
    operand = normalise(bind_scalar(node, scope))
    kind = type_of(operand)
    if isinstance(operand, Literal):
        raise _constant(node, scope)
    values = domain_of(operand, scope.facts, GROUPS_MAX)
    if values is not None and (len(values) <= UNDECLARED_MAX or _declared(operand, scope)):
        return GroupKey(operand, kind, values)
    facts = facts_of(operand, scope.facts)
    if kind in (Type.FLOAT, Type.TIMESTAMP):
        raise _continuous(node, operand, facts, scope)
    if kind is not Type.STRING:
        return GroupKey(operand, kind, None, distinct_max=_distinct(facts))
    if facts.max_length is None or facts.max_length > TEXT_MAX:
        inner = text_of(node, scope)
        detail = f"A private text key has at most {TEXT_MAX} characters: cut it with left."
        shorter = scope.text.replaced(scope.text.extent(node), f"left({inner}, {TEXT_MAX})")
        raise scope.refuse(RangeTooWide, detail, node, shorter)
    return GroupKey(
        operand, kind, None, max(1, facts.max_length), _distinct(facts)
    )  # 0 where every value is empty or NULL


def _distinct(facts: Facts) -> int | None:
    return None if facts.distinct is None else max(1, facts.distinct)


def _declared(expression: Expression, scope: Columns) -> bool:
    """Whether the steward has declared bounds or keys of every column that an expression reads."""
    if isinstance(expression, ColumnRef):
        facts = scope.facts[expression.name]
        return facts.range is not None or facts.values is not None
    return all(_declared(part, scope) for part in children(expression))


def _constant(node: exp.Expr, scope: Columns) -> Unanswerable:
    detail = "A constant makes no groups: group by a column, or leave GROUP BY out."
    return scope.refuse(KeysNotPublic, detail, node)


def _continuous(node: exp.Expr, operand: Expression, facts: Facts, scope: Columns) -> Unanswerable:
    """The refusal of real numbers and moments, whose values are nearly all different."""
    inner = text_of(node, scope)
    if type_of(operand) is Type.TIMESTAMP:
        detail = "Timestamps are nearly all different: group by their day or month, as in date_trunc('month', x)."
        new = [f"cast({inner} as date)", f"date_part('year', {inner})"]
    else:
        detail = "Real numbers are nearly all different: group by a whole number, or by width_bucket(x, low, high, n)."
        new = [f"cast({inner} as bigint)"]
        if facts.range is not None and facts.range.low < facts.range.high:
            low, high = (_decimal(float(bound)) for bound in (facts.range.low, facts.range.high))
            new.insert(0, f"width_bucket({inner}, {low}, {high}, 10)")
    candidates = []
    for text in new:
        sql, size = scope.text.sql, len(inner)
        start, end = scope.text.extent(node)
        everywhere = (
            sql.replace(inner, text) if size > 1 and sql.count(inner) == 2 else None
        )  # select list and GROUP BY
        candidates += [everywhere] if everywhere else []
        candidates.append(sql[:start] + text + sql[end:])
    return scope.refuse(KeysNotPublic, detail, node, *candidates)


def _decimal(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
