"""The scope of a block that aggregates: its columns are the group keys, and aggregates have a meaning of their own."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from sandbox.plan.aggregate_calls import is_aggregate
from sandbox.plan.facts import Facts
from sandbox.plan.naming import name_of
from sandbox.plan.nodes import ColumnRef, Expression
from sandbox.plan.ranges import facts_of
from sandbox.plan.rewrite import normalise
from sandbox.plan.scalar import bind_scalar
from sandbox.plan.scope import Scope
from sandbox.plan.spans import Text
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.refusal import NotAnswerable, PlanNotSupported

_QUERIES = (exp.Subquery, exp.Select, exp.SetOperation)


def holds_aggregate(node: exp.Expr) -> bool:
    """Whether an expression holds an aggregate of this block: not of a subquery in it, nor one over a window."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, exp.Window | exp.Subquery | exp.Select | exp.SetOperation):
            continue
        if is_aggregate(current):
            return True
        waiting += list(current.iter_expressions())
    return False


@dataclass(slots=True)
class GroupScope:
    """See `scope_terms.Columns`. `rows` is the scope below; `keys` the column that shows each key, by its normal form.

    `aggregate` gives the column of an aggregate call, `scalar` the value of a subquery, `alone` refuses a column that is
    neither; `follows` gives the value of one that has the same value in all rows of a group. `extra` is what is known of
    columns that the binding does not know.
    """

    rows: Scope
    keys: dict[Expression, ColumnRef]
    aggregate: Callable[[exp.Expr], Expression]
    alone: Callable[[exp.Column], Unanswerable]
    noisy: bool
    scalar: Callable[[exp.Subquery], Expression] | None = None
    follows: Callable[[Expression], Expression | None] | None = None
    extra: Callable[[], Mapping[str, Facts]] = dict
    aliases: dict[str, Expression] = field(default_factory=dict)

    @property
    def text(self) -> Text:
        return self.rows.text

    @property
    def facts(self) -> Mapping[str, Facts]:
        return ChainMap(dict(self.extra()), self.rows.binding.facts)

    def refuse(self, kind: type[NotAnswerable], detail: str, node: exp.Expr, *candidates: str) -> Unanswerable:
        return self.rows.refuse(kind, detail, node, *candidates)

    @property
    def unit_name(self) -> str | None:
        return self.rows.unit_name

    def is_unit(self, node: exp.Expr) -> bool:
        return self.rows.is_unit(node)

    def column(self, node: exp.Column) -> tuple[Expression, Facts]:
        plain = node.args.get("table") is None and isinstance(node.this, exp.Identifier)
        alias = self.aliases.get(name_of(node.this)) if plain else None
        if alias is None or self.rows.matches(node):
            found = self.rows.find(node)[1]
            if found.expression is None:
                return self.rows.column(node)
            key = self.keys.get(normalise(found.expression))
            if key is None and self.follows is not None:
                value = self.follows(normalise(found.expression))
                if value is not None:
                    return value, facts_of(value, self.facts)
            if key is not None:
                return key, self.facts[key.name]
        if alias is None:
            raise self.alone(node)
        return self.rows.binding.use(alias, node), facts_of(alias, self.facts)

    def special(self, node: exp.Expr) -> Expression | None:
        if is_aggregate(node):
            return self.aggregate(node)
        if isinstance(node, exp.Window):
            detail = "A window stands in a subquery of rows, beside no aggregates of the whole query."
            raise self.refuse(PlanNotSupported, detail, node)
        if isinstance(node, exp.Subquery) and self.scalar is not None:
            return self.scalar(node)
        return self._key(node)

    def _key(self, node: exp.Expr) -> Expression | None:
        """The column of the key that a whole expression is."""
        simple = isinstance(node, exp.Column | exp.Literal | exp.Paren | exp.Boolean | exp.Null)
        if simple or all(isinstance(key, ColumnRef) for key in self.keys):
            return None
        if holds_aggregate(node) or any(isinstance(part, _QUERIES) for part in node.walk()):
            return None
        try:
            return self.keys.get(normalise(bind_scalar(node, self.rows)))
        except Unanswerable:
            return None  # it holds an alias, or is wrong: then its parts will say so
