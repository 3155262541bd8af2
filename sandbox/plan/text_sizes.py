"""Texts that evaluating expressions makes and holds beside the columns: bytes at most, from the plan and declared lengths.

Rows are evaluated a block at a time, and one unit may bring a new, long text in every row of it. Every operator keeps what
it made of the last block, and its operands' texts beside it; a choice (CASE, COALESCE and their like) keeps all that it
chooses among. Of texts that declarations list there are no more than are listed.
"""

from collections.abc import Iterable, Iterator, Mapping

from sandbox.plan.expressions import children
from sandbox.plan.fact_finding import facts_of
from sandbox.plan.facts import TEXT_LIMIT, Facts
from sandbox.plan.measurement import Measurement
from sandbox.plan.nodes import Call, Case, ColumnRef, Expression, Literal, NullTest, type_of
from sandbox.plan.relation_facts import relation_facts
from sandbox.plan.relations import Filter, Join, Relation, expressions_of, rows_max, sources_of, streamed
from sandbox.terms.dataset import Table, Type

BLOCK_TEXTS = 16_384
"""Texts of one operand that are worked on at a time: the rows of a block, and the entries of a dictionary that is not cut
down to those of a block."""

LENGTH_UNDECLARED = 2**18
"""Characters of a stored text whose column declares no length: a cell of a file has at most 1 MiB. Descriptions always do."""

_UTF8_BYTES = 4

_TEXT_BYTES = 64
"""What one text takes beside its characters: offsets, hashes, numbers."""

_WORK_COPIES = 3
"""Copies of what one operator reads and makes while it is at work: as values, and as the results put together."""

_CHOICES = {"coalesce", "greatest", "least", "nullif"}

Tables = Mapping[tuple[str, str], Table]


def worked_bytes(measurement: Measurement, tables: Tables) -> int:
    """Bytes that evaluating takes beside columns: what is measured is evaluated together, a relation's node by itself."""
    relation = measurement.relation
    facts = relation_facts(relation, tables)
    if streamed(relation):
        return _held([*_filters(relation), *measurement.expressions], facts, rows_max(relation))
    return max(_held(measurement.expressions, facts, rows_max(relation)), *_of_nodes(relation, tables))


def _filters(relation: Relation) -> Iterator[Expression]:
    while isinstance(relation, Filter):
        yield relation.predicate
        relation = relation.source


def _of_nodes(relation: Relation, tables: Tables) -> Iterator[int]:
    sources = sources_of(relation)
    facts = [relation_facts(source, tables) for source in sources]
    expressions = expressions_of(relation)
    if isinstance(relation, Join):
        yield from (_held(expressions[side::2], facts[side], rows_max(sources[side])) for side in (0, 1))
    elif expressions:
        yield _held(expressions, facts[0], rows_max(sources[0]))
    for source in sources:
        yield from _of_nodes(source, tables)


def _held(expressions: Iterable[Expression], facts: Mapping[str, Facts], rows: int) -> int:
    block = min(BLOCK_TEXTS, rows)
    sizes = [_node_bytes(node, facts, block) for expression in expressions for node in _nodes(expression)]
    return sum(sizes) + _WORK_COPIES * max(sizes, default=0)


def _node_bytes(node: Expression, facts: Mapping[str, Facts], block: int) -> int:
    """What one operator keeps: the texts that it reads, and those that it makes."""
    if isinstance(node, ColumnRef | Literal | NullTest):
        return 0
    read = sum(_size(operand, facts, block) for operand in children(node) if type_of(operand) is Type.STRING)
    if type_of(node) is not Type.STRING:
        return read
    return 2 * read if _chooses(node) else read + _size(node, facts, block)


def _size(text: Expression, facts: Mapping[str, Facts], block: int) -> int:
    length = facts_of(text, facts).max_length
    if length is None:
        length = LENGTH_UNDECLARED if isinstance(text, ColumnRef) else TEXT_LIMIT
    return _count(text, facts, block) * (_UTF8_BYTES * length + _TEXT_BYTES)


def _count(operand: Expression, facts: Mapping[str, Facts], block: int) -> int:
    """How many different values an operand has in a block."""
    if isinstance(operand, Literal):
        return 1
    if isinstance(operand, ColumnRef):
        values = facts[operand.name].values
        return block if values is None else min(BLOCK_TEXTS, len(values) + 1)
    found = 0 if _chooses(operand) else 1
    for part in children(operand):
        count = _count(part, facts, block)
        found = min(BLOCK_TEXTS, found + count if _chooses(operand) else found * count)
    return found


def _chooses(node: Expression) -> bool:
    return isinstance(node, Case) or (isinstance(node, Call) and node.function in _CHOICES)


def _nodes(expression: Expression) -> Iterator[Expression]:
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += children(node)
