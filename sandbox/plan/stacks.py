"""UNION ALL: of rows of one unit space, or of answers. UNION takes each row of a unit, or each line, once."""

from collections.abc import Iterator

from sqlglot import exp

from sandbox.plan.answers import Derived, Stacked
from sandbox.plan.answers_binding import distinct_lines, ordered
from sandbox.plan.binding import Binding
from sandbox.plan.context import Context
from sandbox.plan.facts import Facts, Range
from sandbox.plan.literals import as_type, is_null
from sandbox.plan.nodes import Call, ColumnRef, Expression, Literal, type_of
from sandbox.plan.relations import Project, Union
from sandbox.plan.rewrite import normalise
from sandbox.plan.row_blocks import distinct_rows, is_per_unit
from sandbox.plan.scalar import bind_scalar
from sandbox.plan.scope import Scope
from sandbox.plan.select_list import Item, read_limit, read_order
from sandbox.plan.sources import Block, Field, Lines, Rows, Source
from sandbox.terms.dataset import ColumnRole, Type
from sandbox.terms.refusal import PlanNotSupported, TypeMismatch


def bind_union(node: exp.SetOperation, context: Context) -> Block:
    """All arms of a chain of UNIONs of one kind.

    Raises:
        Unanswerable: INTERSECT and EXCEPT, arms that do not fit together.
    """
    binding = context.binding
    if not isinstance(node, exp.Union):
        detail = "INTERSECT and EXCEPT are not available: rows of a unit are found with EXISTS and NOT EXISTS."
        raise binding.refuse(PlanNotSupported, detail, node.expression)
    distinct = bool(node.args.get("distinct"))
    arms = list(_arms(node, distinct))
    blocks = [context.bind(arm, context.inner(arm)) for arm in arms]
    first = blocks[0]
    for arm, block in zip(arms, blocks, strict=True):
        if isinstance(block, Lines) is not isinstance(first, Lines) or len(block.fields) != len(first.fields):
            detail = "The queries of a UNION have equally many columns, all of rows or all of answers."
            raise binding.refuse(PlanNotSupported, detail, arm)
    kinds = [_kind([block.fields[place] for block in blocks], arms, binding) for place in range(len(first.fields))]
    binding.relation(node)
    lines = [block for block in blocks if isinstance(block, Lines)]
    if lines:
        return _stacked(node, lines, kinds, binding, distinct=distinct)
    if node.args.get("order") is not None or node.args.get("limit") is not None or node.args.get("offset") is not None:
        detail = "Rows within a query have no order and no first ones: leave this out."
        raise binding.refuse(PlanNotSupported, detail, node)
    rows = _union([block for block in blocks if isinstance(block, Rows)], kinds, arms, binding)
    if not distinct:
        return rows
    if not is_per_unit(rows, binding):
        detail = "UNION takes equal rows once, which may be of different units: write UNION ALL."
        raise binding.refuse(PlanNotSupported, detail, arms[1])
    return distinct_rows(rows, binding)


def _arms(node: exp.Expr, distinct: bool) -> Iterator[exp.Expr]:
    """The queries of a chain, in the order of the text."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        chained = isinstance(current, exp.Union) and bool(current.args.get("distinct")) is distinct
        plain = not any(current.args.get(part) for part in ("order", "limit", "offset", "with_"))
        if current is node or (chained and plain):
            waiting += [current.expression, current.this]
        else:
            yield current


def _kind(fields: list[Field], arms: list[exp.Expr], binding: Binding) -> Type | None:
    """The type of one column; None for the unit's identifier."""
    units = {field.is_unit for field in fields}
    if units == {True}:
        return None
    if len(units) == 2 or any(field.expression is None for field in fields):
        raise binding.refuse(
            PlanNotSupported, "The unit's identifier stands in the same place of every query.", arms[-1]
        )
    expressions = [field.expression for field in fields if field.expression is not None]
    kinds = {type_of(item) for item in expressions if not is_null(item)}
    if len(kinds) == 2 and all(kind.is_number for kind in kinds):
        return Type.FLOAT
    if len(kinds) > 1:
        named = " and ".join(sorted(kind.value for kind in kinds))
        raise binding.refuse(TypeMismatch, f"A column of a UNION has one type, not {named}.", arms[-1])
    return next(iter(kinds), Type.BOOL)


def _as(expression: Expression, kind: Type) -> Expression:
    if is_null(expression):
        return Literal(None, kind)
    if type_of(expression) is kind:
        return normalise(expression)
    if isinstance(expression, Literal):
        return as_type(expression, kind) or expression
    return normalise(Call("cast_float", (expression,), kind))


def _union(blocks: list[Rows], kinds: list[Type | None], arms: list[exp.Expr], binding: Binding) -> Rows:
    if any(block.public for block in blocks):
        detail = "UNION ALL is for rows of units: public tables are joined."
        raise binding.refuse(PlanNotSupported, detail, arms[next(i for i, block in enumerate(blocks) if block.public)])
    fields: list[Field] = []
    columns: list[list[tuple[str, Expression]]] = [[] for _ in blocks]
    for place, kind in enumerate(kinds):
        named = blocks[0].fields[place]
        if kind is None:
            optional = any(block.fields[place].optional for block in blocks)
            fields.append(Field(named.name, None, ColumnRole.UNIT, optional))
            continue
        arms_here = [
            _as(expression, kind) for block in blocks if (expression := block.fields[place].expression) is not None
        ]
        column = binding.column("x", _all([binding.known(item) for item in arms_here], kind))
        anchors = {binding.anchors.get(getattr(item, "name", "")) for item in arms_here}
        anchor = anchors.pop() if len(anchors) == 1 else None
        if anchor is not None:
            binding.anchors[column.name] = anchor
        fields.append(Field(named.name, column))
        for made, item in zip(columns, arms_here, strict=True):
            made.append((column.name, item))
    if not columns[0]:  # the identifier alone
        filler = binding.column("x", Facts(Type.INT))
        for made in columns:
            made.append((filler.name, Literal(1, Type.INT)))
    sources = tuple(Project(block.relation, tuple(made)) for block, made in zip(blocks, columns, strict=True))
    return Rows(Union(sources), tuple(fields))


def _all(found: list[Facts], kind: Type) -> Facts:
    """What is known of values that come from any of several places."""
    ranges = [facts.range for facts in found]
    values = [facts.values for facts in found]
    lengths = [facts.max_length for facts in found]
    steps = {facts.granularity for facts in found}
    spans = [span for span in ranges if span is not None]
    sets = [item for item in values if item is not None]
    sizes = [item for item in lengths if item is not None]
    return Facts(
        kind,
        Range(min(span.low for span in spans), max(span.high for span in spans)) if len(spans) == len(found) else None,
        frozenset().union(*sets) if len(sets) == len(found) else None,
        max(sizes) if len(sizes) == len(found) else None,
        next(iter(steps)) if len(steps) == 1 else None,
    )


def _stacked(
    node: exp.Expr, blocks: list[Lines], kinds: list[Type | None], binding: Binding, *, distinct: bool
) -> Lines:
    names = [binding.fresh("d") for _ in kinds]
    tables = []
    for block in blocks:
        columns = [
            (name, _as(field.expression, kind))
            for name, kind, field in zip(names, kinds, block.fields, strict=True)
            if kind is not None and field.expression is not None
        ]
        tables.append(Derived(block.table, tuple(columns)))
    fields = []
    for name, kind, field in zip(names, kinds, blocks[0].fields, strict=True):
        assert kind is not None
        binding.facts[name] = Facts(kind)
        fields.append(Field(field.name, ColumnRef(name, kind)))
    lines = Lines(
        Stacked(tuple(tables)), tuple(fields), single=False, most=sum(block.most for block in blocks), keys=None
    )
    scope = Scope(binding, [Source(binding.number(), "", None, tuple(fields))], noisy=True)
    if distinct:
        lines = distinct_lines(lines, scope)
        scope.sources[:] = [Source(binding.number(), "", None, lines.fields)]
    expressions = [field.expression for field in lines.fields if field.expression is not None]
    items = [Item(field.name, node, node, exp.to_identifier(field.name)) for field in lines.fields]
    order = read_order(node.args.get("order"), items, expressions, lambda item: bind_scalar(item, scope), binding)
    limit, offset = read_limit(node, binding)
    return ordered(lines, order, limit, offset)
