"""Why rows do not leave, and what can be asked instead: at the top of a query there are answers alone."""

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from sandbox.plan.answers_binding import with_group
from sandbox.plan.naming import bare
from sandbox.plan.scalar import bind_scalar
from sandbox.plan.scope import Scope
from sandbox.plan.select_list import Item
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import PlanNotSupported, RowsNotReleased, UnitColumnUse

_VALUES = "The values of rows never leave: aggregate them, or group by a column with declared keys."


def rows_refused(select: exp.Select, items: list[Item], scope: Scope) -> Unanswerable:
    """The refusal of a query whose answer would be rows."""
    item = items[0]
    text = scope.text
    place = text.extent(item.whole)
    distinct = select.args.get("distinct")
    if distinct is not None:
        word = text.word(select, TokenType.DISTINCT) or place
        detail = "GROUP BY gives each group once: name the columns there."
        found = scope.refuse(PlanNotSupported, detail, distinct, text.without(word))
        found.refusal.span = text.span_at(*word)
        return found
    if item.field is not None:
        refusal = RowsNotReleased("Rows never leave: ask for an aggregate of them.", span=text.span(item.node))
        return Unanswerable(refusal, scope.binding.examples)
    inner = bare(item.node)
    if scope.is_unit(inner):
        counted = text.replaced(place, f"count(distinct {text.text(text.extent(inner))})")
        detail = f"{inner.name} identifies the unit: it can only be counted."
        return scope.refuse(UnitColumnUse, detail, inner, counted)
    written = text.text(text.extent(inner))
    if isinstance(inner, exp.Column):
        _, facts = scope.column(inner)
        if facts.values is not None or facts.type is Type.BOOL:
            return scope.refuse(RowsNotReleased, _VALUES, inner, with_group(scope, written, inner))
        function = "avg" if facts.type.is_number and facts.range is not None else "count"
        return scope.refuse(RowsNotReleased, _VALUES, inner, text.replaced(place, f"{function}({written})"))
    if not any(isinstance(part, exp.Window) for part in inner.walk()):
        bind_scalar(inner, scope)  # what is wrong with it in itself comes first
    if any(isinstance(part, exp.Column) for part in inner.walk()):
        options = (text.replaced(place, f"avg({written})"), text.replaced(place, "count(*)"))
        return scope.refuse(RowsNotReleased, _VALUES, inner, *options)
    detail = "A constant is no question: the select list has group keys and aggregates."
    return scope.refuse(PlanNotSupported, detail, inner, text.replaced(place, "count(*)"))
