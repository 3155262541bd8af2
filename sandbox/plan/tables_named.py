"""Which stored table a name in FROM means, among those that the caller may know of; and its scan."""

import difflib
from collections.abc import Mapping

from sqlglot import exp

from sandbox.plan.binding import Binding
from sandbox.plan.naming import name_of, quoted
from sandbox.plan.nodes import ColumnRef
from sandbox.plan.ranges import column_facts
from sandbox.plan.relations import Scan
from sandbox.plan.sources import Field, Rows
from sandbox.plan.spans import Text, span_of
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Column, ColumnRole, Dataset, Table
from sandbox.terms.refusal import PlanNotSupported, UnknownTable


def resolve(table: exp.Table, datasets: Mapping[str, Dataset], text: Text) -> tuple[Dataset, Table]:
    """The stored table that an entry of FROM names.

    Raises:
        Unanswerable: UnknownTable, the same whether it does not exist or is not visible to the caller.
    """
    dataset_part = table.args.get("db")
    if not isinstance(table.this, exp.Identifier):
        raise Unanswerable(PlanNotSupported("FROM names a table, nothing else.", span=text.span(table)))
    name = name_of(table.this)
    wanted = name_of(dataset_part) if isinstance(dataset_part, exp.Identifier) else None
    found = [
        (dataset, item)
        for dataset in datasets.values()
        if wanted in (None, dataset.name) and (item := dataset.table(name)) is not None
    ]
    if len(found) == 1:
        return found[0]
    place = _named(table, text)
    if found:
        found.sort(key=lambda pair: pair[0].name)
        choices = [f"{quoted(dataset.name)}.{quoted(item.name)}" for dataset, item in found]
        detail = f"Several datasets have a table {name}: write one of {', '.join(choices[:5])}."
    else:
        near = _near(name, wanted, datasets)
        choices = list(near.values())
        hint = f" Did you mean {next(iter(near))}?" if near else ""
        detail = f"There is no such table, or you hold no grant for it.{hint}"
    refusal = UnknownTable(detail, span=span_of(text.sql, *place))
    raise Unanswerable(refusal, tuple(text.replaced(place, choice) for choice in choices))


def stored_rows(table: exp.Table, binding: Binding) -> tuple[Rows, Dataset, Table]:
    """The rows of a stored table: all its usable columns under fresh names.

    Raises:
        Unanswerable: UnknownTable; or a table of another unit space than those before it.
    """
    dataset, stored = resolve(table, binding.datasets, binding.text)
    binding.relation(table)
    if not dataset.public:
        if binding.unit_space not in ("", dataset.unit_space):
            detail = "One query is about one kind of unit: ask about each unit space by itself."
            raise binding.refuse(PlanNotSupported, detail, table)
        binding.unit_space = dataset.unit_space
        binding.examples = binding.examples or (example(dataset, stored),)
    prefix = f"{binding.fresh('s')}."
    fields: list[Field] = []
    columns: list[Column] = []
    for column in stored.columns:
        if _leads_away(column, dataset, stored):
            continue
        role = ColumnRole.UNIT if _names_unit(column, dataset, stored) else column.role
        if role is not ColumnRole.VALUE:
            fields.append(Field(column.name, None, role))
            continue
        name = prefix + column.name
        columns.append(column)
        binding.facts[name] = column_facts(column)
        anchor = None if dataset.public else _anchor(column.name, dataset, stored)
        if anchor is not None:
            binding.anchors[name] = anchor
        fields.append(Field(column.name, ColumnRef(name, column.type)))
    read = tuple((column.name, column.type) for column in sorted(columns, key=lambda item: item.name))
    rows = 0 if dataset.public else stored.max_rows_per_unit
    return Rows(Scan(dataset.name, stored.name, prefix, read, stored.rows_max, rows), tuple(fields)), dataset, stored


def example(dataset: Dataset, table: Table) -> str:
    """A query about this table that is always answerable: counts by its first public keys, if any."""
    source = f"{quoted(dataset.name)}.{quoted(table.name)}"
    key = next((column.name for column in table.columns if column.keys and column.role is ColumnRole.VALUE), None)
    if key is None:
        return f"select count(*) as n from {source}"  # noqa: S608 - shown, never run
    return f"select {quoted(key)}, count(*) as n from {source} group by {quoted(key)}"  # noqa: S608 - shown, never run


def _names_unit(column: Column, dataset: Dataset, table: Table) -> bool:
    """Whether the column holds the unit's identifier: its own, or along a link whose key is one."""
    if column.role is not ColumnRole.VALUE or dataset.public:
        return column.role is ColumnRole.UNIT
    if column.name == table.unit:
        return True
    link = table.link
    through = dataset.table(link.through) if link is not None and link.column == column.name else None
    key = through.column(link.key) if through is not None and link is not None else None
    return key is not None and through is not None and _names_unit(key, dataset, through)


def _leads_away(column: Column, dataset: Dataset, table: Table) -> bool:
    """Whether a link leads to a key that the caller may not know of: it may be the unit's identifier, so it is not there."""
    link = table.link
    if link is None or link.column != column.name:
        return False
    through = dataset.table(link.through)
    return through is None or through.column(link.key) is None


def _anchor(name: str, dataset: Dataset, table: Table) -> tuple[str, str, str] | None:
    """The key whose values a column holds. Rows of one key value are one row, or belong to it: so they are of one unit."""
    link = table.link
    if link is not None and link.column == name:
        return dataset.name, link.through, link.key
    return (dataset.name, table.name, name) if table.key == (name,) else None


def _near(name: str, wanted: str | None, datasets: Mapping[str, Dataset]) -> dict[str, str]:
    """Tables whose names are like the one asked for, by label, as SQL text."""
    full = f"{wanted}.{name}" if wanted else name
    known = {
        f"{item.name}.{part.name}": f"{quoted(item.name)}.{quoted(part.name)}"
        for item in datasets.values()
        for part in item.tables
    }
    near = difflib.get_close_matches(full, known, 3, 0.5)
    if not near and wanted is None:
        near = [label for label in known if difflib.get_close_matches(name, [label.partition(".")[2]], 1)][:3]
    return {label: known[label] for label in near}


def _named(table: exp.Table, text: Text) -> tuple[int, int]:
    """Offsets of dataset.table without the alias."""
    parts = [part for part in (table.args.get("db"), table.this) if isinstance(part, exp.Identifier)]
    extents = [text.extent(part) for part in parts]
    return min(start for start, _ in extents), max(end for _, end in extents)
