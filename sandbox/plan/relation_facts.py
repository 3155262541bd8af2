"""What is known of a relation's columns from declarations alone: of memory, that is the length of its texts."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sandbox.plan.fact_finding import facts_of
from sandbox.plan.facts import TEXT_LIMIT, Facts, column_facts, hull
from sandbox.plan.nodes import ColumnRef, Expression, type_of
from sandbox.plan.relations import (
    Filter,
    Join,
    PerUnit,
    Project,
    Relation,
    Scan,
    Union,
    Window,
    expressions_of,
    sources_of,
)
from sandbox.terms.dataset import Table, Type


def relation_facts(relation: Relation, tables: Mapping[tuple[str, str], Table]) -> dict[str, Facts]:
    """Facts of every column that a relation gives. `tables` are those that it scans, by dataset and name."""
    match relation:
        case Scan(dataset, table, prefix, columns):
            described = {column.name: column for column in tables[dataset, table].columns}
            return {prefix + name: column_facts(described[name]) for name, _ in columns}
        case Filter(source):
            return relation_facts(source, tables)
        case Project(source, made):
            below = relation_facts(source, tables)
            return {name: facts_of(expression, below) for name, expression in made}
        case PerUnit(source, keys, aggregates):
            below = relation_facts(source, tables)
            found = {name: facts_of(expression, below) for name, expression in keys}
            return found | {name: _made(item.operand, item.type, below) for name, item in aggregates}
        case Window():
            below = relation_facts(relation.source, tables)
            return below | {relation.name: _made(relation.operand, relation.type, below)}
        case Union(sources):
            several = [relation_facts(source, tables) for source in sources]
            return {name: hull([facts[name] for facts in several]) for name in several[0]}
        case Join():
            left = relation_facts(relation.left, tables)
            if relation.kind in ("semi", "anti"):
                return left
            right = relation_facts(relation.right, tables)
            return left | {name: replace(facts, nullable=True) for name, facts in right.items()}


def made_texts(relation: Relation, tables: Mapping[tuple[str, str], Table]) -> Iterator[int]:
    """The most characters of each text that a node of the relation computes; texts that are passed on are not made."""
    for source in sources_of(relation):
        yield from made_texts(source, tables)
    sides = [relation_facts(source, tables) for source in sources_of(relation)]
    for place, expression in enumerate(expressions_of(relation)):
        if type_of(expression) is Type.STRING and not isinstance(expression, ColumnRef):
            below = sides[place % 2] if isinstance(relation, Join) else sides[0]
            length = facts_of(expression, below).max_length
            yield TEXT_LIMIT if length is None else length


def _made(operand: Expression | None, kind: Type, below: Mapping[str, Facts]) -> Facts:
    """An aggregate of one unit: a minimum and its like is one of the operand's values, of other texts there are none."""
    if operand is not None and kind is Type.STRING:
        return replace(facts_of(operand, below), nullable=True)
    return Facts(kind)
