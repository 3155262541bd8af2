"""Blocks that give an answer: aggregates of private rows, measured with noise, and what is made of them afterwards."""

from dataclasses import replace
from math import prod

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from sandbox.plan.aggregates import Measures
from sandbox.plan.answer_joins import beside, keep, scalar_value
from sandbox.plan.answers import Collected, MeasuredColumn, Ordered
from sandbox.plan.binding import Binding
from sandbox.plan.context import Context
from sandbox.plan.facts import Facts
from sandbox.plan.group_keys import GROUPS_MAX, bind_key
from sandbox.plan.grouped import GroupScope
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.naming import bare
from sandbox.plan.nodes import ColumnRef, Expression, Literal, type_of
from sandbox.plan.relations import Order, Relation, Scan, brought, is_public, rows_brought, rows_max
from sandbox.plan.rewrite import normalise
from sandbox.plan.scalar import bind_predicate, bind_scalar
from sandbox.plan.scope import Scope
from sandbox.plan.select_list import Item, read_limit, read_order
from sandbox.plan.sources import Field, Lines, renamed
from sandbox.plan.unanswerable import Unanswerable
from sandbox.plan.unit_aggregates import bind_unit_aggregate
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import (
    PlanNotSupported,
    RowsNotReleased,
    TooManyGroups,
)


def bind_answer(
    select: exp.Select, scope: Scope, relation: Relation, items: list[Item], groups: list[exp.Expr], context: Context
) -> Lines:
    """The noisy answer of a block that aggregates private rows.

    Raises:
        Unanswerable: keys, aggregates or columns that do not make an answer.
    """
    binding = scope.binding
    if is_public(relation):
        detail = "A public table has no units to protect: join it with rows of units."
        raise binding.refuse(PlanNotSupported, detail, select.args["from_"])
    keys = _keys(groups, scope)
    group_keys = tuple(keys.values())
    size = rows_max(relation)
    bounds = _bounds(relation, group_keys, binding)
    measures = Measures(scope, group_keys, bounds, size)
    shown = {operand: measures.key(number) for number, operand in enumerate(keys)}
    added: list[Lines] = []
    grouped = GroupScope(
        scope,
        shown,
        measures.add,
        lambda node: _alone(node, scope),
        noisy=True,
        scalar=lambda node: scalar_value(node, added, context),
        extra=lambda: measures.facts,
    )
    expressions = _bound(items, grouped, scope)
    having, order = _later(select, items, expressions, grouped)
    if not measures.primitives:
        last = binding.text.extent(items[-1].whole)
        counted = binding.text.replaced((last[1], last[1]), ", count(*) as n")
        detail = "A query needs at least one aggregate: the keys alone are public."
        raise binding.refuse(PlanNotSupported, detail, items[0].node, counted)
    names = {column.name: binding.fresh("m") for column in measures.columns}
    binding.facts.update({names[name]: facts for name, facts in measures.facts.items() if name in names})
    columns: tuple[MeasuredColumn, ...] = tuple(replace(item, name=names[item.name]) for item in measures.columns)
    measurement = Measurement(relation, group_keys, bounds, tuple(measures.primitives))
    key_names = frozenset(names[column.name] for column in shown.values() if column.name in names)
    lines = Lines(binding.measured(measurement, columns), (), not keys, measurement.lines_max, None)
    if len(key_names) == len(keys):
        lines = replace(lines, keys=key_names)
    lines = beside(lines, added)
    fields = tuple(
        Field(item.name, normalise(renamed(expression, names)))
        for item, expression in zip(items, expressions, strict=True)
    )
    having = [renamed(item, names) for item in having]
    order = tuple(replace(item, operand=normalise(renamed(item.operand, names))) for item in order)
    return _finished(select, replace(lines, fields=fields), having, order, scope)


def bind_lines(
    select: exp.Select,
    scope: Scope,
    lines: Lines,
    items: list[Item],
    groups: list[exp.Expr],
    aggregated: bool,
    context: Context,
) -> Lines:
    """A query over an answer: nothing of it reads a row.

    Raises:
        Unanswerable: what has no meaning for lines.
    """
    added: list[Lines] = []
    if select.args.get("qualify") is not None:
        raise scope.refuse(PlanNotSupported, "QUALIFY is for windows over rows of a unit.", select.args["qualify"])
    if aggregated:
        return _collected(select, scope, lines, items, groups)

    def special(node: exp.Expr) -> Expression | None:
        if isinstance(node, exp.Window):
            raise scope.refuse(PlanNotSupported, "There are no windows over a noisy answer: ORDER BY sorts it.", node)
        return scalar_value(node, added, context) if isinstance(node, exp.Subquery) else None

    scope.hook = special
    expressions: list[Expression] = []
    for item in items:
        if item.field is not None and item.field.expression is not None:
            expressions.append(item.field.expression)
            continue
        expressions.append(normalise(bind_scalar(item.node, scope)))
        if item.alias is not None:
            scope.aliases[item.name] = expressions[-1]
    order = read_order(
        select.args.get("order"), items, expressions, lambda node: bind_scalar(node, scope), scope.binding
    )
    lines = beside(lines, added)
    fields = tuple(Field(item.name, expression) for item, expression in zip(items, expressions, strict=True))
    return _finished(select, replace(lines, fields=fields), [], order, scope)


def alone_in_group(node: exp.Column, scope: Scope) -> Unanswerable:
    """A column of a subquery that is neither grouped nor aggregated."""
    text = scope.text
    place = text.extent(node)
    inner = text.text(place)
    detail = "Beside aggregates stand columns of GROUP BY alone."
    return scope.refuse(PlanNotSupported, detail, node, text.replaced(place, f"max({inner})"))


def distinct_lines(lines: Lines, scope: Scope) -> Lines:
    """Each line once."""
    binding = scope.binding
    keys = []
    fields = []
    for field in lines.fields:
        assert field.expression is not None
        column = _column(field.expression, binding)
        keys.append((column.name, field.expression))
        fields.append(Field(field.name, column))
    table = Collected(lines.table, tuple(keys), ())
    return Lines(table, tuple(fields), lines.single, lines.most, frozenset(name for name, _ in keys))


def _column(operand: Expression, binding: Binding) -> ColumnRef:
    facts = binding.known(operand)
    return binding.column("c", facts if facts.type is type_of(operand) else Facts(type_of(operand)))


def _keys(groups: list[exp.Expr], scope: Scope) -> dict[Expression, GroupKey]:
    keys: dict[Expression, GroupKey] = {}
    for node in groups:
        key = bind_key(node, scope)
        keys.setdefault(key.operand, key)
        if prod(len(item.values) for item in keys.values() if item.values is not None) > GROUPS_MAX:
            raise scope.refuse(TooManyGroups, f"A query has at most {GROUPS_MAX} groups.", node)
    return keys


def _bounds(relation: Relation, keys: tuple[GroupKey, ...], binding: Binding) -> ContributionBounds:
    """What one unit can bring: no more rows and groups than its tables say, and than the relation has."""
    size = rows_max(relation)
    rows = min(rows_brought(relation), size)

    def declared(scan: Scan) -> int:
        table = binding.datasets[scan.dataset].table(scan.table)
        return 0 if table is None else table.max_groups_per_unit

    touched = brought(relation, declared)
    sizes = [key.size for key in keys]
    known = prod(each for each in sizes if each is not None)
    groups = size if None in sizes else known
    return ContributionBounds(rows, min(rows, touched, groups), rows)


def _bound(items: list[Item], grouped: GroupScope, scope: Scope) -> list[Expression]:
    """The select list, over the measured columns."""
    expressions: list[Expression] = []
    for item in items:
        if item.field is not None:
            raise Unanswerable(
                scope.refuse(RowsNotReleased, "Rows never leave: ask for an aggregate of them.", item.node).refusal,
                scope.binding.examples,
            )
        if isinstance(bare(item.node), exp.Literal | exp.Boolean | exp.Null) and len(items) == 1:
            place = scope.text.extent(item.whole)
            detail = "A constant is no question: the select list has group keys and aggregates."
            raise scope.refuse(PlanNotSupported, detail, item.node, scope.text.replaced(place, "count(*)"))
        expression = normalise(bind_scalar(item.node, grouped))
        expressions.append(expression)
        if item.alias is not None:
            grouped.aliases[item.name] = expression
    return expressions


def _later(
    select: exp.Select, items: list[Item], expressions: list[Expression], grouped: GroupScope
) -> tuple[list[Expression], tuple[Order, ...]]:
    """HAVING and ORDER BY."""
    having = select.args.get("having")
    kept = [normalise(bind_predicate(having.this, grouped))] if having is not None else []
    if select.args.get("qualify") is not None:
        raise grouped.refuse(PlanNotSupported, "QUALIFY is for windows over rows of a unit.", select.args["qualify"])
    order = read_order(
        select.args.get("order"), items, expressions, lambda node: bind_scalar(node, grouped), grouped.rows.binding
    )
    return kept, order


def _finished(
    select: exp.Select, lines: Lines, having: list[Expression], order: tuple[Order, ...], scope: Scope
) -> Lines:
    """HAVING, DISTINCT, ORDER BY and LIMIT of an answer."""
    limit, offset = read_limit(select, scope.binding)
    if having:
        lines = keep(lines, having)
    if select.args.get("distinct") is not None:
        before = lines
        lines = distinct_lines(lines, scope)
        columns = {old.expression: new.expression for old, new in zip(before.fields, lines.fields, strict=True)}
        if any(item.operand not in columns for item in order):
            raise scope.refuse(PlanNotSupported, "DISTINCT is sorted by what it selects.", select.args["order"])
        order = tuple(replace(item, operand=columns[item.operand] or item.operand) for item in order)
    return ordered(lines, order, limit, offset)


def ordered(lines: Lines, order: tuple[Order, ...], limit: int | None, offset: int) -> Lines:
    """The lines sorted, and cut."""
    order = tuple(item for item in order if not isinstance(item.operand, Literal))
    if not order and limit is None and not offset:
        return lines
    most = lines.most if limit is None else min(lines.most, max(limit, 1))
    single = lines.single and not offset and limit != 0
    return replace(lines, table=Ordered(lines.table, order, limit, offset), most=most, single=single)


def _collected(select: exp.Select, scope: Scope, lines: Lines, items: list[Item], groups: list[exp.Expr]) -> Lines:
    """Aggregates of an answer's lines."""
    binding = scope.binding
    keys: dict[Expression, ColumnRef] = {}
    for node in groups:
        operand = normalise(bind_scalar(node, scope))
        if not isinstance(operand, Literal) and operand not in keys:
            keys[operand] = _column(operand, scope.binding)
    aggregates: dict[tuple[str, Expression | None, Type], ColumnRef] = {}

    def aggregate(node: exp.Expr) -> Expression:
        made, facts = bind_unit_aggregate(node, scope, lines.most)
        label = (made.function, made.operand, made.type)
        if label not in aggregates:
            aggregates[label] = binding.column("c", facts)
        return aggregates[label]

    grouped = GroupScope(scope, keys, aggregate, lambda node: alone_in_group(node, scope), noisy=True)
    expressions = _bound(items, grouped, scope)
    having, order = _later(select, items, expressions, grouped)
    table = Collected(
        lines.table,
        tuple((column.name, operand) for operand, column in keys.items()),
        tuple((column.name, *label) for label, column in aggregates.items()),
    )
    fields = tuple(Field(item.name, expression) for item, expression in zip(items, expressions, strict=True))
    found = Lines(table, fields, not keys, lines.most, frozenset(column.name for column in keys.values()))
    return _finished(select, found, having, order, scope)


def _alone(node: exp.Column, scope: Scope) -> Unanswerable:
    """A column of rows in the select list of an answer."""
    text = scope.text
    place = text.extent(node)
    inner = text.text(place)
    _, facts = scope.column(node)
    detail = "The values of rows never leave: aggregate them, or group by a column with declared keys."
    if facts.values is not None or facts.type is Type.BOOL:
        return scope.refuse(RowsNotReleased, detail, node, with_group(scope, inner, node))
    function = "avg" if facts.type.is_number and facts.range is not None else "count"
    return scope.refuse(RowsNotReleased, detail, node, text.replaced(place, f"{function}({inner})"))


def with_group(scope: Scope, column: str, node: exp.Expr) -> str:
    """The text with `column` added to the GROUP BY of the query around `node`."""
    text = scope.text
    select = node.find_ancestor(exp.Select)
    group = text.clause(TokenType.GROUP_BY, within=select)
    if group is not None:
        return text.replaced((group[1], group[1]), f", {column}")
    after = (
        text.clause(TokenType.WHERE, within=select) or text.clause(TokenType.FROM, within=select) or (0, len(text.sql))
    )
    return text.replaced((after[1], after[1]), f" group by {column}")
