"""Queries that are correlated on the unit, as one row for each unit and each value of their further equalities."""

from sandbox.plan.binding import Binding
from sandbox.plan.conditions import Condition, equality, filtered, unit_condition
from sandbox.plan.joins import Piece, joined
from sandbox.plan.nodes import Case, ColumnRef, Comparison, Disjunction, Expression, Literal, type_of
from sandbox.plan.relations import Relation, UnitAggregate
from sandbox.plan.rewrite import TRUE, normalise
from sandbox.plan.row_blocks import grouped_rows
from sandbox.plan.sources import names_in
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import PlanNotSupported

_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "<>": "<>"}
_EXTREMES = {"<": ("min",), "<=": ("min",), ">": ("max",), ">=": ("max",), "<>": ("min", "max")}
"""Some value stands so to another where its group's least or greatest does."""


def correlated(
    outside: list[Condition], inside: frozenset[int], number: int, binding: Binding
) -> tuple[dict[Expression, ColumnRef], list[Condition]]:
    """The inner sides of equalities as keys, and the conditions of the join with what is grouped by them.

    `inside` are the entries of the inner query, `number` that of what is grouped.

    Raises:
        Unanswerable: a comparison that is no equality.
    """
    keys: dict[Expression, ColumnRef] = {}
    conditions: list[Condition] = []
    for item in outside:
        if not item.sources & inside:
            conditions.append(item)
            continue
        if item.expression is None:
            (other,) = item.sources - inside
            conditions.append(unit_condition(other, number, item.node))
            continue
        pair = item.pair
        if pair is None or not (pair[0][0] <= inside or pair[1][0] <= inside):
            detail = "A query in a condition is compared with the rows around it by equality, and by one inequality in EXISTS."
            raise binding.refuse(PlanNotSupported, detail, item.node)
        (_, own), (_, around) = pair if pair[0][0] <= inside else pair[::-1]
        if own not in keys:
            keys[own] = binding.column("k", binding.known(own))
            if isinstance(own, ColumnRef) and own.name in binding.anchors:
                binding.anchors[keys[own].name] = binding.anchors[own.name]
            binding.owners[keys[own].name] = number
        conditions.append(equality(around, keys[own], item.node, binding))
    return keys, conditions


def inequality(outside: list[Condition], inside: frozenset[int], binding: Binding) -> Condition | None:
    """The only condition that is a comparison of an inner value with an outer one, and no equality."""
    found = [item for item in outside if item.pair is None and item.expression is not None and item.sources & inside]
    return found[0] if len(found) == 1 and _sides(found[0], inside, binding) is not None else None


def compared(
    left: Piece,
    relation: Relation,
    outside: list[Condition],
    unequal: Condition,
    inside: frozenset[int],
    binding: Binding,
    *,
    negated: bool,
) -> Relation:
    """The rows for which some row (`negated`: none) of the same unit is equal in all that is, and stands so in `unequal`."""
    sides = _sides(unequal, inside, binding)
    assert sides is not None, "an inequality has two sides"
    operator, own, around = sides
    number = binding.number()
    keys, conditions = correlated([item for item in outside if item is not unequal], inside, number, binding)
    facts = binding.known(own)
    aggregates = {UnitAggregate(word, own, type_of(own)): binding.column("u", facts) for word in _EXTREMES[operator]}
    made = grouped_rows(relation, keys, aggregates, binding)
    names = [name for name, _ in (*made.keys, *made.aggregates)]
    binding.owners.update(dict.fromkeys(names, number))
    found, _ = joined(left, Piece(made, frozenset({number}), unequal.node), "left", conditions, binding)
    tests = tuple(Comparison(operator, column, around) for column in aggregates.values())
    holds: Expression = Disjunction(tests) if len(tests) > 1 else tests[0]
    if negated:
        holds = Case(((holds, Literal(False, Type.BOOL)),), TRUE, Type.BOOL)
    return filtered(found.relation, [normalise(holds)])


def _sides(item: Condition, inside: frozenset[int], binding: Binding) -> tuple[str, Expression, Expression] | None:
    """The operator, the inner side and the outer one."""
    expression = item.expression
    if not isinstance(expression, Comparison) or expression.operator not in _TURNED:
        return None
    if type_of(expression.left) is Type.BOOL:
        return None
    first, second = (
        {binding.owners[name] for name in names_in(side) if name in binding.owners}
        for side in (expression.left, expression.right)
    )
    if first and first <= inside and not second & inside:
        return expression.operator, expression.left, expression.right
    if second and second <= inside and not first & inside:
        return _TURNED[expression.operator], expression.right, expression.left
    return None
