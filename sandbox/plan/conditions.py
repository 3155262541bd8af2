"""The conditions of ON and WHERE, one by one: which entries of FROM each is about, and whether it joins two of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from sandbox.plan.binding import Binding
from sandbox.plan.naming import bare
from sandbox.plan.nodes import ColumnRef, Comparison, Conjunction, Disjunction, Expression, type_of
from sandbox.plan.relations import Filter, Relation
from sandbox.plan.rewrite import TRUE, all_of, normalise
from sandbox.plan.scalar import bind_predicate
from sandbox.plan.scope import Scope
from sandbox.plan.sources import names_in
from sandbox.terms.refusal import UnitColumnUse


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One condition. `sources` are the entries of FROM that it reads.

    `pair` holds the sides of an equality of two different entries, with the entries of each side. `same_unit` says that
    the condition can hold for rows of one unit alone. `expression` is the whole, None where it compares identifiers of
    units: between rows of one unit that is true.
    """

    node: exp.Expr
    sources: frozenset[int]
    expression: Expression | None
    same_unit: bool = False
    pair: tuple[tuple[frozenset[int], Expression], tuple[frozenset[int], Expression]] | None = None


def conjuncts(node: exp.Expr | None) -> Iterator[exp.Expr]:
    """The operands of a chain of ANDs, in the order of the text, without brackets."""
    waiting = [node] if node is not None else []
    while waiting:
        current = bare(waiting.pop())
        if isinstance(current, exp.And):
            waiting += [current.expression, current.this]
        else:
            yield current


def read_conditions(node: exp.Expr | None, scope: Scope) -> list[Condition]:
    """All conditions of a chain of ANDs; those that are true of every row are left out.

    Raises:
        Unanswerable: names, types, or an identifier of the unit that is not compared with another.
    """
    return [condition for part in conjuncts(node) for condition in read_condition(part, scope)]


def read_condition(node: exp.Expr, scope: Scope) -> list[Condition]:
    """The conditions that one operand of AND stands for."""
    if isinstance(node, exp.EQ):
        units = _unit_equality(node, scope)
        if units is not None:
            return [units]
    bound = normalise(bind_predicate(node, scope))
    parts = bound.operands if isinstance(bound, Conjunction) else (bound,)
    return [_condition(part, node, scope.binding) for part in _factored(parts) if part != TRUE]


def unit_condition(first: int, second: int, node: exp.Expr) -> Condition:
    """That rows of two entries belong to one unit."""
    return Condition(node, frozenset({first, second}), None, same_unit=True)


def equality(first: Expression, second: Expression, node: exp.Expr, binding: Binding) -> Condition:
    """That two values are equal."""
    return _condition(normalise(Comparison("=", first, second)), node, binding)


def filtered(relation: Relation, predicates: list[Expression]) -> Relation:
    """The rows for which all predicates, which are canonical, are true, in one filter."""
    if isinstance(relation, Filter):
        predicates = [relation.predicate, *predicates]
        relation = relation.source
    if not predicates:
        return relation
    predicate = all_of(predicates)
    return relation if predicate == TRUE else Filter(relation, predicate)


def _unit_equality(node: exp.EQ, scope: Scope) -> Condition | None:
    """The condition `a.unit = b.unit`, None for any other equality."""
    sides = bare(node.this), bare(node.expression)
    if not any(scope.is_unit(side) for side in sides):
        return None
    found = [scope.find(side)[0].number for side in sides if isinstance(side, exp.Column) and scope.is_unit(side)]
    if len(found) == 2:
        return unit_condition(found[0], found[1], node)
    unit, other = sides if scope.is_unit(sides[0]) else sides[::-1]
    if isinstance(other, exp.Column):
        matches = scope.matches(other)
        if matches and matches[0][1].is_unit:
            scope.column(other)  # empty where an outer join found nothing
    detail = "The unit's identifier is compared with another table's alone: with any value it would single out a unit."
    raise scope.refuse(UnitColumnUse, detail, unit)


def _factored(parts: tuple[Expression, ...]) -> list[Expression]:
    """Conditions that all branches of an OR share stand beside it: (a AND b) OR (a AND c) is a AND (b OR c)."""
    found: list[Expression] = []
    for part in parts:
        if not isinstance(part, Disjunction):
            found.append(part)
            continue
        branches = [branch.operands if isinstance(branch, Conjunction) else (branch,) for branch in part.operands]
        shared = [item for item in branches[0] if all(item in branch for branch in branches[1:])]
        rests = [[item for item in branch if item not in shared] for branch in branches]
        found += shared
        if all(rests) or not shared:
            joined = [Conjunction(tuple(rest)) if len(rest) > 1 else rest[0] for rest in rests]
            found.append(normalise(Disjunction(tuple(joined))))
    return found


def _condition(expression: Expression, node: exp.Expr, binding: Binding) -> Condition:
    sources = _owners(expression, binding)
    if not isinstance(expression, Comparison) or expression.operator != "=":
        return Condition(node, sources, expression)
    left, right = expression.left, expression.right
    first, second = _owners(left, binding), _owners(right, binding)
    if not first or not second or first & second or type_of(left) is not type_of(right):
        return Condition(node, sources, expression)
    anchors = [binding.anchors.get(side.name) for side in (left, right) if isinstance(side, ColumnRef)]
    linked = len(anchors) == 2 and anchors[0] is not None and anchors[0] == anchors[1]
    return Condition(node, sources, expression, linked, ((first, left), (second, right)))


def _owners(expression: Expression, binding: Binding) -> frozenset[int]:
    return frozenset(binding.owners[name] for name in names_in(expression) if name in binding.owners)
