"""Calls of the function table: bound arguments in the types an entry takes, constants where it asks for them."""

import difflib
from collections.abc import Iterator, Sequence

from sqlglot import exp

from sandbox.plan.conversions import cast, converted, unified
from sandbox.plan.dialect_calls import arguments_of, as_text, same_call
from sandbox.plan.facts import TEXT_LIMIT
from sandbox.plan.functions.entry import Function, Parameter
from sandbox.plan.functions.table import FUNCTIONS, overloads
from sandbox.plan.literals import is_null
from sandbox.plan.nodes import Call, Expression, Literal, type_of
from sandbox.plan.ranges import facts_of
from sandbox.plan.rewrite import normalise
from sandbox.plan.scope_terms import Columns
from sandbox.plan.spans import span_of
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import PlanNotSupported, RangeTooWide, TypeMismatch, UnknownFunction

AGGREGATE_WORDS = (
    "approx_count_distinct", "avg", "corr", "count", "count_if", "covar_pop", "covar_samp", "max", "mean", "median", "min",
    "percentile_cont", "percentile_disc", "quantile", "quantile_cont", "quantile_disc", "stddev", "stddev_pop",
    "stddev_samp", "sum", "var_pop", "var_samp", "variance",
)  # fmt: skip
"""Names of the aggregates, for hints."""

CLOCKS = {
    "current_date", "current_time", "current_timestamp", "get_current_time", "get_current_timestamp", "getdate", "localtime",
    "localtimestamp", "now", "today", "transaction_timestamp", "curdate", "curtime", "sysdate", "sysdatetime", "systimestamp",
    "unix_timestamp", "utc_timestamp", "getutcdate",
}  # fmt: skip
CLOCK_DETAIL = "A clock gives another answer each day: write the date into the query, as in date '2024-01-31'."
_DICE = {"currval", "gen_random_uuid", "nextval", "random", "rand", "setseed", "uuid"}
_CLOCK_NODES = (exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.Localtime, exp.Localtimestamp)
_DICE_NODES = (exp.Rand, exp.Uuid)
_PATTERNS = (exp.RegexpLike, exp.RegexpILike, exp.RegexpFullMatch, exp.SimilarTo, exp.Glob)
_MEANT = {
    "fmod": "mod",
    "date_sub": "date_diff",
    "datesub": "date_diff",
    "charindex": "strpos",
    "locate": "strpos",
    "average": "avg",
    "stdev": "stddev",
    "stdevp": "stddev_pop",
    "var": "variance",
    "isnull": "coalesce",
    "to_date": "date",
    "string_length": "length",
    "size": "length",
    "truncate": "trunc",
    "substring_index": "split_part",
    "char": "chr",
    "unicode": "ascii",
    "ord": "ascii",
    "unique": "count",
}
"""What functions of other systems are called here."""


def call(name: str, operands: Sequence[Expression], node: exp.Expr, scope: Columns) -> Expression:
    """The call of the entry that has this SQL name and takes these arguments, converted where SQL does.

    Raises:
        Unanswerable: no such function, arguments of other types or number, constants it does not take, or a text that
            could get too long.
    """
    entries = overloads(name)
    if not entries:
        raise unknown_function(name, node, scope)
    if not any(entry.fewest <= len(operands) <= entry.largest for entry in entries):
        few, many = min(entry.fewest for entry in entries), max(entry.largest for entry in entries)
        number = str(few) if few == many else f"{few} to {many}"
        detail = f"{name} takes {number} argument{'' if number == '1' else 's'}: {entries[0].words}."
        raise scope.refuse(PlanNotSupported, detail, node, *_example(entries[0], node, scope))
    wrong: tuple[Parameter, int] | None = None
    for form in _forms(tuple(operands)):
        for entry in entries:
            fitting = _fitted(entry, form)
            kind = None if fitting is None else entry.result_type([type_of(operand) for operand in fitting])
            if fitting is None or kind is None:
                continue
            fitting, unfit = _constants(entry, fitting)
            if unfit is None:
                return _checked(Call(entry.name, fitting, kind), node, scope)
            wrong = wrong or (entry.parameter(unfit), unfit)
    if wrong is not None:
        raise _no_constant(name, *wrong, node, scope)
    raise _no_overload(name, entries, operands, node, scope)


def _forms(operands: tuple[Expression, ...]) -> Iterator[tuple[Expression, ...]]:
    """The arguments as they are; in one type; dates as timestamps; one timestamp as a date."""
    yield operands
    same = unified(operands)
    if same is not None:
        yield same
    for old, new in ((Type.DATE, Type.TIMESTAMP), (Type.TIMESTAMP, Type.DATE)):
        changed = tuple((cast(item, new) or item) if type_of(item) is old else item for item in operands)
        if changed != operands:
            yield changed


def _fitted(entry: Function, operands: tuple[Expression, ...]) -> tuple[Expression, ...] | None:
    """Each argument in a type that its parameter takes, or None."""
    if not entry.fewest <= len(operands) <= entry.largest:
        return None
    known = [type_of(operand) for operand in operands if not is_null(operand)]
    made: list[Expression] = []
    for number, operand in enumerate(operands):
        kinds = entry.parameter(number).types
        if is_null(operand):
            kind = next((kind for kind in known if kind in kinds), min(kinds, key=list(Type).index))
            made.append(Literal(None, kind))
            continue
        choices = [type_of(operand)] if type_of(operand) in kinds else sorted(kinds, key=list(Type).index)
        texts = entry.name in ("concat", "concat_op") and type_of(operand) is not Type.FLOAT
        options = ((cast(operand, kind) if texts else converted(operand, kind)) for kind in choices)
        fitting = next((option for option in options if option is not None), None)
        if fitting is None:
            return None
        made.append(fitting)
    return tuple(made)


def _constants(entry: Function, operands: tuple[Expression, ...]) -> tuple[tuple[Expression, ...], int | None]:
    """The arguments with their constants computed, and the number of the first that is not one the entry takes."""
    made = list(operands)
    for number, operand in enumerate(operands):
        parameter = entry.parameter(number)
        if not parameter.constant:
            continue
        made[number] = literal = normalise(operand)
        if not isinstance(literal, Literal):
            return tuple(made), number
        value = float(literal.value) if literal.type is Type.FLOAT and literal.value is not None else literal.value
        if not parameter.takes(value):  # type: ignore[arg-type]
            return tuple(made), number
    return tuple(made), None


def _checked(made: Call, node: exp.Expr, scope: Columns) -> Call:
    """The call, unless its text could be longer than texts may be."""
    longer = isinstance(node, exp.DPipe) and isinstance(node.parent, exp.DPipe)  # checked as a whole
    if made.type is Type.STRING and not scope.noisy and not longer:
        length = facts_of(made, scope.facts).max_length
        if length is None or length > TEXT_LIMIT:
            detail = f"By the declared lengths this text can exceed {TEXT_LIMIT} characters: shorten its parts with left(text, 100)."
            raise scope.refuse(RangeTooWide, detail, node, *_shortened(node, scope))
    return made


def _shortened(node: exp.Expr, scope: Columns) -> list[str]:
    """The text with every column inside of `node` cut short, and with `node` replaced by its first column."""
    columns = sorted((scope.text.extent(column) for column in node.find_all(exp.Column)), reverse=True)
    sql = scope.text.sql
    for start, end in columns:
        sql = f"{sql[:start]}left({sql[start:end]}, 100){sql[end:]}"
    bare = [scope.text.replaced(scope.text.extent(node), scope.text.text(place)) for place in columns[-1:]]
    return [sql, *bare] if columns else []


def _no_constant(name: str, parameter: Parameter, number: int, node: exp.Expr, scope: Columns) -> Unanswerable:
    """The refusal of an argument that is no constant, or not one of those allowed."""
    if parameter.choices:
        allowed = f"one of {', '.join(parameter.choices)}"
    elif parameter.least is not None:
        allowed = f"a whole number from {parameter.least} to {parameter.most}"
    else:
        allowed = "written out"
    detail = f"Argument {number + 1} of {name}, {parameter.name}, is a constant: {allowed}."
    place = scope.text.extent(node)
    arguments = [scope.text.text(scope.text.extent(column)) for column in node.find_all(exp.Column)]
    candidates: list[str] = []
    old = scope.text.text(place)
    if parameter.choices and arguments:
        word = next(iter(difflib.get_close_matches(_quoted_word(old), parameter.choices, 1, 0.5)), parameter.choices[0])
        candidates.append(
            scope.text.replaced(
                place, f"{name}('{word}', {', '.join(arguments[-(2 if name == 'date_diff' else 1) :])})"
            )
        )
    if arguments:
        candidates.append(scope.text.replaced(place, arguments[0]))
    return scope.refuse(PlanNotSupported, detail, node, *candidates)


def _quoted_word(text: str) -> str:
    return text.partition("'")[2].partition("'")[0].lower()


def _no_overload(
    name: str, entries: Sequence[Function], operands: Sequence[Expression], node: exp.Expr, scope: Columns
) -> Unanswerable:
    """The refusal of arguments of the wrong types."""
    got = ", ".join("null" if is_null(operand) else type_of(operand).value for operand in operands)
    takes = " or ".join(dict.fromkeys(_signature(entry, len(operands)) for entry in entries[:3]))
    detail = f"{name} takes ({takes}), not ({got})."
    candidates: list[str] = []
    parts = [part for part in node.iter_expressions() if not isinstance(part, exp.Var)]
    for entry in entries:
        for number, operand in enumerate(operands):
            kinds = entry.parameter(number).types
            if type_of(operand) in kinds or number >= len(parts) or len(parts) != len(operands):
                continue
            for kind, word in (
                (Type.STRING, "varchar"),
                (Type.FLOAT, "double"),
                (Type.DATE, "date"),
                (Type.INT, "int"),
            ):
                if kind in kinds and cast(operand, kind) is not None:
                    place = scope.text.extent(parts[number])
                    candidates.append(scope.text.replaced(place, f"cast({scope.text.text(place)} as {word})"))
    bare = [scope.text.text(scope.text.extent(column)) for column in node.find_all(exp.Column)][:1]
    candidates += [scope.text.replaced(scope.text.extent(node), column) for column in bare]
    return scope.refuse(TypeMismatch, detail, node, *candidates[:3])


def _signature(entry: Function, count: int) -> str:
    return ", ".join("/".join(sorted(kind.value for kind in entry.parameter(number).types)) for number in range(count))


def _example(entry: Function, node: exp.Expr, scope: Columns) -> list[str]:
    """The text with the node's first column in its place."""
    columns = [scope.text.text(scope.text.extent(column)) for column in node.find_all(exp.Column)]
    place = scope.text.extent(node)
    whole = (
        [f"{entry.sql[0]}({', '.join(columns[: entry.largest])})"]
        if len(columns) >= entry.fewest and entry.sql[0].isidentifier()
        else []
    )
    return [scope.text.replaced(place, new) for new in (*whole, *columns[:1])]


def unknown_function(name: str, node: exp.Expr, scope: Columns) -> Unanswerable:
    """The refusal of a function that is not in the table."""
    text, place = scope.text, scope.text.extent(node)
    columns = [text.text(text.extent(column)) for column in node.find_all(exp.Column)]
    bare = [text.replaced(place, column) for column in columns[:1]]
    if name in CLOCKS or isinstance(node, _CLOCK_NODES):
        return _at_word(CLOCKS, CLOCK_DETAIL, "date '2024-01-31'", node, scope)
    if name in _DICE or isinstance(node, _DICE_NODES):
        detail = "Random numbers are not available: the same question has the same answer."
        return _at_word(_DICE, detail, "0.5", node, scope)
    if isinstance(node, exp.TimeToStr) and columns:
        detail = "Moments are written with cast(x as varchar), in parts with date_part."
        meant = as_text(columns[0], node.args["format"].name)
        return scope.refuse(UnknownFunction, detail, node, text.replaced(place, meant), *bare)
    same = same_call(name, [text.text(text.extent(part)) for part in arguments_of(node)])
    if same is not None:
        return scope.refuse(UnknownFunction, same[1], node, text.replaced(place, same[0]), *bare)
    if isinstance(node, _PATTERNS) or name.startswith(("regexp", "similar")):
        detail = "Regular expressions are not available; LIKE, starts_with, contains and split_part are."
        pattern = next((item for item in node.find_all(exp.Literal) if item.args["is_string"]), None)
        written = str(pattern.this) if pattern is not None else ""
        plain = "".join(letter for letter in written if letter.isalnum() or letter in " -_")
        found = [text.replaced(place, f"contains({columns[0]}, '{plain}')")] if columns else []
        return scope.refuse(PlanNotSupported, detail, node, *found, *bare)
    spellings = [word for entry in FUNCTIONS.values() for word in entry.sql if word.isidentifier()]
    other = _MEANT.get(name)
    near = [other] if other is not None else difflib.get_close_matches(name, [*AGGREGATE_WORDS, *spellings], 1, 0.7)
    hint = f" Did you mean {near[0]}?" if near else " The reference of the language lists all that there are."
    old = text.text(place)
    renamed = [text.replaced(place, near[0] + old[old.index("(") :])] if near and "(" in old else []
    return scope.refuse(UnknownFunction, f"There is no such function here.{hint}", node, *renamed, *bare)


def _at_word(words: set[str], detail: str, new: str, node: exp.Expr, scope: Columns) -> Unanswerable:
    """The refusal of a word with or without brackets; the parser keeps no place of those without."""
    text = scope.text
    start, end = text.extent(node)
    tokens = [token for token in text.tokens if token.text.lower() in words]
    if text.text((start, end)).partition("(")[0].strip().lower() not in words and tokens:
        start, end = tokens[0].start, tokens[0].end + 1
    found = scope.refuse(PlanNotSupported, detail, node, text.replaced((start, end), new))
    found.refusal.span = span_of(text.sql, start, end)
    return found
