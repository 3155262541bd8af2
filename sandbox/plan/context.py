"""Where a query block stands: what its names can mean besides stored tables, and how blocks within it are bound."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from sqlglot import exp

from sandbox.plan.binding import BLOCKS_MAX, NESTING_MAX, Binding
from sandbox.plan.conditions import Condition
from sandbox.plan.joins import Piece
from sandbox.plan.naming import name_of
from sandbox.plan.nodes import Expression
from sandbox.plan.scope import Scope
from sandbox.plan.sources import Block, Field
from sandbox.terms.refusal import PlanNotSupported, SqlTooLarge

Found: TypeAlias = tuple[Expression, Piece, list[Condition]]
"""A value, the rows that hold it, one at most for each row around, and the conditions under which they are joined."""


@dataclass(frozen=True, slots=True)
class Context:
    """`ctes` are the WITH queries that can be named here, each with the context it was written in. `bind` binds a block;
    `ask` binds the query of EXISTS or IN: its scope, its block and its conditions on the block around. `value` binds a query
    in brackets that stands for one value of the unit's own rows, None where it is another.
    """

    binding: Binding
    bind: "Callable[[exp.Expr, Context], Block]"
    ask: "Callable[[exp.Select, Context, Scope], tuple[Scope, Block, list[Condition]]]"
    ctes: "Mapping[str, tuple[exp.CTE, Context]]"
    value: "Callable[[exp.Subquery, Context, Scope], Found | None]"
    depth: int = 0
    around: Scope | None = None
    """The block around a subquery in a condition, whose columns it may be correlated with."""

    def inner(self, node: exp.Expr) -> "Context":
        """The context of a block within this one.

        Raises:
            Unanswerable: SqlTooLarge.
        """
        binding = self.binding
        binding.blocks += 1
        if self.depth >= NESTING_MAX or binding.blocks > BLOCKS_MAX:
            detail = (
                f"A query has at most {BLOCKS_MAX} subqueries, {NESTING_MAX} within each other; WITH counts each use."
            )
            raise binding.refuse(SqlTooLarge, detail, node)
        return replace(self, depth=self.depth + 1, around=None)

    def correlated(self, outer: Scope) -> "Context":
        """The context of a query whose names may mean columns of the block around it."""
        return replace(self, around=outer)

    def with_queries(self, node: exp.Expr) -> "Context":
        """The same context and the queries of the block's WITH, each of which sees those before it."""
        known = dict(self.ctes)
        clause = node.args.get("with_")
        written_here = clause.expressions if clause is not None else []
        for cte in written_here:
            name = name_of(cte.args["alias"].this)
            if name in known and any(
                name == name_of(other.args["alias"].this) and other is not cte for other in written_here
            ):
                raise self.binding.refuse(
                    PlanNotSupported, f"Two queries of WITH are called {name}.", cte.args["alias"]
                )
            written = replace(self, ctes=dict(known), around=None)
            known[name] = (cte, written)
            self.binding.unused[id(cte)] = partial(written.check, cte)
        return replace(self, ctes=known)

    def check(self, cte: exp.CTE) -> None:
        """Binds a query of WITH that nobody uses, so that nothing of a text goes unread."""
        self.bind(cte.this, self.inner(cte))


def called_by(fields: tuple[Field, ...], alias: exp.Expr | None, context: Context) -> tuple[Field, ...]:
    """The columns under the names that `t (a, b)` gives them.

    Raises:
        Unanswerable: more names than columns.
    """
    names = alias.args.get("columns") or [] if alias is not None else []
    if len(names) > len(fields):
        detail = f"There are {len(fields)} columns to name."
        raise context.binding.refuse(PlanNotSupported, detail, names[len(fields)])
    given = [replace(item, name=name_of(name)) for item, name in zip(fields, names, strict=False)]
    return (*given, *fields[len(given) :])
