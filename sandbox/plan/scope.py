"""Names: which column of which entry of FROM an identifier means."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from sandbox.plan.binding import Binding
from sandbox.plan.calls import CLOCK_DETAIL, CLOCKS
from sandbox.plan.facts import Facts
from sandbox.plan.naming import bare, name_of, quoted
from sandbox.plan.nodes import Expression
from sandbox.plan.sources import Field, Source
from sandbox.plan.spans import Text
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import ColumnRole
from sandbox.terms.refusal import (
    ColumnWithheld,
    NotAnswerable,
    PlanNotSupported,
    UnitColumnUse,
    UnknownColumn,
    UnknownTable,
)

_FEW = 6
"""How many columns are named where a name is like none of them."""

_COMPARED = (exp.EQ, exp.NEQ, exp.Like, exp.ILike, exp.In, exp.GT, exp.GTE, exp.LT, exp.LTE)

Hook = Callable[[exp.Expr], Expression | None]


@dataclass(slots=True)
class Scope:
    """The columns of a block's entries of FROM; see `scope_terms.Columns`.

    `outer` is the block around a correlated subquery: a name that means nothing here is looked for there. `aliases` are
    names that the select list has given so far: they come after the columns. `hook` gives other nodes a meaning.
    """

    binding: Binding
    sources: list[Source]
    noisy: bool = False
    outer: "Scope | None" = None
    aliases: dict[str, Expression] = field(default_factory=dict)
    labels: dict[str, exp.Expr] = field(default_factory=dict)
    """What the aliases of the select list stand for in the text: shown where one is used too early."""

    hook: Hook | None = None

    @property
    def text(self) -> Text:
        return self.binding.text

    @property
    def facts(self) -> Mapping[str, Facts]:
        return self.binding.facts

    def refuse(self, kind: type[NotAnswerable], detail: str, node: exp.Expr, *candidates: str) -> Unanswerable:
        return self.binding.refuse(kind, detail, node, *candidates)

    def special(self, node: exp.Expr) -> Expression | None:
        return self.hook(node) if self.hook is not None else None

    @property
    def unit_name(self) -> str | None:
        several = len(self.sources) > 1
        for source in self.sources:
            for item in source.fields:
                if item.is_unit and not item.optional:
                    qualified = several and bool(source.called)
                    return f"{quoted(source.called)}.{quoted(item.name)}" if qualified else quoted(item.name)
        return None

    def is_unit(self, node: exp.Expr) -> bool:
        inner = bare(node)
        if not isinstance(inner, exp.Column) or not isinstance(inner.this, exp.Identifier):
            return False
        found = self.matches(inner)
        return len(found) == 1 and found[0][1].is_unit and not found[0][1].optional

    def column(self, node: exp.Column) -> tuple[Expression, Facts]:
        alias = self._alias(node)
        if alias is not None:
            return self.binding.use(alias, node), self.binding.known(alias)
        found = self.find(node)[1]
        if found.expression is None:
            counted = f"count(distinct {self.text.text(self.text.extent(node))})"
            instead = f"select {counted} as units from {self._from(node)}"  # noqa: S608 - shown, never run
            detail = f"{found.name} identifies the unit: it can only be counted."
            if found.optional:
                detail = f"An outer join may leave {found.name} empty here: name that of the first table."
            raise self.refuse(UnitColumnUse, detail, node, instead)
        return self.binding.use(found.expression, node), self.binding.known(found.expression)

    def find(self, node: exp.Column) -> tuple[Source, Field]:
        """The entry of FROM and its column that `node` names: a value or the unit's identifier.

        Raises:
            Unanswerable: UnknownTable, UnknownColumn, ColumnWithheld, or a name that several entries have.
        """
        if not isinstance(node.this, exp.Identifier):
            raise self.refuse(PlanNotSupported, "This is not the name of a column.", node)
        found = self.matches(node)
        if not found:
            raise self._unknown(node, node.this)
        if len(found) > 1:
            choices = [f"{quoted(source.called)}.{quoted(item.name)}" for source, item in found]
            detail = f"Several tables of this query have such a column: write {' or '.join(choices[:3])}."
            place = self.text.extent(node)
            raise self.refuse(UnknownColumn, detail, node, *(self.text.replaced(place, new) for new in choices[:2]))
        if found[0][1].role is ColumnRole.WITHHELD:
            detail = f"The steward has withheld {found[0][1].name} from every query."
            raise self.refuse(ColumnWithheld, detail, node)
        return found[0]

    def matches(self, node: exp.Column) -> list[tuple[Source, Field]]:
        """What a name can mean here, else in the block around."""
        if not isinstance(node.this, exp.Identifier):
            return []
        name, table = name_of(node.this), node.args.get("table")
        found: list[tuple[Source, Field]] = []
        for source in self.sources:
            if table is not None and not self._called(source, node):
                continue
            if table is None and name in source.hidden:
                continue
            found += [(source, item) for item in source.named(name)]
        if not found and self.outer is not None and not any(self._called(source, node) for source in self.sources):
            return self.outer.matches(node)
        return found

    def knows(self, node: exp.Column) -> bool:
        """Whether a name is one of this block's own."""
        return any(source in self.sources for source, _ in self.matches(node))

    def _called(self, source: Source, node: exp.Column) -> bool:
        table, dataset = node.args.get("table"), node.args.get("db")
        if not isinstance(table, exp.Identifier) or name_of(table) != source.called:
            return False
        return dataset is None or (isinstance(dataset, exp.Identifier) and name_of(dataset) == source.dataset)

    def _alias(self, node: exp.Column) -> Expression | None:
        """What an alias of the select list stands for, where no column has the name."""
        plain = node.args.get("table") is None and isinstance(node.this, exp.Identifier)
        if not plain or name_of(node.this) not in self.aliases or self.matches(node):
            return None
        return self.aliases[name_of(node.this)]

    def _from(self, node: exp.Column) -> str:
        """The entry of FROM that has the column, as SQL text."""
        source = self.matches(node)[0][0]
        where = source.node
        return self.text.text(self.text.extent(where)) if where is not None else quoted(source.called)

    def _unknown(self, node: exp.Column, named: exp.Identifier) -> Unanswerable:
        name = name_of(named)
        here = [source for source in self.sources if node.args.get("table") is None or self._called(source, node)]
        if not here:
            callers = " and ".join(source.called for source in self.sources[:3])
            bare_name = self.text.replaced(self.text.extent(node), self.text.text(self.text.extent(named)))
            called = f"The table of this query is called {callers}."
            if len(self.sources) > 1:
                called = f"The tables of this query are called {callers}."
            return self.refuse(UnknownTable, called, node, bare_name)
        if name in CLOCKS and node.args.get("table") is None:
            place = self.text.extent(node)
            return self.refuse(PlanNotSupported, CLOCK_DETAIL, node, self.text.replaced(place, "date '2024-01-31'"))
        usable = [item.name for source in here for item in source.fields if item.role is not ColumnRole.WITHHELD]
        near = difflib.get_close_matches(name.lower(), [*usable, *self._labels(node)], 3, 0.5)
        hint = f" Did you mean {near[0]}?" if near else _listed(usable)
        place = self.text.extent(named)
        candidates = [self.text.replaced(place, quoted(item)) for item in near]
        meant = meant_text(node, named)
        if meant is not None:
            hint, candidates = " A text stands in single quotes.", [self.text.replaced(self.text.extent(node), meant)]
        elif not near and len(usable) <= _FEW:
            candidates = [self.text.replaced(place, quoted(item)) for item in usable]
        if name in self.labels and node.args.get("table") is None:
            label = self.text.text(self.text.extent(self.labels[name]))
            candidates.insert(0, self.text.replaced(self.text.extent(node), f"({label})"))
            hint = " WHERE does not see the names that the select list gives."
        called = here[0].called or "The query in FROM"
        detail = (
            f"{called} has no such column.{hint}"
            if len(here) == 1
            else f"No table of this query has such a column.{hint}"
        )
        return self.refuse(UnknownColumn, detail, named, *candidates)

    def _labels(self, node: exp.Column) -> list[str]:
        """Names of the select list that a name outside WHERE and of no table can mean."""
        if node.args.get("table") is not None or node.find_ancestor(exp.Where, exp.Join) is not None:
            return []
        return list(self.labels)


def meant_text(node: exp.Column, named: exp.Identifier) -> str | None:
    """The text that an unknown name is where it is compared with something: "F" and F for 'F'; None elsewhere."""
    name = str(named.this)
    parent = node.parent
    if not isinstance(parent, _COMPARED) or node is parent.this or node.args.get("table") is not None:
        return None
    if isinstance(parent.this, exp.Literal):
        return None
    bare_name = name.strip("‘’“”´`")
    if not named.args.get("quoted") and bare_name == name and not name.isupper():
        return None
    return "'" + bare_name.replace("'", "''") + "'"


def _listed(usable: list[str]) -> str:
    """The columns that there are, as far as they are few."""
    if not usable:
        return ""
    more = " and others" if len(usable) > _FEW else ""
    return f" Its columns are {', '.join(usable[:_FEW])}{more}."
