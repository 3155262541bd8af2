"""Joins: of rows of one unit, along declared links, and with public tables. Whatever else is asked for is refused."""

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from sandbox.plan.binding import Binding
from sandbox.plan.conditions import Condition, filtered
from sandbox.plan.nodes import ColumnRef, Expression, NullTest
from sandbox.plan.relations import Join, Relation, is_public, rows_max, rows_per_unit
from sandbox.plan.rewrite import TRUE
from sandbox.plan.row_keys import tells_apart
from sandbox.terms.refusal import PlanNotSupported

ROWS_MAX = 65_536
"""Rows of one unit after a join."""

_NOT_ON_UNIT = "Rows of different units are never joined: add the equality of the unit's identifiers to the condition."
_NOT_EQUAL = "A public table is joined where columns are equal: its rows beside all others would show nothing more."


@dataclass(frozen=True, slots=True)
class Piece:
    """Some entries of FROM, joined already."""

    relation: Relation
    sources: frozenset[int]
    node: exp.Expr

    @property
    def public(self) -> bool:
        return is_public(self.relation)


def connects(left: Piece, right: Piece, conditions: list[Condition]) -> bool:
    """Whether the conditions between two pieces let them be joined."""
    between = _between(left, right, conditions)
    if left.public or right.public:
        return any(_sides(condition, left, right) is not None for condition in between)
    return any(condition.same_unit for condition in between)


def joined(
    left: Piece, right: Piece, kind: str, conditions: list[Condition], binding: Binding
) -> tuple[Piece, list[Condition]]:
    """Two pieces as one, and the conditions that are still to be applied.

    Conditions of one piece alone have been applied to it before, except those of `left` in joins that are not inner.

    Raises:
        Unanswerable: the conditions do not make a join of rows of one unit.
    """
    binding.relation(right.node)
    _check(left, right, conditions, binding)
    if kind != "inner" and left.public and not right.public:
        detail = (
            "A public table's rows are of no unit: the table with units comes first in an outer join, as in LEFT JOIN."
        )
        raise binding.refuse(PlanNotSupported, detail, right.node, *_inner(right.node, binding))
    if kind == "inner" and (left.public and not right.public):
        left, right = right, left
    on: list[tuple[Expression, Expression]] = []
    rest: list[Condition] = []
    for condition in conditions:
        if condition.expression is None and condition.sources <= left.sources | right.sources:
            continue
        sides = _sides(condition, left, right)
        if sides is not None:
            on.append(sides)
        elif kind == "inner":
            rest.append(condition)
        elif condition.expression is not None and condition.sources <= left.sources:
            on.append((condition.expression, TRUE))
        else:
            detail = "Beside INNER JOIN, tables are compared by equality, and conditions of one table stand alone."
            raise binding.refuse(PlanNotSupported, detail, condition.node)
    on = list(dict.fromkeys(on))
    turned = [(second, first) for first, second in on]
    same = left.public == right.public
    if kind == "inner" and same and not _one(right, on, binding) and _one(left, turned, binding):
        left, right, on = right, left, turned
    unique = _one(right, on, binding)
    relation = Join(left.relation, right.relation, kind, tuple(on), _cap(left, right, kind, unique=unique), unique)
    return Piece(relation, left.sources | right.sources, left.node), rest


def _check(left: Piece, right: Piece, conditions: list[Condition], binding: Binding) -> None:
    """Raises Unanswerable where the rows of one unit could meet those of another, or there is nothing to join on."""
    if connects(left, right, conditions):
        return
    between = _between(left, right, conditions)
    at = between[0].node if between else right.node
    if left.public or right.public:
        raise binding.refuse(PlanNotSupported, _NOT_EQUAL, at)
    raise binding.refuse(PlanNotSupported, _NOT_ON_UNIT, at, *_on_unit(left, right, at, binding))


def _inner(at: exp.Expr, binding: Binding) -> list[str]:
    """The text with an inner join in place of the outer one."""
    join = at.find_ancestor(exp.Join) or at.find_ancestor(exp.Select)
    select = at.find_ancestor(exp.Select)
    sides = (TokenType.LEFT, TokenType.RIGHT)
    place = binding.text.clause(TokenType.FROM, within=select) if join is not None else None
    if place is None:
        return []
    words = [token for token in binding.text.tokens if token.token_type in sides and place[0] <= token.start < place[1]]
    return [binding.text.without((word.start, word.end + 1)) for word in words[:1]]


def _on_unit(left: Piece, right: Piece, at: exp.Expr, binding: Binding) -> list[str]:
    """The text with the equality of the two units' identifiers in it."""
    units = [
        next((binding.units[number] for number in sorted(side.sources) if number in binding.units), "")
        for side in (left, right)
    ]
    if not all(units):
        return []
    text, equal = binding.text, " = ".join(units)
    join = at.find_ancestor(exp.Join)
    if join is not None and join.args.get("on") is not None:
        end = text.extent(join.args["on"])[1]
        return [f"{text.sql[:end]} and {equal}{text.sql[end:]}"]
    select = at.find_ancestor(exp.Select)
    where = text.clause(TokenType.WHERE, within=select)
    if where is not None:
        return [f"{text.sql[: where[1]].rstrip()} and {equal}{text.sql[where[1] :]}"]
    source = text.clause(TokenType.FROM, within=select)
    return [f"{text.sql[: source[1]].rstrip()} where {equal}{text.sql[source[1] :]}"] if source is not None else []


def push(piece: Piece, conditions: list[Condition], keep: frozenset[int]) -> tuple[Piece, list[Condition]]:
    """A piece with the conditions about it alone, but for those about entries in `keep`, and the other conditions."""
    mine = [
        condition.expression
        for condition in conditions
        if condition.expression is not None and condition.sources <= piece.sources and not condition.sources & keep
    ]
    left = [
        condition
        for condition in conditions
        if not (condition.sources <= piece.sources) or (condition.sources & keep and condition.expression is not None)
    ]
    return Piece(filtered(piece.relation, mine), piece.sources, piece.node), left


def _between(left: Piece, right: Piece, conditions: list[Condition]) -> list[Condition]:
    both = left.sources | right.sources
    return [
        item
        for item in conditions
        if item.sources <= both and item.sources & left.sources and item.sources & right.sources
    ]


def _sides(condition: Condition, left: Piece, right: Piece) -> tuple[Expression, Expression] | None:
    """The equality that a condition is between two pieces: (side of the left, side of the right)."""
    if condition.pair is None:
        return None
    (first, one), (second, other) = condition.pair
    if first <= left.sources and second <= right.sources:
        return one, other
    if first <= right.sources and second <= left.sources:
        return other, one
    return None


def _cap(left: Piece, right: Piece, kind: str, *, unique: bool) -> int:
    """The most joined rows of one unit; 0 where both are public."""
    if left.public:
        return 0
    rows = rows_per_unit(left.relation)
    if unique or kind in ("semi", "anti"):
        return rows
    each = rows_max(right.relation) if right.public else rows_per_unit(right.relation)
    return max(rows, min(rows * each, ROWS_MAX))


def _one(right: Piece, on: list[tuple[Expression, Expression]], binding: Binding) -> bool:
    """Whether a row on the left finds at most one row on the right, by declared keys and per-unit groups."""
    columns = {other.name for _, other in on if isinstance(other, ColumnRef)}
    return tells_apart(right.relation, columns, binding)


def unmatched_nulls(value: Expression, found: Expression) -> list[tuple[Expression, Expression]]:
    """What NOT IN demands beside no equal value: none where the value is NULL, or any of those found is."""
    return [(NullTest(value), TRUE), (TRUE, NullTest(found))]
