"""A checked syntax tree becomes a plan: select list, groups, filter, bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from sandbox.plan.measure import Aggregate, Measures, bare_column
from sandbox.plan.nodes import ContributionBounds, Expression, GroupKey, KeyOutput, Output, Plan
from sandbox.plan.parse import Parsed
from sandbox.plan.rewrite import TRUE, normalise
from sandbox.plan.scalar import bind_predicate
from sandbox.plan.scope import Scope, example, name_of, resolve
from sandbox.plan.spans import Text
from sandbox.plan.syntax import check_syntax, check_tokens
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Column, ColumnRole, Dataset
from sandbox.terms.refusal import KeysNotPublic, PlanNotSupported, RowsNotReleased, TooManyGroups, UnitColumnUse

GROUPS_MAX = 100_000
"""Groups in one answer."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One entry of the select list: what it is without alias and brackets, and the alias in the text."""

    node: exp.Expr
    whole: exp.Expr
    alias: exp.Identifier | None


def bind(parsed: Parsed, datasets: Mapping[str, Dataset]) -> Plan:
    """The plan of a parsed query over the datasets that the caller may know of.

    Raises:
        Unanswerable: with the refusal and candidates for a rewrite.
    """
    text = Text(parsed.sql, parsed.tokens)
    source = parsed.tree.args.get("from_")
    check_syntax(parsed)
    if not isinstance(source, exp.From) or not isinstance(source.this, exp.Table):
        raise Unanswerable(PlanNotSupported("A query needs FROM and one table.", span=text.span(parsed.tree)))
    scope = resolve(source.this, datasets, text)
    items = [_item(node) for node in parsed.tree.expressions]
    if not items:  # DuckDB reads SELECT FROM t, without a list
        raise scope.refuse(PlanNotSupported, "A query needs at least one aggregate.", parsed.tree, _counting(text))
    keys, columns = _groups(parsed.tree.args.get("group"), items, scope)
    measures = Measures(scope)
    outputs = _outputs(items, columns, measures)
    where = _where(parsed.tree.args.get("where"), scope)
    check_tokens(parsed)
    table = scope.table
    groups = prod(len(key.values) for key in keys)
    rows = min(table.max_rows_per_unit, table.rows_max)
    return Plan(
        unit_space=scope.dataset.unit_space,
        dataset=scope.dataset.name,
        table=table.name,
        rows_max=table.rows_max,
        where=where,
        keys=keys,
        bounds=ContributionBounds(rows, min(table.max_groups_per_unit, groups), rows),
        primitives=tuple(measures.primitives),
        outputs=outputs,
    )


def _counting(text: Text) -> str:
    """The text with a count as its select list."""
    keyword = text.keyword(TokenType.SELECT) or (0, 0)
    return text.replaced((keyword[1], keyword[1]), " count(*) as n")


def _where(node: exp.Expr | None, scope: Scope) -> Expression | None:
    if node is None:
        return None
    where = normalise(bind_predicate(node.this, scope))
    return None if where == TRUE else where


def _item(node: exp.Expr) -> _Item:
    alias = node.args.get("alias") if isinstance(node, exp.Alias) else None
    inner = node.this if isinstance(node, exp.Alias) else node
    while isinstance(inner, exp.Paren):
        inner = inner.this
    return _Item(inner, node, alias if isinstance(alias, exp.Identifier) else None)


def _groups(group: exp.Expr | None, items: list[_Item], scope: Scope) -> tuple[tuple[GroupKey, ...], list[str]]:
    keys: dict[str, GroupKey] = {}
    for node in group.expressions if group is not None else ():
        column = _group_column(node, items, scope)
        if column.keys is None:
            detail = f"{column.name} has no declared keys, so its values may not show."
            raise scope.refuse(KeysNotPublic, detail, node)
        keys[column.name] = GroupKey(column.name, column.type, column.keys)
        if prod(len(key.values) for key in keys.values()) > GROUPS_MAX:
            raise scope.refuse(TooManyGroups, f"A query has at most {GROUPS_MAX} groups.", node)
    return tuple(keys.values()), list(keys)


def _group_column(node: exp.Expr, items: list[_Item], scope: Scope) -> Column:
    """The column that an entry of GROUP BY means: a column's name before an alias, or a position."""
    inner = node
    while isinstance(inner, exp.Paren):
        inner = inner.this
    if isinstance(inner, exp.Literal) and not inner.args["is_string"]:
        position = str(inner.this)
        number = int(position) if position.isdecimal() and len(position) < 5 else 0
        if not 1 <= number <= len(items):
            detail = f"The select list has entries 1 to {len(items)}."
            raise scope.refuse(PlanNotSupported, detail, node)
        inner = items[number - 1].node
    elif isinstance(inner, exp.Column) and inner.args.get("table") is None and isinstance(inner.this, exp.Identifier):
        name = name_of(inner.this)
        named = [item for item in items if item.alias is not None and name_of(item.alias) == name]
        if scope.table.column(name) is None and named:
            inner = named[0].node
    if isinstance(inner, exp.Column):
        return scope.column(inner)
    raise scope.refuse(KeysNotPublic, "Groups are columns with declared keys, not expressions.", node)


def _outputs(items: list[_Item], keys: list[str], measures: Measures) -> tuple[Output, ...]:
    scope = measures.scope
    taken = {name_of(item.alias) for item in items if item.alias is not None}
    named: set[str] = set()
    outputs: list[Output] = []
    for item in items:
        if item.alias is not None:
            name = _checked_alias(item.alias, named, scope)
        else:
            name = _unique(_default_name(item.node), taken | named)
        named.add(name)
        if isinstance(item.node, exp.Column):
            outputs.append(KeyOutput(name, keys.index(_key(item, keys, scope))))
        elif isinstance(item.node, Aggregate):
            outputs.append(measures.add(item.node, name))
        else:
            raise _not_an_output(item, scope)
    if not measures.primitives:
        last = scope.text.extent(items[-1].whole)
        counted = scope.text.replaced((last[1], last[1]), ", count(*) as n")
        detail = "A query needs at least one aggregate: the keys alone are public."
        raise scope.refuse(PlanNotSupported, detail, items[0].node, counted)
    return tuple(outputs)


def _checked_alias(alias: exp.Identifier, named: set[str], scope: Scope) -> str:
    name = name_of(alias)
    if name in named or not 1 <= len(name) <= 63 or not name.strip():
        detail = "Names of output columns differ, and have 1 to 63 characters."
        place = scope.text.extent(alias)
        shorter = scope.text.replaced(place, f'"{_unique(name[:50].strip() or "value", named)}"'.replace('""', "_"))
        raise scope.refuse(PlanNotSupported, detail, alias, shorter)
    return name


def _unique(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _default_name(node: exp.Expr) -> str:
    """The column's name; count, sum_cost, avg_cost, count_patient_id; sum and avg for expressions."""
    if isinstance(node, exp.Column):
        return node.name.lower()
    argument = node.args.get("this")
    if isinstance(argument, exp.Distinct) and argument.expressions:
        argument = argument.expressions[0]
    function = type(node).__name__.lower() if isinstance(node, Aggregate) else "value"
    return f"{function}_{argument.name.lower()}"[:63] if isinstance(argument, exp.Column) else function


def _key(item: _Item, keys: list[str], scope: Scope) -> str:
    """The group key that a plain column of the select list shows."""
    assert isinstance(item.node, exp.Column)
    if isinstance(item.node.this, exp.Star):
        raise Unanswerable(
            RowsNotReleased("Rows never leave: ask for an aggregate of them.", span=scope.text.span(item.node)),
            _star_candidates(scope),
        )
    column = scope.any_column(item.node)
    if column.name in keys:
        return column.name
    place = scope.text.extent(item.node)
    inner = scope.text.text(place)
    if column.role is ColumnRole.UNIT:
        counted = scope.text.replaced(place, f"count(distinct {inner})")
        raise scope.refuse(
            UnitColumnUse, f"{column.name} identifies the unit: it can only be counted.", item.node, counted
        )
    if column.keys is not None:
        raise bare_column(item.node, scope, (_with_group(scope, inner),))
    function = "avg" if column.type.is_number and column.low is not None else "count"
    raise bare_column(item.node, scope, (scope.text.replaced(place, f"{function}({inner})"),))


def _with_group(scope: Scope, column: str) -> str:
    """The text with `column` added to GROUP BY."""
    text = scope.text
    group = text.clause(TokenType.GROUP_BY)
    if group is not None:
        return text.replaced((group[1], group[1]), f", {column}")
    after = text.clause(TokenType.WHERE) or text.clause(TokenType.FROM) or (0, len(text.sql))
    return text.replaced((after[1], after[1]), f" group by {column}")


def _star_candidates(scope: Scope) -> tuple[str, ...]:
    return (example(scope.dataset, scope.table),)


def _not_an_output(item: _Item, scope: Scope) -> Unanswerable:
    """Refuses constants, and expressions: of aggregates, or of row values."""
    place = scope.text.extent(item.whole)
    inner = [node for node in item.node.walk() if isinstance(node, Aggregate)]
    if isinstance(item.node, exp.Star):
        return Unanswerable(
            RowsNotReleased("Rows never leave: ask for an aggregate of them.", span=scope.text.span(item.node)),
            _star_candidates(scope),
        )
    if inner:
        apart = ", ".join(dict.fromkeys(scope.text.text(scope.text.extent(node)) for node in reversed(inner)))
        detail = "Arithmetic with aggregates is not available: ask for each, and compute with the noisy answer."
        return scope.refuse(PlanNotSupported, detail, item.node, scope.text.replaced(place, apart))
    if any(isinstance(node, exp.Column) for node in item.node.walk()):
        average = scope.text.replaced(place, f"avg({scope.text.text(scope.text.extent(item.node))})")
        counted = scope.text.replaced(place, "count(*)")
        return bare_column(item.node, scope, (average, counted))
    detail = "A constant is no question: the select list has group keys and aggregates."
    return scope.refuse(PlanNotSupported, detail, item.node, scope.text.replaced(place, "count(*)"))
