"""What operators take on one row beyond a comparison of numbers: calls of the function table, and operators on texts.

A kernel works on the different texts of a block, and one unit may bring a new text in every row: each row is taken to have
a text of its own, of the greatest length that declarations allow. Measured over blocks of 16,384 different texts of 24, 200
and 2,000 characters, letters with accents and Chinese ones among them; the constants are twice what was measured. Without
them a unit of many texts would move an answer to a later slot, where all can see it.
"""

from collections.abc import Iterator, Mapping

from sandbox.plan.expressions import children
from sandbox.plan.fact_finding import facts_of
from sandbox.plan.facts import TEXT_LIMIT, Facts
from sandbox.plan.functions.text_meanings import searches
from sandbox.plan.nodes import Call, ColumnRef, Expression, Literal, type_of
from sandbox.terms.dataset import Type

_FEW_TEXTS = 512
"""So many different texts or fewer are done once for a block, not for each row: of 16,384 rows where blocks are full."""

_SLOW_TEXTS: dict[str, tuple[int, int]] = {
    "initcap": (15_000, 900), "ilike": (25_000, 350), "lower": (4_500, 350), "upper": (4_500, 350),
    "translate": (6_000, 350), "cast_bool": (4_500, 300),
}  # fmt: skip
_CUT_TEXTS = {
    "ascii", "contains", "ends_with", "left", "lpad", "replace", "right", "rpad", "split_part", "starts_with", "strpos",
    "substring", "cast_date", "cast_float", "cast_int", "cast_timestamp",
}  # fmt: skip
_MADE_TEXTS: dict[str, int] = {"date_string": 4_000, "timestamp_string": 12_000, "cast_string": 400, "chr": 500}
_NUMBERS: dict[str, int] = {
    "date_add": 320, "timestamp_add": 320, "last_day": 160, "date_trunc": 200, "date_part": 100, "monthname": 100,
    "power": 140, "log_base": 100, "mod": 80, "tan": 70, "make_date": 70, "atan2": 60, "exp": 60, "sin": 50, "cos": 50,
    "cbrt": 100,
}  # fmt: skip

_CUT_NS, _CUT_CHARACTER_NS = 5_000, 90
_TEXT_NS, _TEXT_CHARACTER_NS = 900, 30
_NUMBER_NS = 40

_PATTERNS = {"like", "ilike"}
_PATTERN_LETTERS = 4
"""Letters of a pattern that make a character of the text a nanosecond dearer. Measured: 75 ns for 1,000, and 80 for 20,000."""

_SEARCH_NS = 800
"""A character of a text in which a run with _ is looked for, and a nanosecond more for each letter of the run. Measured: 80
to 190 ns for runs of up to 600, also where the run nearly matches at every place."""


def calls_ns(expression: Expression, columns: Mapping[str, Facts]) -> int:
    """Nanoseconds for one row: the sum over the expression's calls, and its operators on texts.

    `columns` are facts of those that it reads.
    """
    return sum(_node_ns(node, columns) for node in _nodes(expression))


def costly(expression: Expression) -> bool:
    """Whether there is anything to add: facts of columns are needed then."""
    return any(isinstance(node, Call) or _texts(node) for node in _nodes(expression))


def _node_ns(node: Expression, columns: Mapping[str, Facts]) -> int:
    texts = _texts(node)
    name = node.function if isinstance(node, Call) else ""
    if not texts:
        return _NUMBERS.get(name, _NUMBER_NS) if name else 0
    facts = [facts_of(text, columns) for text in texts]
    characters = max(TEXT_LIMIT if item.max_length is None else item.max_length for item in facts)
    if name in _MADE_TEXTS:
        return _MADE_TEXTS[name]
    whole, each = _SLOW_TEXTS.get(
        name, (_CUT_NS, _CUT_CHARACTER_NS) if name in _CUT_TEXTS else (_TEXT_NS, _TEXT_CHARACTER_NS)
    )
    cost = whole + each * characters
    if name in _PATTERNS:
        cost += _pattern_ns(node, facts[1].max_length) * characters
    different = 1
    for text, item in zip(texts, facts, strict=True):
        if text is not node:
            different *= _FEW_TEXTS if item.values is None else min(_FEW_TEXTS, max(1, len(item.values)))
    return -(-cost * min(different, _FEW_TEXTS) // _FEW_TEXTS)


def _pattern_ns(node: Expression, length: int | None) -> int:
    """What a pattern adds for one character of a text: its own length, and where a run with _ in it is looked for."""
    pattern = node.operands[1] if isinstance(node, Call) else None
    if isinstance(pattern, Literal) and isinstance(pattern.value, str):
        run = searches(pattern.value)
        slow = run or "\\" in pattern.value
        return len(pattern.value) // _PATTERN_LETTERS + (_SEARCH_NS + run if slow else 0)
    return _SEARCH_NS + (TEXT_LIMIT if length is None else length)


def _texts(node: Expression) -> list[Expression]:
    """The texts that an operator reads or makes; columns and constants are made by nothing."""
    if isinstance(node, ColumnRef | Literal):
        return []
    return [item for item in (node, *children(node)) if type_of(item) is Type.STRING]


def _nodes(expression: Expression) -> Iterator[Expression]:
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += children(node)
