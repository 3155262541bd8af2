"""Blocks that give rows: of a unit's own rows as they are, with windows over them, or aggregated for each unit."""

from fractions import Fraction

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from sandbox.plan.answers_binding import alone_in_group
from sandbox.plan.binding import Binding
from sandbox.plan.conditions import filtered
from sandbox.plan.facts import Facts, Range
from sandbox.plan.grouped import GroupScope
from sandbox.plan.naming import bare
from sandbox.plan.nodes import ColumnRef, Expression, Literal, type_of
from sandbox.plan.relations import PerUnit, Relation, UnitAggregate, is_public, rows_per_unit
from sandbox.plan.rewrite import normalise
from sandbox.plan.row_keys import determined
from sandbox.plan.scalar import bind_predicate, bind_scalar
from sandbox.plan.scope import Scope
from sandbox.plan.select_list import Item
from sandbox.plan.sources import Field, Rows, names_in
from sandbox.plan.spans import span_of
from sandbox.plan.unit_aggregates import bind_unit_aggregate
from sandbox.plan.windows import bind_window
from sandbox.terms.dataset import ColumnRole, Type
from sandbox.terms.refusal import PlanNotSupported


def bind_rows(select: exp.Select, scope: Scope, relation: Relation, items: list[Item]) -> Rows:
    """The rows of a block without aggregates.

    Raises:
        Unanswerable: what would mix rows of different units, or has no meaning for rows.
    """
    binding = scope.binding
    _no_order(select, binding)
    state = [relation]

    def window(node: exp.Expr) -> Expression | None:
        if not isinstance(node, exp.Window):
            return None
        if is_public(state[0]):
            raise binding.refuse(PlanNotSupported, "Windows are over rows of units, not over public tables.", node)
        state[0], column = bind_window(node, scope, state[0])
        return column

    scope.hook = window
    fields = tuple(_field(item, scope) for item in items)
    qualify = select.args.get("qualify")
    if qualify is not None:
        predicate = normalise(bind_predicate(qualify.this, scope))  # it may bring windows of its own
        state[0] = filtered(state[0], [predicate])
    scope.hook = None
    rows = Rows(state[0], fields)
    return _distinct(select, rows, scope) if select.args.get("distinct") is not None else rows


def _field(item: Item, scope: Scope) -> Field:
    """One column of a block of rows; the unit's identifier passes through as what it is."""
    if item.field is not None:
        return Field(item.name, item.field.expression, item.field.role, item.field.optional)
    inner = bare(item.node)
    if isinstance(inner, exp.Column) and scope.matches(inner):
        found = scope.find(inner)[1]
        if found.is_unit:
            return Field(item.name, None, ColumnRole.UNIT, found.optional)
    expression = normalise(bind_scalar(item.node, scope))
    if item.alias is not None:
        scope.aliases[item.name] = expression
    return Field(item.name, expression)


def per_unit_key(node: exp.Expr, scope: Scope) -> bool:
    """Whether rows that are equal in `node` are of one unit: its identifier, or a declared key or link of its rows."""
    if scope.is_unit(node):
        return True
    inner = bare(node)
    if not isinstance(inner, exp.Column):
        return False
    found = scope.matches(inner)
    return len(found) == 1 and _anchored(found[0][1].expression, scope.binding)


def _anchored(expression: Expression | None, binding: Binding) -> bool:
    return isinstance(expression, ColumnRef) and expression.name in binding.anchors


def bind_per_unit(
    select: exp.Select, scope: Scope, relation: Relation, items: list[Item], groups: list[exp.Expr]
) -> Rows:
    """One row for each unit and combination of the other keys.

    Raises:
        Unanswerable: aggregates that have no exact form, and what has no meaning for rows.
    """
    binding = scope.binding
    _no_order(select, binding)
    binding.relation(select)
    shown: dict[Expression, ColumnRef] = {}
    for node in groups:
        if scope.is_unit(node):
            continue
        operand = normalise(bind_scalar(node, scope))
        if not isinstance(operand, Literal) and operand not in shown:
            shown[operand] = _key(operand, binding)
    keys, aggregates = _fixed_apart(shown, relation, binding)
    follows = determined(relation, {item.name for item in shown if isinstance(item, ColumnRef)}, binding)

    def aggregate(node: exp.Expr) -> Expression:
        made, facts = bind_unit_aggregate(node, scope, rows_per_unit(relation))
        if made not in aggregates:
            aggregates[made] = binding.column("u", facts)
        return aggregates[made]

    grouped = GroupScope(
        scope,
        shown,
        aggregate,
        lambda node: alone_in_group(node, scope),
        noisy=False,
        follows=lambda item: first_of(item, follows, aggregates, binding),
    )
    fields: list[Field] = []
    for item in items:
        if scope.is_unit(item.node):
            fields.append(Field(item.name, None, ColumnRole.UNIT))
            continue
        if item.field is not None:
            raise binding.refuse(PlanNotSupported, "A star beside GROUP BY: name the columns.", item.node)
        expression = normalise(bind_scalar(item.node, grouped))
        if item.alias is not None:
            grouped.aliases[item.name] = expression
        fields.append(Field(item.name, expression))
    having = select.args.get("having")
    predicates = [normalise(bind_predicate(having.this, grouped))] if having is not None else []
    rows = Rows(filtered(grouped_rows(relation, keys, aggregates, binding), predicates), tuple(fields))
    return _distinct(select, rows, scope) if select.args.get("distinct") is not None else rows


def _fixed_apart(
    shown: dict[Expression, ColumnRef], relation: Relation, binding: Binding
) -> tuple[dict[Expression, ColumnRef], dict[UnitAggregate, ColumnRef]]:
    """The keys that can differ between rows of one unit; the others are read off its first row.

    Grouped by what is the same in all its rows alone, a unit has one row: what it brings is bounded by one, not by all rows.
    """
    if rows_per_unit(relation) == 1:
        return shown, {}
    fixed = determined(relation, set(), binding)
    aggregates = {
        UnitAggregate("first", operand, column.type): column
        for operand, column in shown.items()
        if names_in(operand) <= fixed
    }
    return {operand: column for operand, column in shown.items() if not names_in(operand) <= fixed}, aggregates


def first_of(
    expression: Expression, follows: set[str], aggregates: dict[UnitAggregate, ColumnRef], binding: Binding
) -> Expression | None:
    """The value that all rows of a group have, where it reads columns of `follows` alone: that of the first."""
    if not names_in(expression) <= follows:
        return None
    made = UnitAggregate("first", expression, type_of(expression))
    return aggregates.setdefault(made, _key(expression, binding))


def grouped_rows(
    relation: Relation,
    keys: dict[Expression, ColumnRef],
    aggregates: dict[UnitAggregate, ColumnRef],
    binding: Binding,
) -> PerUnit:
    """The rows of each unit by its keys; without keys and aggregates one that only counts."""
    if not keys and not aggregates:
        count = Facts(Type.INT, Range(Fraction(0), Fraction(rows_per_unit(relation))))
        aggregates[UnitAggregate("count_rows", None, Type.INT)] = binding.column("u", count)
    return PerUnit(
        relation,
        tuple((column.name, operand) for operand, column in keys.items()),
        tuple((column.name, item) for item, column in aggregates.items()),
    )


def _key(operand: Expression, binding: Binding) -> ColumnRef:
    facts = binding.known(operand)
    column = binding.column("k", facts if facts.type is type_of(operand) else Facts(type_of(operand)))
    if isinstance(operand, ColumnRef) and operand.name in binding.anchors:
        binding.anchors[column.name] = binding.anchors[operand.name]
    return column


def distinct_rows(rows: Rows, binding: Binding) -> Rows:
    """Each combination of values once for each unit."""
    keys: dict[Expression, ColumnRef] = {}
    for field in rows.fields:
        if field.expression is not None and not isinstance(field.expression, Literal):
            keys.setdefault(normalise(field.expression), _key(normalise(field.expression), binding))
    apart, aggregates = _fixed_apart(keys, rows.relation, binding)
    made = grouped_rows(rows.relation, apart, aggregates, binding)
    fields = tuple(
        field
        if field.expression is None
        else Field(field.name, keys.get(normalise(field.expression), field.expression), field.role)
        for field in rows.fields
    )
    return Rows(made, fields)


def is_per_unit(rows: Rows, binding: Binding) -> bool:
    """Whether equal rows are always of one unit."""
    return any((item.is_unit and not item.optional) or _anchored(item.expression, binding) for item in rows.fields)


def _distinct(select: exp.Select, rows: Rows, scope: Scope) -> Rows:
    binding = scope.binding
    distinct = select.args["distinct"]
    if rows.public or not is_per_unit(rows, binding):
        detail = "DISTINCT rows of different units would meet: select the unit's identifier with them."
        text = binding.text
        place = text.word(select, TokenType.DISTINCT)
        new = f"{text.sql[: place[1]]} {scope.unit_name},{text.sql[place[1] :]}" if scope.unit_name and place else ""
        raise binding.refuse(PlanNotSupported, detail, distinct, *([new] if new else []))
    binding.relation(distinct)
    return distinct_rows(rows, binding)


def _no_order(select: exp.Select, binding: Binding) -> None:
    """Rows have no order to speak of, and no first ones: which would be taken depends on other units."""
    for part, kinds in (
        ("order", (TokenType.ORDER_BY,)),
        ("limit", (TokenType.LIMIT, TokenType.FETCH)),
        ("offset", (TokenType.OFFSET,)),
    ):
        node = select.args.get(part)
        if node is None:
            continue
        clause = binding.text.clause(*kinds, within=select)
        cut = [binding.text.without(clause)] if clause else []
        detail = "Rows within a query have no order and no first ones: leave this out, or use a window over each unit."
        found = binding.refuse(PlanNotSupported, detail, node, *cut)
        if clause:
            found.refusal.span = span_of(binding.text.sql, *clause)
        raise found
