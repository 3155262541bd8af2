"""Names: which table a query is about, and which column an identifier means."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from sandbox.plan.spans import Text, span_of
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Column, ColumnRole, Dataset, Table
from sandbox.terms.refusal import (
    ColumnWithheld,
    NotAnswerable,
    PlanNotSupported,
    UnitColumnUse,
    UnknownColumn,
    UnknownTable,
)


def name_of(identifier: exp.Identifier) -> str:
    """The name an identifier means: lower case, unless it is quoted."""
    name = str(identifier.this)
    return name if identifier.args.get("quoted") else name.lower()


def quoted(name: str) -> str:
    """A name as SQL text, in quotes where it needs them."""
    return name if name.isidentifier() and name.isascii() and name.islower() else '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Scope:
    """The table of a query and the name by which the query calls it."""

    text: Text
    dataset: Dataset
    table: Table
    alias: str | None

    def refuse(self, kind: type[NotAnswerable], detail: str, node: exp.Expr, *candidates: str) -> Unanswerable:
        """The refusal of `node`."""
        return Unanswerable(kind(detail, span=self.text.span(node)), (*candidates, example(self.dataset, self.table)))

    def column(self, node: exp.Column) -> Column:
        """The usable column that `node` names.

        Raises:
            Unanswerable: UnknownColumn, ColumnWithheld, UnitColumnUse or UnknownTable.
        """
        column = self.any_column(node)
        if column.role is ColumnRole.UNIT:
            counted = f"count(distinct {quoted(column.name)})"
            detail = f"{column.name} identifies the unit: it can only be counted."
            unit_example = f"select {counted} as units from {quoted(self.dataset.name)}.{quoted(self.table.name)}"  # noqa: S608 - shown, never run
            raise self.refuse(UnitColumnUse, detail, node, unit_example)
        return column

    def any_column(self, node: exp.Column) -> Column:
        """The column that `node` names: a value or the unit."""
        self._check_qualifier(node)
        if not isinstance(node.this, exp.Identifier):
            raise self.refuse(PlanNotSupported, "This is not the name of a column.", node)
        name = name_of(node.this)
        column = self.table.column(name)
        if column is None:
            usable = [item.name for item in self.table.columns if item.role is not ColumnRole.WITHHELD]
            near = difflib.get_close_matches(name.lower(), usable, 3, 0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            candidates = [self.text.replaced(self.text.extent(node.this), quoted(item)) for item in near]
            raise self.refuse(UnknownColumn, f"{self.table.name} has no such column.{hint}", node.this, *candidates)
        if column.role is ColumnRole.WITHHELD:
            raise self.refuse(ColumnWithheld, f"The steward has withheld {column.name} from every query.", node)
        return column

    def _check_qualifier(self, node: exp.Column) -> None:
        table, dataset = node.args.get("table"), node.args.get("db")
        if table is None:
            return
        here = self.alias or self.table.name
        fits = isinstance(table, exp.Identifier) and name_of(table) == here
        if dataset is not None:
            named = isinstance(dataset, exp.Identifier) and name_of(dataset) == self.dataset.name
            fits = fits and named and self.alias is None
        if not fits:
            bare = self.text.replaced(self.text.extent(node), self.text.text(self.text.extent(node.this)))
            raise self.refuse(UnknownTable, f"The table of this query is called {here}.", node, bare)


def resolve(table: exp.Table, datasets: Mapping[str, Dataset], text: Text) -> Scope:
    """The table that FROM names.

    Raises:
        Unanswerable: UnknownTable, the same whether it does not exist or is not visible to the caller.
    """
    dataset_part, alias = table.args.get("db"), table.args.get("alias")
    if not isinstance(table.this, exp.Identifier):
        raise Unanswerable(PlanNotSupported("FROM names a table, nothing else.", span=text.span(table)))
    called = name_of(alias.this) if isinstance(alias, exp.TableAlias) and alias.this is not None else None
    name = name_of(table.this)
    wanted = name_of(dataset_part) if isinstance(dataset_part, exp.Identifier) else None
    found = [
        (dataset, item)
        for dataset in datasets.values()
        if wanted in (None, dataset.name) and (item := dataset.table(name)) is not None
    ]
    if len(found) == 1:
        return Scope(text, *found[0], called)
    place = _named(table, text)
    if found:
        found.sort(key=lambda pair: pair[0].name)
        choices = [f"{quoted(dataset.name)}.{quoted(item.name)}" for dataset, item in found]
        detail = f"Several datasets have a table {name}: write one of {', '.join(choices[:5])}."
    else:
        full = f"{wanted}.{name}" if wanted else name
        known = {
            f"{item.name}.{part.name}": f"{quoted(item.name)}.{quoted(part.name)}" for item, part in _all(datasets)
        }
        near = difflib.get_close_matches(full, known, 3, 0.5)
        if not near and wanted is None:
            near = [label for label in known if difflib.get_close_matches(name, [label.partition(".")[2]], 1)][:3]
        choices = [known[label] for label in near]
        hint = f" Did you mean {near[0]}?" if near else ""
        detail = f"There is no such table, or you hold no grant for it.{hint}"
    refusal = UnknownTable(detail, span=span_of(text.sql, *place))
    raise Unanswerable(refusal, tuple(text.replaced(place, choice) for choice in choices))


def example(dataset: Dataset, table: Table) -> str:
    """A query about this table that is always answerable: counts by its first public keys, if any."""
    source = f"{quoted(dataset.name)}.{quoted(table.name)}"
    key = next((column.name for column in table.columns if column.keys and column.role is ColumnRole.VALUE), None)
    if key is None:
        return f"select count(*) as n from {source}"  # noqa: S608 - shown, never run
    return f"select {quoted(key)}, count(*) as n from {source} group by {quoted(key)}"  # noqa: S608 - shown, never run


def _all(datasets: Mapping[str, Dataset]) -> list[tuple[Dataset, Table]]:
    return [(dataset, table) for dataset in datasets.values() for table in dataset.tables]


def _named(table: exp.Table, text: Text) -> tuple[int, int]:
    """Offsets of dataset.table without the alias."""
    parts = [part for part in (table.args.get("db"), table.this) if isinstance(part, exp.Identifier)]
    extents = [text.extent(part) for part in parts]
    return min(start for start, _ in extents), max(end for _, end in extents)
