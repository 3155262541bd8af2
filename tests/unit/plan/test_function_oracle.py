"""Functions mean what DuckDB means by them, where their entry says how DuckDB writes them."""

import math

import duckdb
import pyarrow as pa
import pytest
from function_arguments import arguments, generator, type_lists

from sandbox.plan.functions import FUNCTIONS
from sandbox.plan.functions.calendar import known_day, known_moment
from sandbox.plan.functions.entry import representable
from sandbox.terms.dataset import Type

ROWS = 150
CONSTANTS = 6
COLUMN_TYPES = {
    Type.INT: pa.int64(),
    Type.FLOAT: pa.float64(),
    Type.STRING: pa.string(),
    Type.BOOL: pa.bool_(),
    Type.DATE: pa.int32(),
    Type.TIMESTAMP: pa.int64(),
}
READ = {Type.DATE: "(date '1970-01-01' + {})", Type.TIMESTAMP: "make_timestamp({})"}
WRITTEN = {Type.DATE: "date_diff('day', date '1970-01-01', {})", Type.TIMESTAMP: "epoch_us({})"}
LONGEST_COUNT = 2**31 - 1
"""DuckDB refuses to cut texts at places beyond, and to make so many intervals."""


def written_with(entry, types):
    """Whether DuckDB's form takes this number of arguments."""
    return (
        bool(entry.oracle)
        and f"{{{len(types)}}}" not in entry.oracle
        and ("{all}" in entry.oracle or not types or f"{{{len(types) - 1}}}" in entry.oracle)
    )


CASES = [(item.name, types) for item in FUNCTIONS.values() for types in type_lists(item) if written_with(item, types)]


def sql_constant(value):
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def duckdb_says(entry, types, constants, columns):
    """What DuckDB answers, a line for each row; an error is NULL."""
    names = []
    for place, kind in enumerate(types):
        plain = sql_constant(constants[place]) if place in constants else f"a{place}"
        names.append(plain if place in constants else READ.get(kind, "{}").format(plain))
    text = entry.oracle.format(*names, all=", ".join(names))
    text = f"try({WRITTEN.get(entry.result_type(types), '{}').format(text)})"
    connection = duckdb.connect()
    connection.register("rows", pa.table(columns | {"n": list(range(ROWS))}))
    return [row[0] for row in connection.execute(f"select {text} from rows order by n").fetchall()]


def same(ours, theirs, exact):
    if isinstance(ours, float) and isinstance(theirs, float) and not exact:
        return ours == theirs or math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-300)
    return ours == theirs or (type(ours) is int and type(theirs) is float and float(ours) == theirs)


def differences(entry, types):
    """Rows in which we say something else. Casts of texts read fewer spellings, and the others as DuckDB does."""
    draw = generator(entry.name)
    found = []
    fixed = [place for place in range(len(types)) if entry.parameter(place).constant]
    for _ in range(CONSTANTS if fixed else 1):
        rows = [arguments(entry, types, draw, wide=False) for _ in range(ROWS)]
        if types[:1] in ((Type.STRING,), (Type.TIMESTAMP,)):
            counts = [kind is Type.INT for kind in types]
            rows = [
                [min(item, LONGEST_COUNT) if count else item for item, count in zip(row, counts, strict=True)]
                for row in rows
            ]
        constants = {place: rows[0][place] for place in fixed}
        for row in rows:
            for place in range(len(types)):
                row[place] = constants.get(place, None if draw.random() < 0.05 else row[place])
        columns = {
            f"a{place}": pa.array([row[place] for row in rows], COLUMN_TYPES[kind])
            for place, kind in enumerate(types)
            if place not in constants
        }
        answers = duckdb_says(entry, types, constants, columns)
        known = {Type.DATE: known_day, Type.TIMESTAMP: known_moment}.get(entry.result_type(types), lambda value: value)
        stricter = entry.name.startswith("cast_") and types == (Type.STRING,)
        pairs = ((row, entry(*row), known(representable(answer))) for row, answer in zip(rows, answers, strict=True))
        found += [
            item for item in pairs if not same(item[1], item[2], entry.exact) and not (stricter and item[1] is None)
        ]
    return found


@pytest.mark.parametrize(
    ("name", "types"), CASES, ids=lambda value: value if isinstance(value, str) else "-".join(value)
)
def test_a_function_means_what_duckdb_means(name, types):
    assert differences(FUNCTIONS[name], types) == []


def test_letters_have_the_case_that_duckdb_gives_them():
    letters = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
    connection = duckdb.connect()
    connection.register("letters", pa.table({"letter": letters}))
    rows = connection.execute("select letter, lower(letter), upper(letter) from letters").fetchall()
    ours = [(letter, FUNCTIONS["lower"](letter), FUNCTIONS["upper"](letter)) for letter in letters]
    assert sorted(rows) == sorted(ours)


def test_the_control_another_meaning_is_noticed():
    from dataclasses import replace

    halves_down = replace(FUNCTIONS["cast_int"], evaluate=math.floor)
    assert differences(halves_down, (Type.FLOAT,)) != []
    mondays = replace(FUNCTIONS["date_diff"], evaluate=lambda _unit, start, end: end // 7 - start // 7)
    assert differences(mondays, (Type.STRING, Type.DATE, Type.DATE)) != []
