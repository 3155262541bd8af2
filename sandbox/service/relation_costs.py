"""What nodes of a relation take beyond one pass over their rows: every key and aggregate by itself, and texts by length.

A key is coded, hashed or sorted, and so is a text by its bytes: one unit may bring long texts that differ at their ends
alone, all in a batch of its own. Measured on 65,536 rows of one unit, texts of 20, 200 and 2,000 characters; the constants
are twice what was measured or more. A public relation is joined anew in every bucket, and its texts are looked through
for every batch, of which one unit may add a few.
"""

from collections.abc import Iterator, Mapping

from sandbox.plan.fact_finding import facts_of
from sandbox.plan.facts import TEXT_LIMIT, Facts
from sandbox.plan.nodes import Expression, type_of
from sandbox.plan.relation_facts import relation_facts
from sandbox.plan.relation_sizes import BATCH_ROWS
from sandbox.plan.relations import (
    Join,
    PerUnit,
    Relation,
    Union,
    Window,
    is_public,
    rows_max,
    scans_of,
    sources_of,
)
from sandbox.terms.dataset import Table, Type

Tables = Mapping[tuple[str, str], Table]

VALUE_NS = 100
"""One further key or operand of a node, in one row. Measured: 30 to 50 ns."""

SORTED_NS = 300
"""One sort key, in one row. Measured: 90 to 130 ns."""

DISTINCT_NS = 700
"""One count of distinct values, in one row. Measured: 280 ns."""

TEXT_NS, CHARACTER_NS = 1_000, 40
"""One text that is hashed or sorted, and each of its characters, four bytes at most. Measured: 500 ns, and 3 to 5 ns for
each byte."""

LOOKED_NS, LOOKED_CHARACTER_NS = 300, 8
"""One public text that a batch looks through, and each of its characters. Measured: 160 ns, and 2 ns for each character."""


def keys_ns(relation: Relation, tables: Tables) -> int:
    """Nanoseconds for all rows of one node: its keys and aggregates, and the texts among them. Public rows that private ones
    are joined with are left out: see `public_joins_ns`."""
    if not isinstance(relation, PerUnit | Window | Join | Union):
        return 0
    sources = sources_of(relation)
    facts = [relation_facts(source, tables) for source in sources]
    match relation:
        case PerUnit(source, keys, aggregates):
            found = sum(VALUE_NS + _text_ns(key, facts[0]) for _, key in keys)
            found += sum(_aggregate_ns(item.function, item.operand, facts[0]) for _, item in aggregates)
            return rows_max(source) * found
        case Window(source=source, operand=operand, partition=partition, order=order):
            found = sum(VALUE_NS + _text_ns(key, facts[0]) for key in partition)
            found += sum(SORTED_NS + _text_ns(item.operand, facts[0]) for item in order)
            return rows_max(source) * (found + _aggregate_ns(relation.function, operand, facts[0]))
        case Join():
            both = is_public(relation.left) or not is_public(relation.right)
            sides = range(2 if both else 1)
            return sum(rows_max(sources[side]) * _side_ns(relation, side, facts[side]) for side in sides)
        case Union():
            return sum(
                rows_max(source) * sum(_length_ns(item) for item in of_source.values())
                for source, of_source in zip(sources, facts, strict=True)
            )


def _side_ns(join: Join, side: int, facts: Mapping[str, Facts]) -> int:
    """What one row of a side takes for all that it is joined on."""
    return sum(VALUE_NS + _text_ns(pair[side], facts) for pair in join.on)


def _aggregate_ns(function: str, operand: Expression | None, facts: Mapping[str, Facts]) -> int:
    if operand is None:
        return VALUE_NS
    if function == "count_distinct":
        return DISTINCT_NS + _text_ns(operand, facts)
    return VALUE_NS + (_text_ns(operand, facts) if function in ("min", "max") else 0)


def _text_ns(key: Expression, facts: Mapping[str, Facts]) -> int:
    return _length_ns(facts_of(key, facts)) if type_of(key) is Type.STRING else 0


def _length_ns(facts: Facts) -> int:
    """Of declared texts there are few: what is done is done for each of them once."""
    if facts.type is not Type.STRING or facts.values is not None:
        return 0
    return TEXT_NS + CHARACTER_NS * _characters(facts)


def _characters(facts: Facts) -> int:
    return TEXT_LIMIT if facts.max_length is None else facts.max_length


def public_joins_ns(relation: Relation, tables: Tables, buckets: int, row_ns: int) -> int:
    """Nanoseconds for all joins with public rows: these are indexed once for each bucket, and the texts that they are
    joined on looked through once for each batch. `row_ns` is what indexing a row takes without its keys."""
    batches = buckets + 2 * -(-_rows_of_nodes(relation) // BATCH_ROWS)
    total = 0
    for join in _public_joins(relation):
        facts = relation_facts(join.right, tables)
        once = row_ns + _side_ns(join, 1, facts)
        total += rows_max(join.right) * (buckets * once + batches * _looked_ns(join, facts))
    return total


def _looked_ns(join: Join, facts: Mapping[str, Facts]) -> int:
    texts = [facts_of(side, facts) for _, side in join.on if type_of(side) is Type.STRING]
    return sum(LOOKED_NS + LOOKED_CHARACTER_NS * _characters(text) for text in texts)


def _rows_of_nodes(relation: Relation) -> int:
    """Rows of all private nodes together, and one for each unit: a batch ends before they are more than BATCH_ROWS, so two
    batches in a row have more."""
    units = sum(scan.rows_max for scan in scans_of(relation) if not scan.public)
    return units + sum(rows_max(node) for node in _nodes(relation) if not is_public(node))


def _public_joins(relation: Relation) -> Iterator[Join]:
    for node in _nodes(relation):
        if isinstance(node, Join) and is_public(node.right) and not is_public(node.left):
            yield node


def _nodes(relation: Relation) -> Iterator[Relation]:
    yield relation
    for source in sources_of(relation):
        yield from _nodes(source)
