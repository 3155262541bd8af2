"""Freezes inside the ledger's database: a stop, and the consents to lift it. Writers run within the caller's transaction."""

import sqlite3
from collections.abc import Sequence

from sandbox.adapters.row_seal import RowSeal
from sandbox.proof.entry import read_time, time_text
from sandbox.terms.people import Freeze, Subject
from sandbox.terms.refusal import Frozen

_FREEZES = """
SELECT freezes.*, first.officer AS lift_asked_by, second.officer AS lifted_by FROM freezes
LEFT JOIN lifts AS first ON first.freeze = freezes.id AND first.place = 1
LEFT JOIN lifts AS second ON second.freeze = freezes.id AND second.place = 2
"""

_THERE = {
    Subject.PERSON: "SELECT 1 FROM people WHERE name = ?",
    Subject.GRANT: "SELECT 1 FROM grants WHERE id = ?",
    Subject.DATASET: "SELECT 1 FROM datasets WHERE name = ?",
}


def add_freeze(connection: sqlite3.Connection, freeze: Freeze, index: int, seal: RowSeal) -> None:
    at = time_text(freeze.at)
    connection.execute(
        "INSERT INTO freezes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            freeze.id,
            freeze.subject.value,
            freeze.name,
            freeze.by,
            freeze.reason,
            at,
            index,
            seal.mac("freezes", freeze.id, at),
        ),
    )


def add_lift(connection: sqlite3.Connection, freeze: Freeze, officer: str, reason: str, index: int) -> None:
    """One officer's consent: the second ends the freeze."""
    place = 1 if freeze.lift_asked_by is None else 2
    connection.execute("INSERT INTO lifts VALUES (?, ?, ?, ?, ?)", (freeze.id, place, officer, reason, index))


def freeze(connection: sqlite3.Connection, name: str) -> Freeze | None:
    row = connection.execute(_FREEZES + "WHERE freezes.id = ?", (name,)).fetchone()
    return read_freeze(row) if row is not None else None


def freezes(connection: sqlite3.Connection, *, active: bool) -> Sequence[Freeze]:
    """Those in force, or all, newest first."""
    where = "WHERE second.officer IS NULL " if active else ""
    return [read_freeze(row) for row in connection.execute(_FREEZES + where + "ORDER BY freezes.entry DESC")]


def is_there(connection: sqlite3.Connection, subject: Subject, name: str) -> bool:
    """Whether there is anything of this name to freeze."""
    return connection.execute(_THERE[subject], (name,)).fetchone() is not None


def is_frozen(connection: sqlite3.Connection, subject: str, name: str) -> bool:
    found = connection.execute("SELECT 1 FROM frozen WHERE subject = ? AND name = ?", (subject, name)).fetchone()
    return found is not None


def check_free(connection: sqlite3.Connection, *, person: str, grant: str = "", datasets: Sequence[str] = ()) -> None:
    """That none of these is frozen.

    Raises:
        Frozen: one is; facts `subject` and `name`.
    """
    named = [(Subject.DATASET, dataset) for dataset in datasets]
    for subject, name in ((Subject.PERSON, person), (Subject.GRANT, grant), *named):
        if is_frozen(connection, subject.value, name):
            raise Frozen(f"The {subject.value} {name} is frozen.", subject=subject.value, name=name)


def read_freeze(row: sqlite3.Row) -> Freeze:
    """A row of freezes joined with its lifts."""
    return Freeze(
        row["id"],
        Subject(row["subject"]),
        row["name"],
        row["set_by"],
        row["reason"],
        read_time(row["at"]),
        row["lift_asked_by"],
        row["lifted_by"] is not None,
    )
