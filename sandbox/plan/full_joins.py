"""FULL JOIN of rows of units: what a LEFT JOIN gives, and the rows on the right that found nothing."""

from dataclasses import replace

from sandbox.plan.binding import Binding
from sandbox.plan.conditions import Condition
from sandbox.plan.expressions import children, with_children
from sandbox.plan.joins import Piece, joined, push
from sandbox.plan.nodes import ColumnRef, Expression, Literal
from sandbox.plan.relations import (
    Filter,
    Join,
    PerUnit,
    Project,
    Relation,
    Scan,
    Union,
    UnitAggregate,
    Window,
    columns_of,
    rows_per_unit,
)
from sandbox.terms.refusal import PlanNotSupported


def full_join(left: Piece, right: Piece, on: list[Condition], binding: Binding) -> Piece:
    """All rows of both sides, those that meet in one.

    Raises:
        Unanswerable: a public table, or conditions that do not make a join of rows of one unit.
    """
    if left.public or right.public:
        detail = "FULL JOIN is for two tables of units: the rows of a public table that nobody has are of no unit."
        text, end = binding.text, binding.text.extent(right.node)[0]
        word = [token for token in text.tokens if token.end < end and token.text.lower() == "full"][-1]
        found = binding.refuse(PlanNotSupported, detail, right.node, text.replaced((word.start, word.end + 1), "left"))
        found.refusal.span = text.span_at(word.start, word.end + 1)
        raise found
    # What ON says of one side alone decides which of its rows meet, and keeps all of them.
    sought, between = push(right, on, frozenset())
    met = joined(left, sought, "left", between, binding)[0].relation
    sought, between = push(left, on, frozenset())
    alone = joined(right, sought, "anti", between, binding)[0].relation
    assert isinstance(met, Join)
    alone, names = _copied(alone, binding)
    shown = columns_of(met)
    both = {name: binding.column("f", binding.known(ColumnRef(name, kind))) for name, kind in shown.items()}
    first = Project(met, tuple((both[name].name, ColumnRef(name, kind)) for name, kind in shown.items()))
    theirs = columns_of(right.relation)
    second = Project(
        alone,
        tuple(
            (both[name].name, names[name] if name in theirs else Literal(None, kind)) for name, kind in shown.items()
        ),
    )
    relation: Relation = Union((first, second))
    if met.unique and rows_per_unit(left.relation) == rows_per_unit(right.relation) == 1:
        # A unit has one row, on the one side or the other: it brings one, not two.
        made = {name: binding.column("f", binding.known(column)) for name, column in both.items()}
        aggregates = ((made[name].name, UnitAggregate("first", column, column.type)) for name, column in both.items())
        relation, both = PerUnit(relation, (), tuple(aggregates)), made
    return Piece(Project(relation, tuple(both.items())), left.sources | right.sources, left.node)


def _copied(relation: Relation, binding: Binding) -> tuple[Relation, dict[str, Expression]]:
    """The relation with columns of new names, and what each old one is called."""
    names: dict[str, Expression] = {}

    def new(old: str, letter: str) -> str:
        column = binding.column(letter, binding.facts[old])
        names[old] = column
        return column.name

    def over(expression: Expression) -> Expression:
        if isinstance(expression, ColumnRef):
            return names[expression.name]
        parts = children(expression)
        return with_children(expression, tuple(over(part) for part in parts)) if parts else expression

    def copy(node: Relation) -> Relation:
        match node:
            case Scan(prefix=prefix, columns=columns):
                own = f"{binding.fresh('s')}."
                for name, kind in columns:
                    names[prefix + name] = ColumnRef(own + name, kind)
                    binding.facts[own + name] = binding.facts[prefix + name]
                return replace(node, prefix=own)
            case Filter(source, predicate):
                below = copy(source)
                return Filter(below, over(predicate))
            case Project(source, columns):
                below = copy(source)
                made = [(name, over(item)) for name, item in columns]
                return Project(below, tuple((new(name, "x"), item) for name, item in made))
            case PerUnit(source, keys, aggregates):
                below = copy(source)
                by = [(name, over(item)) for name, item in keys]
                found = [
                    (name, replace(item, operand=None if item.operand is None else over(item.operand)))
                    for name, item in aggregates
                ]
                return PerUnit(
                    below,
                    tuple((new(name, "k"), item) for name, item in by),
                    tuple((new(name, "u"), item) for name, item in found),
                )
            case Window(source=source):
                below = copy(source)
                return replace(
                    node,
                    source=below,
                    operand=None if node.operand is None else over(node.operand),
                    partition=tuple(over(item) for item in node.partition),
                    order=tuple(replace(item, operand=over(item.operand)) for item in node.order),
                    name=new(node.name, "w"),
                )
            case Union(sources):
                parts = []
                for source in sources:
                    part = copy(source)
                    parts.append((part, [names[name] for name in columns_of(source)]))
                called = [new(name, "f") for name in columns_of(sources[0])]
                return Union(tuple(Project(part, tuple(zip(called, old, strict=True))) for part, old in parts))
            case Join(left, right, on=on):
                one, other = copy(left), copy(right)
                return replace(node, left=one, right=other, on=tuple((over(a), over(b)) for a, b in on))

    return copy(relation), names
