"""Which function a node of the syntax tree calls, with which arguments: the parser has a class of its own for most.

The parser drops, adds and reorders arguments; each class is listed with the arguments that are read, in SQL's order. Any
other argument must be empty, or a mark that the parser always sets.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from sandbox.plan.functions.moments import DATE_PARTS, TIME_PARTS, UNIT_SPELLINGS


@dataclass(frozen=True, slots=True)
class NamedCall:
    """A function by its SQL name. Texts among the arguments are constants that the tree holds as words: units, parts."""

    name: str
    arguments: tuple[exp.Expr | str, ...]


_THIS = ("this",)
_PAIR = ("this", "expression")

_SHAPES: Mapping[type[exp.Expr], tuple[str, tuple[str, ...]]] = {
    exp.Abs: ("abs", _THIS),
    exp.Sign: ("sign", _THIS),
    exp.Ceil: ("ceil", _THIS),
    exp.Floor: ("floor", _THIS),
    exp.Round: ("round", ("this", "decimals")),
    exp.Trunc: ("trunc", _THIS),
    exp.Sqrt: ("sqrt", _THIS),
    exp.Cbrt: ("cbrt", _THIS),
    exp.Exp: ("exp", _THIS),
    exp.Ln: ("ln", _THIS),
    exp.Log: ("log", _PAIR),
    exp.Pow: ("power", _PAIR),
    exp.Mod: ("mod", _PAIR),
    exp.IntDiv: ("//", _PAIR),
    exp.Greatest: ("greatest", ("this", "expressions")),
    exp.Least: ("least", ("this", "expressions")),
    exp.Sin: ("sin", _THIS),
    exp.Cos: ("cos", _THIS),
    exp.Tan: ("tan", _THIS),
    exp.Asin: ("asin", _THIS),
    exp.Acos: ("acos", _THIS),
    exp.Atan: ("atan", _THIS),
    exp.Atan2: ("atan2", _PAIR),
    exp.Degrees: ("degrees", _THIS),
    exp.Radians: ("radians", _THIS),
    exp.Pi: ("pi", ()),
    exp.WidthBucket: ("width_bucket", ("this", "min_value", "max_value", "num_buckets")),
    exp.Lower: ("lower", _THIS),
    exp.Upper: ("upper", _THIS),
    exp.Initcap: ("initcap", _THIS),
    exp.Length: ("length", _THIS),
    exp.Trim: ("trim", _PAIR),
    exp.Substring: ("substring", ("this", "start", "length")),
    exp.Left: ("left", _PAIR),
    exp.Right: ("right", _PAIR),
    exp.Replace: ("replace", ("this", "expression", "replacement")),
    exp.Reverse: ("reverse", _THIS),
    exp.Concat: ("concat", ("expressions",)),
    exp.Pad: ("rpad", ("this", "expression", "fill_pattern")),
    exp.Repeat: ("repeat", ("this", "times")),
    exp.StartsWith: ("starts_with", _PAIR),
    exp.EndsWith: ("ends_with", _PAIR),
    exp.Contains: ("contains", _PAIR),
    exp.StrPosition: ("strpos", ("this", "substr")),
    exp.SplitPart: ("split_part", ("this", "delimiter", "part_index")),
    exp.Ascii: ("ascii", _THIS),
    exp.Chr: ("chr", ("expressions",)),
    exp.Translate: ("translate", ("this", "from_", "to")),
    exp.Like: ("like", _PAIR),
    exp.ILike: ("ilike", _PAIR),
    exp.TimestampTrunc: ("date_trunc", ("unit", "this")),
    exp.DateTrunc: ("date_trunc", ("unit", "this")),
    exp.Extract: ("date_part", _PAIR),
    exp.DateDiff: ("date_diff", ("unit", "expression", "this")),
    exp.DateFromParts: ("make_date", ("year", "month", "day")),
    exp.LastDay: ("last_day", _THIS),
    exp.Dayname: ("dayname", _THIS),
    exp.Monthname: ("monthname", _THIS),
    exp.TimeToUnix: ("epoch", _THIS),
    exp.Date: ("date", _THIS),
    exp.Coalesce: ("coalesce", ("this", "expressions")),
    exp.Nullif: ("nullif", _PAIR),
}

_PARTS: Mapping[type[exp.Expr], str] = {
    exp.Year: "year",
    exp.Quarter: "quarter",
    exp.Month: "month",
    exp.Week: "week",
    exp.WeekOfYear: "week",
    exp.Day: "day",
    exp.DayOfMonth: "day",
    exp.DayOfWeek: "dow",
    exp.DayOfWeekIso: "isodow",
    exp.DayOfYear: "doy",
    exp.Hour: "hour",
    exp.Minute: "minute",
    exp.Second: "second",
}

_PARSED = Dialect.get_or_raise("duckdb").parse("select initcap(x)")[0]
_WORD_ENDS = _PARSED.find(exp.Initcap).args.get("expression") if _PARSED is not None else None  # type: ignore[union-attr]

_MARKS: Mapping[type[exp.Expr], Mapping[str, tuple[object, ...]]] = {
    exp.Greatest: {"ignore_nulls": (True,)},
    exp.Least: {"ignore_nulls": (True,)},
    exp.Concat: {"safe": (True,), "coalesce": (True,)},
    exp.DateDiff: {"date_part_boundary": (True,)},
    exp.Initcap: {"expression": (_WORD_ENDS,)},
    exp.Trim: {"position": ("BOTH", "LEADING", "TRAILING")},
    exp.Pad: {"is_left": (True,)},
    exp.Like: {"negate": (True,)},
    exp.ILike: {"negate": (True,)},
}
"""Arguments that are flags: their allowed values. What they mean is in the name of the call, or (negate) with the caller."""

CALL_NODES: Mapping[type[exp.Expr], frozenset[str]] = (
    {kind: frozenset((*parts, *_MARKS.get(kind, {}))) for kind, (_, parts) in _SHAPES.items()}
    | {kind: frozenset(_THIS) for kind in _PARTS}
    | {exp.Anonymous: frozenset({"this", "expressions"}), exp.Var: frozenset({"this"})}
)
"""Node types of function calls with the arguments that are read."""


_BY_UNIT = ("date_trunc", "date_part", "date_diff")


def named_call(node: exp.Expr) -> NamedCall | None:
    """The call that a node is, None where it is none or has an argument that is not read here."""
    kind = type(node)
    if kind in _PARTS:
        return NamedCall("date_part", (_PARTS[kind], node.this)) if _only(node, _THIS) else None
    if isinstance(node, exp.Anonymous):
        return _anonymous(node)
    if kind not in _SHAPES:
        return None
    name, parts = _SHAPES[kind]
    if not _only(node, parts):
        return None
    arguments: list[exp.Expr | str] = []
    gap = False
    for part in parts:
        value = node.args.get(part)
        items = value if isinstance(value, list) else [] if value is None else [value]
        if gap and items:
            return None  # an argument after one that is missing: another form of the function
        gap = gap or not items
        arguments += [_word(item) for item in items]
    if isinstance(node, exp.Trim):
        name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position")), "trim")
    elif isinstance(node, exp.Pad) and node.args.get("is_left"):
        name = "lpad"
    elif isinstance(node, exp.Log) and isinstance(node.this, exp.Literal) and len(arguments) == 2:
        special = {"10": "log10", "2": "log2"}.get(str(node.this.this))
        if special is not None:
            return NamedCall(special, (arguments[1],))
    first = arguments[0] if arguments else None
    if name in _BY_UNIT and isinstance(first, exp.Literal) and first.args["is_string"]:
        first = str(first.this)
    if isinstance(first, str):
        arguments[0] = _unit(first)
    if name == "date_part" and arguments[0] == "epoch":
        return NamedCall("epoch", tuple(arguments[1:]))
    return NamedCall(name, tuple(arguments))


def _only(node: exp.Expr, parts: tuple[str, ...]) -> bool:
    """Whether every argument is read, empty, or a mark with an allowed value."""
    marks = _MARKS.get(type(node), {})
    return all(
        part in parts or value in (None, False, "", []) or value in marks.get(part, ())
        for part, value in node.args.items()
    )


def _anonymous(node: exp.Anonymous) -> NamedCall | None:
    name = str(node.this).lower()
    arguments: list[exp.Expr | str] = list(node.expressions)
    part = unit_of(name)
    if part is not None and part in (*DATE_PARTS, *TIME_PARTS):
        return NamedCall("date_part", (part, *arguments))
    name = {"datepart": "date_part", "datetrunc": "date_trunc", "datediff": "date_diff"}.get(name, name)
    first = arguments[0] if arguments else None
    if name in _BY_UNIT and isinstance(first, exp.Literal) and first.args["is_string"]:
        arguments[0] = _unit(str(first.this))
        if name == "date_part" and arguments[0] == "epoch":
            return NamedCall("epoch", tuple(arguments[1:]))
    return NamedCall(name, tuple(arguments))


def _word(item: object) -> exp.Expr | str:
    if isinstance(item, exp.Var):
        return str(item.this).lower()
    assert isinstance(item, exp.Expr)
    return item


def _unit(word: str) -> str:
    return UNIT_SPELLINGS.get(word.lower(), word.lower())


def unit_of(word: str) -> str | None:
    """The unit or part of a moment that a word means, None where it means none."""
    unit = _unit(word)
    return unit if unit in (*DATE_PARTS, *TIME_PARTS, "day", "week") else None
