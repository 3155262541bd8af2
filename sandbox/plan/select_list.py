"""The select list: its entries with their names, the stars among them, and what ORDER BY, LIMIT and GROUP BY say of them."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from sandbox.plan.binding import Binding
from sandbox.plan.naming import LENGTH_MAX, bare, default_name, name_of, unique
from sandbox.plan.nodes import Expression
from sandbox.plan.relations import Order
from sandbox.plan.rewrite import normalise
from sandbox.plan.scope import Scope
from sandbox.plan.sources import Field
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import ColumnRole
from sandbox.terms.refusal import PlanNotSupported

LINES_MAX = 10**9


@dataclass(frozen=True, slots=True)
class Item:
    """One entry: `node` is what it is without alias and brackets, `whole` as it stands. A star gives `field`s."""

    name: str
    node: exp.Expr
    whole: exp.Expr
    alias: exp.Identifier | None
    field: Field | None = None


def read_items(select: exp.Select, scope: Scope) -> list[Item]:
    """The entries with the names of their columns, which all differ.

    Raises:
        Unanswerable: names that are not names of columns.
    """
    binding = scope.binding
    nodes = list(select.expressions) or [exp.Star()]  # DuckDB reads FROM t without a list as all columns
    aliases = [alias for node in nodes if (alias := _alias(node)) is not None]
    taken = {name_of(alias) for alias in aliases}
    named: set[str] = set()
    numbers: dict[str, int] = {}
    items: list[Item] = []
    for node in nodes:
        alias, inner = _alias(node), bare(node.this if isinstance(node, exp.Alias) else node)
        if _is_star(inner):
            for field in _starred(inner, scope):
                name = _free(field.name, taken, named, numbers)
                named.add(name)
                items.append(Item(name, inner, node, None, field))
            continue
        name = (
            _checked(alias, named, binding)
            if alias is not None
            else _free(default_name(inner, binding.text), taken, named, numbers)
        )
        named.add(name)
        items.append(Item(name, inner, node, alias))
    return items


def _free(name: str, taken: set[str], named: set[str], numbers: dict[str, int]) -> str:
    """The name, or the name with the first number that is free; `numbers` remembers which were tried for it."""
    number, candidate = numbers.get(name, 1), name if name not in numbers else ""
    while not candidate or candidate in taken or candidate in named:
        number += 1
        candidate = f"{name[: LENGTH_MAX - 6]}_{number}"
    numbers[name] = number
    return candidate


def read_order(
    order: exp.Expr | None,
    items: list[Item],
    expressions: list[Expression],
    bind: Callable[[exp.Expr], Expression],
    binding: Binding,
) -> tuple[Order, ...]:
    """The sort keys, over the columns that `expressions` of the select list are over."""
    found: dict[Expression, Order] = {}
    for node in order.expressions if order is not None else ():
        inner = bare(node.this)
        number = position(inner, len(items), binding)
        if number is None:
            number = _named(inner, items)
        if isinstance(inner, exp.Var):
            raise _ordered_by_word(inner, binding)
        expression = normalise(bind(inner)) if number is None else expressions[number]
        descending, first = bool(node.args.get("desc")), bool(node.args.get("nulls_first"))
        found.setdefault(expression, Order(expression, descending, first))
    return tuple(found.values())


def _ordered_by_word(node: exp.Var, binding: Binding) -> Unanswerable:
    """ORDER BY ALL: the parser keeps no place of the word."""
    detail = "ORDER BY names what it sorts by: a column of the select list, its number, or an expression."
    found = binding.refuse(PlanNotSupported, detail, node)
    words = [token for token in binding.text.tokens if token.text.lower() == str(node.this).lower()]
    if words:
        place = words[-1].start, words[-1].end + 1
        found = Unanswerable(found.refusal, (binding.text.replaced(place, "1"), *found.candidates))
        found.refusal.span = binding.text.span_at(*place)
    return found


def read_limit(select: exp.Expr, binding: Binding) -> tuple[int | None, int]:
    """LIMIT and OFFSET: constants.

    Raises:
        Unanswerable: anything else.
    """
    limit, offset = select.args.get("limit"), select.args.get("offset")
    count = None
    if isinstance(limit, exp.Fetch):
        count = limit.args.get("count")
    elif limit is not None:
        count = limit.expression
    return (
        None if count is None else _whole(count, binding),
        0 if offset is None else _whole(offset.expression, binding),
    )


def position(node: exp.Expr, size: int, binding: Binding) -> int | None:
    """The entry of the select list, from 0, that an integer in GROUP BY or ORDER BY means; None for anything else."""
    if not isinstance(node, exp.Literal) or node.args["is_string"]:
        return None
    text = str(node.this)
    number = int(text) if text.isdecimal() and len(text) < 5 else 0
    if not 1 <= number <= size:
        raise binding.refuse(PlanNotSupported, f"The select list has entries 1 to {size}.", node)
    return number - 1


def group_nodes(
    select: exp.Select, items: list[Item], scope: Scope, has_aggregate: Callable[[exp.Expr], bool]
) -> list[exp.Expr]:
    """The entries of GROUP BY: a column's name comes before an alias, and a position is that entry of the select list.

    Raises:
        Unanswerable: positions that are not there, GROUPING SETS and their like.
    """
    group = select.args.get("group")
    if group is None:
        return []
    if group.args.get("all"):
        return [item.node for item in items if not has_aggregate(item.node)]
    found: list[exp.Expr] = []
    for node in group.expressions:
        inner = bare(node)
        number = position(inner, len(items), scope.binding)
        plain = isinstance(inner, exp.Column) and inner.args.get("table") is None
        if number is None and plain and isinstance(inner, exp.Column) and not scope.matches(inner):
            number = _named(inner, items)
        found.append(inner if number is None else items[number].node)
    return found


def _named(node: exp.Expr, items: list[Item]) -> int | None:
    """The entry that an alias names."""
    if (
        not isinstance(node, exp.Column)
        or node.args.get("table") is not None
        or not isinstance(node.this, exp.Identifier)
    ):
        return None
    name = name_of(node.this)
    return next((place for place, item in enumerate(items) if item.alias is not None and item.name == name), None)


def _whole(node: exp.Expr, binding: Binding) -> int:
    inner = bare(node)
    text = str(inner.this) if isinstance(inner, exp.Literal) and not inner.args["is_string"] else ""
    if not text.isdecimal() or len(text) > 10 or int(text) > LINES_MAX:
        raise binding.refuse(PlanNotSupported, "LIMIT and OFFSET take a whole number.", node)
    return int(text)


def _alias(node: exp.Expr) -> exp.Identifier | None:
    alias = node.args.get("alias") if isinstance(node, exp.Alias) else None
    return alias if isinstance(alias, exp.Identifier) else None


def _is_star(node: exp.Expr) -> bool:
    return isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star))


def _starred(star: exp.Expr, scope: Scope) -> list[Field]:
    """All columns, or those of one entry of FROM, but for withheld ones and those that USING has made one."""
    sources = scope.sources
    if isinstance(star, exp.Column):
        table = star.args.get("table")
        called = name_of(table) if isinstance(table, exp.Identifier) else ""
        sources = [source for source in sources if source.called == called]
        if not sources:
            raise scope.refuse(PlanNotSupported, "No table of this query has the name before the star.", star)
    found = [
        item
        for source in sources
        for item in source.fields
        if sources is not scope.sources or item.name not in source.hidden
    ]
    return [item for item in found if item.role is not ColumnRole.WITHHELD]


def _checked(alias: exp.Identifier, named: set[str], binding: Binding) -> str:
    name = name_of(alias)
    if name in named or not 1 <= len(name) <= LENGTH_MAX or not name.strip():
        place = binding.text.extent(alias)
        shorter = f'"{unique(name[:50].strip() or "value", named)}"'.replace('""', "_")
        detail = f"Names of output columns differ, and have 1 to {LENGTH_MAX} characters."
        raise binding.refuse(PlanNotSupported, detail, alias, binding.text.replaced(place, shorter))
    return name
