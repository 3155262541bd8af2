"""What the binding of one query shares: its text, the datasets, what is known of columns, fresh names, and the limits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from sandbox.plan.answers import Measured, MeasuredColumn
from sandbox.plan.facts import Facts
from sandbox.plan.measurement import Measurement
from sandbox.plan.nodes import ColumnRef, Expression
from sandbox.plan.ranges import facts_of
from sandbox.plan.rewrite import normalise
from sandbox.plan.sources import size_of
from sandbox.plan.spans import Text
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Dataset
from sandbox.terms.refusal import NotAnswerable, SqlTooLarge

EXPRESSIONS_MAX = 2_000
"""Nodes of expressions that subqueries bring into the blocks around them, and of all expressions of a plan."""

RELATIONS_MAX = 64
MEASUREMENTS_MAX = 16
BLOCKS_MAX = 64
"""Query blocks that are bound: a CTE counts each time it is used."""

NESTING_MAX = 24
"""Blocks within blocks, CTEs in CTEs among them."""


@dataclass(slots=True)
class Binding:
    """State of one query's binding. Names of columns below are fresh, so that no two relations share one."""

    text: Text
    datasets: Mapping[str, Dataset]
    facts: dict[str, Facts] = field(default_factory=dict)
    anchors: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Column → the (dataset, table, key column) whose values it holds: equal values then belong to one unit."""

    owners: dict[str, int] = field(default_factory=dict)
    """Column → number of the entry of FROM that brings it into the block that is being bound."""

    measurements: list[Measurement] = field(default_factory=list)
    units: dict[int, str] = field(default_factory=dict)
    """Number of an entry of FROM → its unit's identifier as SQL text."""

    unused: dict[int, Callable[[], object]] = field(default_factory=dict)
    """Queries of WITH that nobody has named so far, by the identity of their node, each with how it is bound."""

    unit_space: str = ""
    examples: tuple[str, ...] = ()
    """A query that is always answerable, about the first table that was named."""

    names: int = 0
    relations: int = 0
    inlined: int = 0
    blocks: int = 0

    def fresh(self, letter: str) -> str:
        """A name that no column has."""
        self.names += 1
        return f"{letter}{self.names}"

    def number(self) -> int:
        """A number that no entry of FROM has."""
        self.names += 1
        return self.names

    def refuse(self, kind: type[NotAnswerable], detail: str, node: exp.Expr, *candidates: str) -> Unanswerable:
        """The refusal of `node`."""
        return Unanswerable(kind(detail, span=self.text.span(node)), (*candidates, *self.examples))

    def known(self, expression: Expression) -> Facts:
        """What is known of an expression's values."""
        return facts_of(expression, self.facts)

    def column(self, letter: str, facts: Facts) -> ColumnRef:
        """A new column of which `facts` are known."""
        name = self.fresh(letter)
        self.facts[name] = facts
        return ColumnRef(name, facts.type)

    def use(self, expression: Expression, node: exp.Expr) -> Expression:
        """An expression that takes the place of a name: the copies add up, so that no text unfolds into a huge plan."""
        if not isinstance(expression, ColumnRef):
            self.inlined += size_of(expression)
            if self.inlined > EXPRESSIONS_MAX:
                raise self.refuse(SqlTooLarge, "With its subqueries put in place this query is too long.", node)
        return expression

    def relation(self, node: exp.Expr) -> None:
        """One more table, grouping, window or join."""
        self.relations += 1
        if self.relations > RELATIONS_MAX:
            raise self.refuse(SqlTooLarge, f"A query has at most {RELATIONS_MAX} tables, joins and windows.", node)

    def measured(self, measurement: Measurement, columns: tuple[MeasuredColumn, ...]) -> Measured:
        """The measured table of one more measurement."""
        self.measurements.append(measurement)
        return Measured(len(self.measurements) - 1, columns)

    def tidy(self, expression: Expression) -> Expression:
        """The normal form."""
        return normalise(expression)
