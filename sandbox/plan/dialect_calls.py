"""Functions of other systems, and how the same is written here."""

from collections.abc import Mapping, Sequence

from sqlglot import exp

WRITTEN: Mapping[tuple[str, int], tuple[str, str]] = {
    ("nvl2", 3): ("case when {0} is not null then {1} else {2} end", "NVL2 is written with CASE."),
    ("isnull", 1): ("({0} is null)", "Whether a value is missing is asked with IS NULL."),
    ("zeroifnull", 1): ("coalesce({0}, 0)", "What stands for NULL is said by coalesce(x, 0)."),
    ("nullifzero", 1): ("nullif({0}, 0)", "This is nullif(x, 0)."),
    ("sumif", 2): ("sum({0}) filter (where {1})", "An aggregate has its condition in FILTER."),
    ("sum_if", 2): ("sum({0}) filter (where {1})", "An aggregate has its condition in FILTER."),
    ("avgif", 2): ("avg({0}) filter (where {1})", "An aggregate has its condition in FILTER."),
    ("avg_if", 2): ("avg({0}) filter (where {1})", "An aggregate has its condition in FILTER."),
    ("mid", 3): ("substring({0}, {1}, {2})", "Parts of texts are taken with substring(text, start, length)."),
    ("to_number", 1): ("cast({0} as double)", "Texts become numbers with CAST."),
    ("to_decimal", 1): ("cast({0} as double)", "Texts become numbers with CAST."),
    ("to_date", 1): ("cast({0} as date)", "Texts like '2024-01-31' become dates with CAST."),
    ("to_date", 2): (
        "cast({0} as date)",
        "Texts like '2024-01-31' become dates with CAST; there are no other formats.",
    ),
    ("str_to_date", 2): (
        "cast({0} as date)",
        "Texts like '2024-01-31' become dates with CAST; there are no other formats.",
    ),
    ("parse_date", 2): (
        "cast({1} as date)",
        "Texts like '2024-01-31' become dates with CAST; there are no other formats.",
    ),
    ("add_months", 2): ("({0} + interval ({1}) month)", "Moments are shifted by intervals."),
    ("months_between", 2): ("date_diff('month', {1}, {0})", "This is date_diff('month', earlier, later)."),
    ("adddate", 2): ("({0} + interval ({1}) day)", "Moments are shifted by intervals."),
    ("subdate", 2): ("({0} - interval ({1}) day)", "Moments are shifted by intervals."),
    ("dateadd", 3): ("({2} + interval ({1}) {0})", "Moments are shifted by intervals."),
    ("timestampadd", 3): ("({2} + interval ({1}) {0})", "Moments are shifted by intervals."),
    ("timestampdiff", 3): ("date_diff('{0}', {1}, {2})", "The unit is a text: date_diff('day', earlier, later)."),
    ("concat_ws", 2): ("{1}", "This joins texts: concat(a, '-', b)."),
    ("concat_ws", 3): ("concat({1}, {0}, {2})", "This joins texts: concat(a, '-', b)."),
    ("concat_ws", 4): ("concat({1}, {0}, {2}, {0}, {3})", "This joins texts: concat(a, '-', b)."),
    ("percentile", 2): ("quantile_cont({0}, {1})", "Quantiles are quantile_cont(x, 0.9)."),
    ("approx_percentile", 2): ("quantile_cont({0}, {1})", "Quantiles are quantile_cont(x, 0.9)."),
    ("percentile_approx", 2): ("quantile_cont({0}, {1})", "Quantiles are quantile_cont(x, 0.9)."),
    ("averge", 1): ("avg({0})", "Did you mean avg?"),
    ("avarage", 1): ("avg({0})", "Did you mean avg?"),
    ("datepart", 2): ("date_part('{0}', {1})", "The part is a text: date_part('year', day)."),
    ("ucfirst", 1): ("initcap({0})", "This is initcap."),
    ("space", 1): ("repeat(' ', {0})", "This is repeat(' ', n)."),
    ("square", 1): ("power({0}, 2)", "This is power(x, 2)."),
    ("sqr", 1): ("sqrt({0})", "This is sqrt."),
    ("div", 2): ("({0} // {1})", "Whole numbers are divided with //."),
    ("bitand", 2): ("mod({0}, 2)", "Bits are not computed with; the last one is x % 2."),
    ("decode", 3): ("case {0} when {1} then {2} end", "DECODE is written with CASE."),
    ("decode", 4): ("case {0} when {1} then {2} else {3} end", "DECODE is written with CASE."),
    ("choose", 3): ("case {0} when 1 then {1} when 2 then {2} end", "CHOOSE is written with CASE."),
}
"""(Function, number of arguments) → how it is written here, and what to say."""

_SHAPES = {
    "%Y": "left({0}, 4)", "yyyy": "left({0}, 4)",
    "%Y-%m": "left({0}, 7)", "yyyy-mm": "left({0}, 7)",
    "%Y-%m-%d": "{0}", "yyyy-mm-dd": "{0}",
    "%m": "substring({0}, 6, 2)", "mm": "substring({0}, 6, 2)",
}  # fmt: skip
_FORMATTED = ("date_format", "format_date", "formatdatetime", "strftime", "to_char", "format")


def same_call(name: str, arguments: Sequence[str]) -> tuple[str, str] | None:
    """How a call of another system's function is written here, and what to say; None where it is not known."""
    if name in _FORMATTED and len(arguments) == 2:
        moment, shape = arguments if not arguments[0].startswith("'") else arguments[::-1]
        return as_text(
            moment, shape.strip("'")
        ), "Moments are written with cast(x as varchar), in parts with date_part."
    found = WRITTEN.get((name, len(arguments)))
    return None if found is None else (found[0].format(*arguments), found[1])


def as_text(moment: str, shape: str) -> str:
    """A date as text in a shape of strftime or TO_CHAR: year, month and day as far as the shape has them."""
    written = f"cast(cast({moment} as date) as varchar)"
    return _SHAPES.get(shape, _SHAPES.get(shape.lower(), "{0}")).format(written)


def arguments_of(node: exp.Expr) -> list[exp.Expr]:
    """A call's arguments in the order of the text, as far as the parser keeps it."""
    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    return [part for part in node.iter_expressions() if not isinstance(part, exp.DataType)]
