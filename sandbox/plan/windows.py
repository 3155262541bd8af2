"""Window functions over the rows of one unit: partitions that do not hold the unit are refused."""

from fractions import Fraction

from sqlglot import exp

from sandbox.plan.aggregate_calls import is_aggregate
from sandbox.plan.facts import Facts, Range
from sandbox.plan.literals import is_null
from sandbox.plan.naming import bare
from sandbox.plan.nodes import Expression, Literal, type_of
from sandbox.plan.relations import Order, Relation, Window, rows_per_unit
from sandbox.plan.rewrite import normalise
from sandbox.plan.scalar import bind_scalar
from sandbox.plan.scope import Scope
from sandbox.plan.select_list import read_order
from sandbox.plan.unit_aggregates import FIRST_NODES, bind_unit_aggregate
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import PlanNotSupported, RangeTooWide, UnitColumnUse

_PLACES: dict[type[exp.Expr], str] = {exp.RowNumber: "row_number", exp.Rank: "rank", exp.DenseRank: "dense_rank"}
_SHIFTS: dict[type[exp.Expr], str] = {exp.Lag: "lag", exp.Lead: "lead"}
_ENDS: dict[type[exp.Expr], str] = {exp.FirstValue: "first_value", exp.LastValue: "last_value"}

WINDOW_NODES: dict[type[exp.Expr], frozenset[str]] = {
    **dict.fromkeys(_PLACES, frozenset()),
    **dict.fromkeys(_SHIFTS, frozenset({"this", "offset"})),
    **dict.fromkeys(_ENDS, frozenset({"this"})),
    exp.Window: frozenset({"this", "partition_by", "order", "spec", "over"}),
    exp.WindowSpec: frozenset({"kind", "start", "start_side", "end", "end_side"}),
}
"""Node types of windows with the arguments that are read."""

_WHOLE = ("UNBOUNDED", "PRECEDING", "UNBOUNDED", "FOLLOWING")
_RUNNING = ("UNBOUNDED", "PRECEDING", "CURRENT ROW", "")


def bind_window(node: exp.Window, scope: Scope, relation: Relation) -> tuple[Window, Expression]:
    """The relation with one more column, and that column.

    Raises:
        Unanswerable: a partition across units, a function or frame that is not available.
    """
    binding = scope.binding
    partition = _partition(node, scope)
    order = read_order(node.args.get("order"), [], [], lambda item: bind_scalar(item, scope), binding)
    inner = node.this
    frame = _frame(node, scope)
    if frame == "whole":
        order = ()
    rows = rows_per_unit(relation)
    function, operand, offset, facts = _function(inner, order, scope, rows)
    if frame and function in (*_PLACES.values(), *_SHIFTS.values(), *_ENDS.values()):
        raise scope.refuse(PlanNotSupported, "A frame is for aggregates over a window.", node)
    column = binding.column("w", facts)
    binding.relation(node)
    return Window(relation, column.name, function, operand, offset, partition, order, facts.type), column


def _partition(node: exp.Window, scope: Scope) -> tuple[Expression, ...]:
    items = node.args.get("partition_by") or []
    if not any(scope.is_unit(item) for item in items):
        units = [field.name for source in scope.sources for field in source.fields if field.is_unit]
        detail = "A window holds rows of one unit alone: PARTITION BY names the unit's identifier."
        text = scope.text
        place = text.extent(node)
        whole = text.text(place)
        if units and items:
            first = text.extent(items[0])[0]
            new = text.replaced((first, first), f"{units[0]}, ")
        elif units and "(" in whole:
            at = text.sql.find("(", text.extent(node.this)[1] if node.this.args else place[0])
            new = text.replaced((at + 1, at + 1), f"partition by {units[0]} ") if at >= 0 else ""
        else:
            new = ""
        raise scope.refuse(UnitColumnUse, detail, node, *([new] if new else []))
    others = [normalise(bind_scalar(bare(item), scope)) for item in items if not scope.is_unit(item)]
    return tuple(item for item in dict.fromkeys(others) if not isinstance(item, Literal))


def _frame(node: exp.Window, scope: Scope) -> str:
    """Which rows a frame has: "whole" is all of the partition, "running" those up to the current one and its peers."""
    spec = node.args.get("spec")
    if spec is None:
        return ""
    parts = tuple(str(spec.args.get(part) or "").upper() for part in ("start", "start_side", "end", "end_side"))
    kind = str(spec.args.get("kind") or "").upper()
    if parts == _WHOLE and kind in ("ROWS", "RANGE"):
        return "whole"
    if kind == "RANGE" and parts in (_RUNNING, (*_RUNNING[:2], "", "")):
        return "running"
    detail = "A window runs from its first row to the current one and its peers, or over the whole partition."
    raise scope.refuse(PlanNotSupported, detail, node)


def _function(
    node: exp.Expr, order: tuple[Order, ...], scope: Scope, rows: int
) -> tuple[str, Expression | None, int, Facts]:
    kind = type(node)
    if is_aggregate(node) and kind not in FIRST_NODES and kind not in _ENDS:
        aggregate, facts = bind_unit_aggregate(node, scope, rows)
        return aggregate.function, aggregate.operand, 0, facts
    if kind in _PLACES:
        if not order and kind is not exp.RowNumber:
            raise scope.refuse(PlanNotSupported, "A rank needs ORDER BY in its window.", node)
        return _PLACES[kind], None, 0, Facts(Type.INT, Range(Fraction(1), Fraction(max(1, rows))))
    if kind not in _SHIFTS and kind not in _ENDS:
        detail = (
            "Over a window there are row_number, rank, dense_rank, lag, lead, first_value, last_value and aggregates."
        )
        raise scope.refuse(PlanNotSupported, detail, node)
    if not order:
        raise scope.refuse(PlanNotSupported, "Which row comes before another is said by ORDER BY in the window.", node)
    operand = normalise(bind_scalar(node.this, scope))
    if is_null(operand):
        raise scope.refuse(PlanNotSupported, "A window over NULL is NULL.", node)
    facts = scope.binding.known(operand)
    name = _SHIFTS.get(kind) or _ENDS[kind]
    return (
        name,
        operand,
        _offset(node, scope, rows) if kind in _SHIFTS else 0,
        facts if facts.type is type_of(operand) else Facts(type_of(operand)),
    )


def _offset(node: exp.Expr, scope: Scope, rows: int) -> int:
    offset = node.args.get("offset")
    if offset is None:
        return 1
    text = str(offset.this) if isinstance(offset, exp.Literal) else ""
    if not text.isdecimal() or not 1 <= len(text) <= 6 or not 1 <= int(text) <= max(1, rows):
        detail = f"The offset of LAG and LEAD is a whole number from 1 to {max(1, rows)}, the rows of one unit."
        raise scope.refuse(RangeTooWide, detail, offset)
    return int(text)
