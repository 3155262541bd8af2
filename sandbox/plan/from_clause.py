"""FROM and WHERE: entries become sources, and their rows one relation, joined as far as the conditions allow."""

from dataclasses import dataclass, replace

from sqlglot import exp

from sandbox.plan.answer_joins import match_entries, scalar_value
from sandbox.plan.answers import Derived, answer_columns
from sandbox.plan.conditions import Condition, equality, read_conditions, unit_condition
from sandbox.plan.context import Context, called_by
from sandbox.plan.full_joins import full_join
from sandbox.plan.joins import Piece, connects, joined, push
from sandbox.plan.listed_rows import listed
from sandbox.plan.naming import name_of, quoted
from sandbox.plan.nodes import Call, ColumnRef, Expression, type_of
from sandbox.plan.relations import Project, columns_of
from sandbox.plan.rewrite import normalise
from sandbox.plan.scope import Scope
from sandbox.plan.sources import Block, Field, Lines, Rows, Source
from sandbox.plan.tables_named import stored_rows
from sandbox.terms.refusal import PlanNotSupported

_KINDS = {"": "inner", "INNER": "inner", "CROSS": "inner", "OUTER": "", "SEMI": "semi", "ANTI": "anti"}
_SIDES = {"LEFT": "left", "RIGHT": "right", "FULL": "full"}


@dataclass(slots=True)
class Entry:
    """One entry of FROM: how it is joined to those before it, and what it brings."""

    node: exp.Expr
    kind: str
    block: Block
    source: Source
    join: exp.Join | None


@dataclass(slots=True)
class From:
    """What FROM and WHERE give: rows or an answer's lines, the scope of their names, and conditions on the block around."""

    scope: Scope
    block: Block
    outside: list[Condition]


def bind_from(select: exp.Select, context: Context, where: list[exp.Expr]) -> From:
    """The sources of a block, joined, with those conditions of WHERE that are no subqueries.

    Raises:
        Unanswerable: names, joins of different units, conditions that do not fit.
    """
    binding = context.binding
    source = select.args.get("from_")
    if not isinstance(source, exp.From):
        raise binding.refuse(PlanNotSupported, "A query needs FROM and a table.", select)
    entries = [_entry(source.this, None, context)]
    entries += [_entry(join.this, join, context) for join in select.args.get("joins") or ()]
    _check_names(entries, context)
    noisy = _beside_answers(entries, context)
    _fill_empty(entries, context)
    scope = Scope(binding, [], noisy=noisy, outer=context.around)
    conditions = [_on(entry, scope, context) for entry in entries]
    scope.labels = {
        name_of(item.args["alias"]): item.this for item in select.expressions if isinstance(item, exp.Alias)
    }
    added: list[Lines] = []
    values: list[tuple[Piece, list[Condition]]] = []

    def special(node: exp.Expr) -> Expression | None:
        if not isinstance(node, exp.Subquery):
            return None
        if noisy:
            return scalar_value(node, added, context)
        found = context.value(node, context, scope)
        if found is None:
            return None
        values.append((found[1], found[2]))
        return found[0]

    scope.hook = special
    later = [condition for part in where for condition in read_conditions(part, scope)]
    scope.hook = None
    if noisy:
        named = [(entry.kind, entry.block, entry.source, entry.node) for entry in entries]
        block, rest = match_entries(named, conditions, later, added, binding)
        return From(scope, block, rest)
    piece, rest = _join(entries, conditions, later, context)
    for value, on in values:
        piece, _ = joined(piece, value, "left", on, binding)
        piece, rest = push(piece, rest, frozenset())
    return From(scope, Rows(piece.relation, ()), rest)


def _beside_answers(entries: list[Entry], context: Context) -> bool:
    """Whether these are answers; public rows beside one become lines."""
    if not any(isinstance(entry.block, Lines) for entry in entries):
        return False
    for entry in entries:
        if not isinstance(entry.block, Rows):
            continue
        if not entry.block.public:
            detail = (
                "Rows are joined with rows, and answers with answers: a noisy answer says nothing about single rows."
            )
            raise context.binding.refuse(PlanNotSupported, detail, entry.node)
        entry.block = listed(entry.block, entry.node, context.binding)
        entry.source = replace(entry.source, fields=entry.block.fields)
        _own(entry, context)
    return True


def _entry(node: exp.Expr, join: exp.Join | None, context: Context) -> Entry:
    """One entry, bound by itself."""
    binding = context.binding
    alias = node.args.get("alias")
    called = name_of(alias.this) if isinstance(alias, exp.TableAlias) and alias.this is not None else ""
    dataset = None
    place: exp.Expr | None = None
    if isinstance(node, exp.Table) and node.args.get("db") is None and _cte(node, context) is not None:
        cte, written = context.ctes[name_of(node.this)]
        binding.unused.pop(id(cte), None)
        inner = replace(written, depth=context.depth).inner(node)
        block = context.bind(cte.this, inner)
        block = replace(block, fields=called_by(block.fields, cte.args.get("alias"), context))
        called = called or name_of(node.this)
    elif isinstance(node, exp.Table):
        rows, stored, table = stored_rows(node, binding)
        block, dataset, place = rows, stored.name if not called else None, node
        called = called or table.name
    elif isinstance(node, exp.Subquery):
        block = context.bind(node.this, context.inner(node))
    else:
        raise binding.refuse(PlanNotSupported, "FROM names tables and queries in brackets, nothing else.", node)
    block = replace(block, fields=called_by(block.fields, alias, context))
    number = binding.number()
    entry = Entry(node, _kind(join, context), block, Source(number, called, dataset, block.fields, node=place), join)
    unit = next((item.name for item in block.fields if item.is_unit), None)
    if unit is not None and called:
        binding.units[number] = f"{quoted(called)}.{quoted(unit)}"
    _own(entry, context)
    return entry


def _cte(node: exp.Table, context: Context) -> str | None:
    name = name_of(node.this) if isinstance(node.this, exp.Identifier) else None
    return name if name in context.ctes else None


def _own(entry: Entry, context: Context) -> None:
    """Notes whose columns these are."""
    block = entry.block
    names = columns_of(block.relation) if isinstance(block, Rows) else answer_columns(block.table)
    context.binding.owners.update(dict.fromkeys(names, entry.source.number))


def _kind(join: exp.Join | None, context: Context) -> str:
    if join is None:
        return "inner"
    side, kind = str(join.args.get("side") or ""), str(join.args.get("kind") or "")
    if kind in ("SEMI", "ANTI") and side in ("", "LEFT"):
        return _KINDS[kind]
    if side in _SIDES and kind in ("", "OUTER"):
        return _SIDES[side]
    if not side and _KINDS.get(kind):
        return _KINDS[kind]
    binding, text = context.binding, context.binding.text
    end = text.extent(join.this)[0]
    words = [token for token in text.tokens if token.end < end and token.text.lower() == "outer"]
    if words and not side:
        detail = "An outer join says which side it keeps: LEFT, RIGHT or FULL."
        found = binding.refuse(
            PlanNotSupported, detail, join, text.replaced((words[-1].start, words[-1].end + 1), "left")
        )
        found.refusal.span = text.span_at(words[-1].start, words[-1].end + 1)
        raise found
    detail = "This join is not available: JOIN, LEFT, RIGHT and FULL JOIN, SEMI JOIN and ANTI JOIN are."
    sides = [token for token in text.tokens if token.end < end and token.text.lower() in ("left", "right", "full")]
    cut = [text.without((token.start, token.end + 1)) for token in sides[-1:]]
    raise binding.refuse(PlanNotSupported, detail, join, *cut)


def _check_names(entries: list[Entry], context: Context) -> None:
    seen: set[tuple[str | None, str]] = set()
    for entry in entries:
        label = (entry.source.dataset, entry.source.called)
        if entry.source.called and label in seen:
            text = context.binding.text
            end = text.extent(entry.node)[1]
            other = f"{text.sql[:end]} as {quoted(entry.source.called + '_2')}{text.sql[end:]}"
            detail = f"Two tables of this query are called {entry.source.called}: give one another name with AS."
            raise context.binding.refuse(PlanNotSupported, detail, entry.node, other)
        seen.add(label)


def _fill_empty(entries: list[Entry], context: Context) -> None:
    """What an outer join may leave empty is computed before it: where there is no row, every column is NULL."""
    empty = {number for number, entry in enumerate(entries) if entry.kind in ("left", "full")}
    for number, entry in enumerate(entries):
        if entry.kind in ("right", "full"):
            empty |= set(range(number))
    for number in sorted(empty):
        entry = entries[number]
        entry.block = _computed(entry.block, context)
        entry.source = replace(entry.source, fields=entry.block.fields)
        _own(entry, context)


def _computed(block: Block, context: Context) -> Block:
    binding = context.binding
    if all(item.expression is None or isinstance(item.expression, ColumnRef) for item in block.fields):
        return block
    columns: list[tuple[str, Expression]] = []
    fields_made: list[Field] = []
    for item in block.fields:
        if item.expression is None:
            fields_made.append(item)
            continue
        expression = binding.tidy(item.expression)
        made = binding.column("x", binding.known(expression))
        if isinstance(expression, ColumnRef) and expression.name in binding.anchors:
            binding.anchors[made.name] = binding.anchors[expression.name]
        columns.append((made.name, expression))
        fields_made.append(replace(item, expression=made))
    if isinstance(block, Rows):
        return Rows(Project(block.relation, tuple(columns)), tuple(fields_made))
    return replace(block, table=Derived(block.table, tuple(columns)), fields=tuple(fields_made))


def _on(entry: Entry, scope: Scope, context: Context) -> list[Condition]:
    """The conditions of one join; the entry becomes visible to those after it."""
    join = entry.join
    before = list(scope.sources)
    hidden: set[str] = set()
    found: list[Condition] = []
    for name in join.args.get("using") or () if join is not None else ():
        found.append(_using(name, before, entry, context))
        hidden.add(name_of(name))
    if entry.kind == "full" and hidden:
        before = _merged(before, entry, hidden)
        scope.sources[:] = before
    if entry.kind == "right" and hidden:
        scope.sources[:] = [replace(source, hidden=source.hidden | hidden) for source in before]
    elif hidden:
        entry.source = replace(entry.source, hidden=frozenset(hidden))
    scope.sources.append(entry.source)
    if join is not None:
        found += read_conditions(join.args.get("on"), scope)
    if entry.kind in ("semi", "anti"):
        scope.sources.pop()
    elif entry.kind == "left":
        scope.sources[-1] = _optional(entry.source)
    elif entry.kind == "full":
        known = {name for name in hidden if any(item.is_unit for item in entry.source.named(name))}
        scope.sources[:] = [_optional(source, known) for source in scope.sources]
    elif entry.kind == "right":
        scope.sources[:-1] = [_optional(source) for source in scope.sources[:-1]]
    return found


def _optional(source: Source, known: set[str] | frozenset[str] = frozenset()) -> Source:
    """The entry after an outer join that may leave it empty: its identifier may be missing then, if it is not `known`."""
    fields = (replace(item, optional=item.is_unit and item.name not in known) for item in source.fields)
    return replace(source, fields=tuple(fields))


def _merged(before: list[Source], entry: Entry, names: set[str]) -> list[Source]:
    """The entries before a FULL JOIN: columns of USING have the value of whichever side has one."""

    def both(item: Field) -> Field:
        other = next((other for other in entry.source.named(item.name)), None) if item.name in names else None
        if other is None or item.expression is None or other.expression is None:
            return item
        kind = type_of(item.expression)
        return replace(item, expression=normalise(Call("coalesce", (item.expression, other.expression), kind)))

    return [replace(source, fields=tuple(both(item) for item in source.fields)) for source in before]


def _using(name: exp.Expr, before: list[Source], entry: Entry, context: Context) -> Condition:
    """The equality of a column that both sides of a join have."""
    binding = context.binding
    if not isinstance(name, exp.Identifier):
        raise binding.refuse(PlanNotSupported, "USING takes names of columns.", name)
    wanted = exp.column(name.copy())
    left = Scope(binding, before).matches(wanted)
    right = Scope(binding, [entry.source]).matches(wanted)
    if len(left) != 1 or len(right) != 1 or "withheld" in (left[0][1].role.value, right[0][1].role.value):
        Scope(binding, before if len(left) != 1 else [entry.source]).find(_placed(wanted, name))
        raise binding.refuse(PlanNotSupported, "Not one column on each side of the join has this name.", name)
    (source, one), (_, other) = left[0], right[0]
    if one.is_unit and other.is_unit and not one.optional:
        return unit_condition(source.number, entry.source.number, name)
    if one.expression is None or other.expression is None:
        raise binding.refuse(PlanNotSupported, "The unit's identifier is compared with another table's alone.", name)
    return equality(binding.use(one.expression, name), binding.use(other.expression, name), name, binding)


def _placed(column: exp.Column, name: exp.Identifier) -> exp.Column:
    """A column at the place of a name in the text."""
    column.this.meta.update(name.meta)
    return column


def _join(
    entries: list[Entry], conditions: list[list[Condition]], where: list[Condition], context: Context
) -> tuple[Piece, list[Condition]]:
    """All entries in one piece, and the conditions that are about the block around."""
    empty = frozenset(entry.source.number for entry in entries if entry.kind in ("left", "full"))
    for number, entry in enumerate(entries):
        if entry.kind in ("right", "full"):
            empty |= frozenset(other.source.number for other in entries[:number])
    waiting: list[Piece] = []
    pool: list[Condition] = []
    for entry, on in zip(entries, conditions, strict=True):
        assert isinstance(entry.block, Rows)
        piece = Piece(entry.block.relation, frozenset({entry.source.number}), entry.node)
        if entry.kind == "inner":
            waiting.append(piece)
            pool += on
            continue
        current, pool, where = _gathered(waiting, pool, where, empty, context)
        if entry.kind == "full":
            waiting = [full_join(current, piece, on, context.binding)]
            continue
        left, right, kind = (piece, current, "left") if entry.kind == "right" else (current, piece, entry.kind)
        right, between = push(right, on, frozenset())
        current, _ = joined(left, right, kind, between, context.binding)
        waiting = [current]
    current, pool, where = _gathered(waiting, pool, where, empty, context)
    current, rest = push(current, [*pool, *where], frozenset())
    return current, rest


def _gathered(
    pieces: list[Piece], pool: list[Condition], where: list[Condition], empty: frozenset[int], context: Context
) -> tuple[Piece, list[Condition], list[Condition]]:
    """Pieces joined by inner joins: the first private one, then in order of the text whichever has a condition with it.

    Conditions of WHERE about entries that an outer join may leave empty, or about none, wait until all is joined.
    """
    late = [bool(item.sources & empty or (empty and not item.sources)) for item in where]
    usable = [*pool, *(item for item, waits in zip(where, late, strict=True) if not waits)]
    kept = [item for item, waits in zip(where, late, strict=True) if waits]
    waiting: list[Piece] = []
    for piece in pieces:
        pushed, usable = push(piece, usable, frozenset())
        waiting.append(pushed)
    current = next((piece for piece in waiting if not piece.public), waiting[0])
    waiting.remove(current)
    while waiting:
        found = next((piece for piece in waiting if connects(current, piece, usable)), waiting[0])
        waiting.remove(found)
        both = current.sources | found.sources
        mine = [item for item in usable if item.sources <= both]
        usable = [item for item in usable if not item.sources <= both]
        current, rest = joined(current, found, "inner", mine, context.binding)
        current, rest = push(current, rest, frozenset())
        usable = [*rest, *usable]
    return current, usable, kept
