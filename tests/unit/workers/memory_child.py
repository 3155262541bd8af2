"""One worker's measurement of the widest rows there can be, in a process of its own: prints the bytes that it had at most.

Every row has texts of its own of the greatest length, in letters of four bytes. Arguments: a question of QUESTIONS, rows,
rows of each unit, characters of a text.
"""

import resource
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from sandbox.plan.compile import compile_query
from sandbox.plan.query import Plan
from sandbox.plan.relations import Scan
from sandbox.terms.dataset import Table
from sandbox.terms.description import parse_description
from workers.bucket import ColumnArray, Piece, UnitRuns
from workers.scan import scan
from workers.sealed_parquet import ROW_GROUP
from workers.warm import compile_passes

LETTER = "𝒳"
DIGITS = 8
_DESCRIPTION = """
[dataset]
name = "clinic"
title = "Visits"
steward = "health"
unit_space = "patients"
grade = "general"
budget = {{ epsilon = "20" }}
[unit_spaces.patients]
accounting = "zcdp"
budget = {{ epsilon = "20", delta = "1e-6" }}
[tables.visits]
unit = "pid"
rows_max = {rows}
max_rows_per_unit = {cap}
[tables.visits.columns]
pid = {{ type = "int", role = "unit" }}
name = {{ type = "string", max_length = {length} }}
note = {{ type = "string", max_length = {length} }}
n = {{ type = "int", bounds = [0, 1000000] }}
"""


def _of_units(columns: str, keys: str = "") -> str:
    return f"select avg(m) from (select pid, {columns} as m from visits group by pid{keys})"


QUESTIONS = {
    "a column": "select count(*) as n from visits where name = 'x'",
    "padded": f"select count(*) as n from visits where lpad(name, 3000, '{LETTER}') = 'x'",
    "a choice of padded": "select count(*) as n from visits where case "
    + " ".join(f"when n = {number} then lpad(name, {1500 + number}, '{LETTER}')" for number in range(3))
    + " else name end = 'x'",
    "many padded": "select count(*) as n from visits where "
    + " or ".join(f"lpad(name, {1000 + number}, '{LETTER}') = 'x'" for number in range(8)),
    "distinct texts": _of_units("count(distinct name) + count(distinct note)"),
    "grouped by texts": _of_units("count(*)", ", name, note"),
    "distinct padded": _of_units(f"count(distinct lpad(name, 400, '{LETTER}'))"),
    "sorted texts": "select sum(least(r, 5)) from (select pid, row_number() over (partition by pid, note order by name desc)"
    " as r from visits)",
    "united": "select count(*) from (select pid, name from visits union all select pid, note from visits) where name = 'x'",
}


def asked(question: str, rows: int, cap: int, length: int) -> tuple[Plan, dict[tuple[str, str], Table]]:
    """The plan, and the tables that it scans."""
    dataset = parse_description(_DESCRIPTION.format(rows=rows, cap=cap, length=length))
    table = dataset.table("visits")
    assert table is not None
    return compile_query(QUESTIONS[question], {dataset.name: dataset}), {("clinic", "visits"): table}


def texts(start: int, rows: int, length: int) -> pa.Array:
    """Texts of so many characters that differ at their ends alone."""
    before = (LETTER * (length - DIGITS)).encode()
    letters = np.empty((rows, len(before) + DIGITS), np.uint8)
    letters[:, : len(before)] = np.frombuffer(before, np.uint8)
    numbers = np.arange(start, start + rows)
    for place in range(DIGITS):
        letters[:, -1 - place] = ord("0") + numbers // 10**place % 10
    ends = np.arange(rows + 1, dtype=np.int64) * letters.shape[1]
    return pa.Array.from_buffers(
        pa.large_string(), rows, [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(letters.tobytes())]
    )


class Widest:
    """Rows made as they are read, a row group at a time, as a worker reads them."""

    def __init__(self, rows: int, cap: int, length: int) -> None:
        self.runs = np.full(rows // cap, cap, np.int64)
        self.length = length

    def units(self, _scan: Scan) -> UnitRuns:
        tokens = np.arange(len(self.runs), dtype=np.uint64)
        return UnitRuns(tokens, np.zeros_like(tokens), self.runs)

    def pieces(self, _scan: Scan, columns: Sequence[str], rows: int) -> Iterator[Piece]:
        for start in range(0, rows, ROW_GROUP):
            count = min(ROW_GROUP, rows - start)
            yield Piece(count, {name: self._column(name, start, count) for name in columns})

    def _column(self, name: str, start: int, count: int) -> ColumnArray:
        if name == "n":
            return ColumnArray(np.arange(start, start + count))
        held = texts(start if name == "name" else start + 10**7, count, self.length)
        return ColumnArray(np.arange(count, dtype=np.int32), None, held)


def main(question: str, rows: int, cap: int, length: int) -> None:
    plan, _ = asked(question, rows, cap, length)
    compile_passes()
    scan(plan, [Widest(rows, cap, length)], b"k" * 32)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main(sys.argv[1], *(int(argument) for argument in sys.argv[2:]))
