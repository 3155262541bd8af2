"""People and their keys, unit spaces, datasets and versions inside the ledger's database.

Each is a row made once, with the index of the entry that states it. Writers run within the caller's transaction.
"""

import sqlite3
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from sandbox.adapters.row_seal import RowSeal
from sandbox.terms.dataset import Dataset, UnitSpace, Version
from sandbox.terms.description import parse_description
from sandbox.terms.loss import Mode
from sandbox.terms.people import Person, PublicKeys, Role


def add_person(connection: sqlite3.Connection, person: Person, token_digest: bytes, index: int, seal: RowSeal) -> None:
    cells = (person.name, person.organisation, person.role.value, person.identity, token_digest)
    connection.execute("INSERT INTO people VALUES (?, ?, ?, ?, ?, ?, ?)", (*cells, index, seal.mac("people", *cells)))


def add_keys(connection: sqlite3.Connection, keys: PublicKeys, index: int) -> None:
    connection.execute(
        "INSERT INTO person_keys VALUES (?, ?, ?, ?, ?)", (keys.id, keys.person, keys.sealing, keys.signing, index)
    )


def add_space(connection: sqlite3.Connection, space: UnitSpace, index: int) -> None:
    connection.execute(
        "INSERT INTO spaces VALUES (?, ?, ?, ?, ?, ?)",
        (space.name, space.mode.value, str(space.epsilon), str(space.delta), space.buckets, index),
    )


def add_dataset(connection: sqlite3.Connection, dataset: Dataset, text: str, index: int) -> None:
    space = dataset.unit_space or None
    connection.execute("INSERT INTO datasets VALUES (?, ?, ?, ?)", (dataset.name, space, text, index))


def add_version(connection: sqlite3.Connection, version: Version, index: int) -> None:
    connection.execute(
        "INSERT INTO versions VALUES (?, ?, ?, ?, ?)",
        (version.dataset, version.number, version.manifest, version.segments, index),
    )


def person(connection: sqlite3.Connection, name: str) -> Person | None:
    row = connection.execute("SELECT * FROM people WHERE name = ?", (name,)).fetchone()
    return read_person(row) if row is not None else None


def person_by_token(connection: sqlite3.Connection, token_digest: bytes) -> Person | None:
    row = connection.execute("SELECT * FROM people WHERE token_digest = ?", (token_digest,)).fetchone()
    return read_person(row) if row is not None else None


def people(connection: sqlite3.Connection) -> Sequence[Person]:
    """In the order in which they were enrolled."""
    return [read_person(row) for row in connection.execute("SELECT * FROM people ORDER BY entry")]


def roles_of(connection: sqlite3.Connection, human: str) -> set[Role]:
    """The roles that one human holds, under whatever names."""
    return {Role(row[0]) for row in connection.execute("SELECT role FROM people WHERE human = ?", (human,))}


def key(connection: sqlite3.Connection, name: str) -> PublicKeys | None:
    row = connection.execute("SELECT * FROM person_keys WHERE id = ?", (name,)).fetchone()
    return read_keys(row) if row is not None else None


def keys(connection: sqlite3.Connection, person: str) -> Sequence[PublicKeys]:
    """A person's, in the order in which they were registered."""
    rows = connection.execute("SELECT * FROM person_keys WHERE person = ? ORDER BY entry", (person,))
    return [read_keys(row) for row in rows]


def space(connection: sqlite3.Connection, name: str) -> UnitSpace | None:
    row = connection.execute("SELECT * FROM spaces WHERE name = ?", (name,)).fetchone()
    return read_space(row) if row is not None else None


def dataset(connection: sqlite3.Connection, name: str) -> tuple[Dataset, str] | None:
    row = connection.execute("SELECT description FROM datasets WHERE name = ?", (name,)).fetchone()
    return (described(row[0]), row[0]) if row is not None else None


def space_of(connection: sqlite3.Connection, dataset: str) -> str | None:
    """The unit space of a dataset, "" for a public one, None where there is no such dataset."""
    row = connection.execute("SELECT coalesce(space, '') FROM datasets WHERE name = ?", (dataset,)).fetchone()
    return str(row[0]) if row is not None else None


def datasets(connection: sqlite3.Connection) -> Sequence[Dataset]:
    """In the order in which they were registered."""
    return [described(row[0]) for row in connection.execute("SELECT description FROM datasets ORDER BY entry")]


def version(connection: sqlite3.Connection, dataset: str) -> Version | None:
    """The current version: the last one loaded."""
    row = connection.execute(
        "SELECT * FROM versions WHERE dataset = ? ORDER BY number DESC LIMIT 1", (dataset,)
    ).fetchone()
    return read_version(row) if row is not None else None


@lru_cache(maxsize=256)
def described(text: str) -> Dataset:
    """The dataset that a description describes. Descriptions never change, so each is parsed once."""
    return parse_description(text, registered=True)


def read_person(row: sqlite3.Row) -> Person:
    return Person(row["name"], row["organisation"], Role(row["role"]), row["identity"])


def read_keys(row: sqlite3.Row) -> PublicKeys:
    return PublicKeys(row["id"], row["person"], row["sealing"], row["signing"])


def read_space(row: sqlite3.Row) -> UnitSpace:
    return UnitSpace(row["name"], Mode(row["mode"]), Fraction(row["epsilon"]), Fraction(row["delta"]), row["buckets"])


def read_version(row: sqlite3.Row) -> Version:
    return Version(row["dataset"], row["number"], row["manifest"], row["segments"])
