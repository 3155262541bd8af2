"""Joins of answers: their lines are noisy already, so any equality may join them; lines stay few."""

from dataclasses import replace

from sqlglot import exp

from sandbox.plan.answers import AnswerTable, Kept, Matched
from sandbox.plan.binding import Binding
from sandbox.plan.conditions import Condition
from sandbox.plan.context import Context
from sandbox.plan.nodes import ColumnRef, Conjunction, Expression
from sandbox.plan.rewrite import TRUE, normalise
from sandbox.plan.sources import Block, Lines, Source
from sandbox.terms.refusal import PlanNotSupported, TooManyGroups

LINES_MAX = 1_000_000
"""Lines that a join of answers may have."""

Entry = tuple[str, Block, Source, exp.Expr]


def match_entries(
    entries: list[Entry],
    conditions: list[list[Condition]],
    where: list[Condition],
    single: list[Lines],
    binding: Binding,
) -> tuple[Lines, list[Condition]]:
    """All answers of FROM matched, left to right, and the conditions that are about the block around.

    `single` are answers of one line each that `where` speaks of: they stand beside every line.

    Raises:
        Unanswerable: a join that is not available, or with too many lines.
    """
    _, first, source, _ = entries[0]
    assert isinstance(first, Lines)
    current, sources = first, frozenset({source.number})
    pool = list(conditions[0])
    empty = frozenset(entry[2].number for entry in entries if entry[0] in ("left", "full"))
    for place, entry in enumerate(entries):
        if entry[0] in ("right", "full"):
            empty |= frozenset(other[2].number for other in entries[:place])
    for (kind, block, added, node), on in zip(entries[1:], conditions[1:], strict=True):
        assert isinstance(block, Lines)
        binding.relation(node)
        number = frozenset({added.number})
        if kind in ("semi", "anti"):
            detail = "Answers are joined with INNER, LEFT, RIGHT, FULL and CROSS."
            raise binding.refuse(PlanNotSupported, detail, node)
        if kind == "inner":
            pool += on
            usable = [*pool, *(item for item in where if not item.sources & empty)]
            pairs, used = _pairs(usable, sources, number)
            pool = [item for item in pool if not _among(item, used)]
            where = [item for item in where if not _among(item, used)]
            current = _matched(current, block, "inner" if pairs else "cross", pairs, node, binding)
        else:
            current = kept(current, pool)  # conditions of inner joins come before an outer one
            pool = []
            one, other = (
                ((block, number), (current, sources)) if kind == "right" else ((current, sources), (block, number))
            )
            pairs, used = _pairs(on, one[1], other[1])
            alone = [item for item in on if not _among(item, used) and item.sources <= other[1] and kind != "full"]
            rest = [item for item in on if not _among(item, used) and not _among(item, alone)]
            if rest or not pairs:
                detail = "An outer join of answers compares their columns for equality."
                raise binding.refuse(PlanNotSupported, detail, rest[0].node if rest else node)
            outer = "full" if kind == "full" else "left"
            current = _matched(one[0], kept(other[0], alone), outer, pairs, node, binding)
        sources |= number
    current = beside(current, single)
    mine = [item for item in (*pool, *where) if item.sources <= sources]
    return kept(current, mine), [item for item in (*pool, *where) if not item.sources <= sources]


def beside(lines: Lines, single: list[Lines]) -> Lines:
    """The lines, each with the one line of every other answer."""
    for other in single:
        lines = replace(lines, table=Matched(lines.table, other.table, "cross", ()))
    return lines


def scalar_value(node: exp.Subquery, added: list[Lines], context: Context) -> Expression:
    """The one value of a query in brackets: its line joins all others."""
    binding = context.binding
    block = context.bind(node.this, context.inner(node))
    if not isinstance(block, Lines) or not block.single or len(block.fields) != 1:
        detail = "A query in brackets stands for one number: one aggregate without GROUP BY."
        raise binding.refuse(PlanNotSupported, detail, node)
    added.append(block)
    expression = block.fields[0].expression
    assert expression is not None
    return binding.use(expression, node)


def kept(lines: Lines, conditions: list[Condition]) -> Lines:
    """The lines for which all conditions hold."""
    predicates = [item.expression for item in conditions if item.expression is not None]
    if not predicates:
        return lines
    return keep(lines, predicates)


def keep(lines: Lines, predicates: list[Expression]) -> Lines:
    """The lines for which all predicates are true."""
    predicate = normalise(Conjunction(tuple(predicates)) if len(predicates) > 1 else predicates[0])
    if predicate == TRUE:
        return lines
    table: AnswerTable = lines.table
    if isinstance(table, Kept):
        return replace(
            lines, table=Kept(table.source, normalise(Conjunction((table.predicate, predicate)))), single=False
        )
    return replace(lines, table=Kept(table, predicate), single=False)


def _among(item: Condition, others: list[Condition]) -> bool:
    return any(item is other for other in others)


def _pairs(
    conditions: list[Condition], left: frozenset[int], right: frozenset[int]
) -> tuple[list[tuple[Expression, Expression]], list[Condition]]:
    pairs: list[tuple[Expression, Expression]] = []
    used: list[Condition] = []
    for item in conditions:
        if item.pair is None:
            continue
        (first, one), (second, other) = item.pair
        if first <= left and second <= right:
            pairs.append((one, other))
        elif first <= right and second <= left:
            pairs.append((other, one))
        else:
            continue
        used.append(item)
    return list(dict.fromkeys(pairs)), used


def _matched(
    left: Lines, right: Lines, kind: str, pairs: list[tuple[Expression, Expression]], node: exp.Expr, binding: Binding
) -> Lines:
    most = left.most * right.most
    if right.keys is not None and right.keys <= {item.name for _, item in pairs if isinstance(item, ColumnRef)}:
        most = left.most + (right.most if kind == "full" else 0)
    elif left.keys is not None and left.keys <= {item.name for item, _ in pairs if isinstance(item, ColumnRef)}:
        most = right.most if kind == "inner" else left.most + right.most
    elif most > LINES_MAX:
        detail = f"Joined like this the answers can have more than {LINES_MAX} lines: join them on all their keys."
        raise binding.refuse(TooManyGroups, detail, node)
    elif kind == "full":
        most += left.most + right.most
    keys = None if left.keys is None or right.keys is None else left.keys | right.keys
    single = left.single and right.single and kind == "cross"
    return Lines(Matched(left.table, right.table, kind, tuple(pairs)), (), single, most, keys)
