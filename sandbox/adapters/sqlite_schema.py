"""The ledger's database: its tables, the constraints that make illegal states unrepresentable, and how it is opened.

Records are only ever added. What happens to a query is a second row (`settlements`), never a changed one; the one table
whose cells move is `accounts`, and a trigger on the query row moves them, so that no code can store a reservation
without its debit. Whoever opens the file compares pragmas and schema with what is written here.
"""

import os
import sqlite3
import stat
from pathlib import Path
from urllib.parse import quote

from sandbox.terms.refusal import EnclaveSealed

SCHEMA_VERSION = 2

_TABLES = """
CREATE TABLE ledger (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    schema_version INTEGER NOT NULL,
    origin TEXT NOT NULL,
    log_key TEXT NOT NULL
) STRICT;

CREATE TABLE entries (
    position INTEGER PRIMARY KEY CHECK (position >= 0),
    body BLOB NOT NULL CHECK (length(body) > 0)
) STRICT;

CREATE TABLE entry_facts (
    entry INTEGER PRIMARY KEY REFERENCES entries (position),
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    person TEXT NOT NULL,
    datasets TEXT NOT NULL,
    purpose TEXT,
    decision TEXT,
    text_tag TEXT
) STRICT;

CREATE TABLE hashes (
    position INTEGER PRIMARY KEY CHECK (position >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE checkpoint (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    size INTEGER NOT NULL CHECK (size >= 0),
    note TEXT NOT NULL
) STRICT;

CREATE TABLE people (
    name TEXT PRIMARY KEY,
    organisation TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('administrator', 'steward', 'analyst', 'officer')),
    token_digest BLOB NOT NULL UNIQUE CHECK (length(token_digest) = 32),
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    mac TEXT NOT NULL
) STRICT;

CREATE TABLE spaces (
    name TEXT PRIMARY KEY,
    mode TEXT NOT NULL CHECK (mode IN ('zcdp', 'pure')),
    epsilon TEXT NOT NULL,
    delta TEXT NOT NULL,
    buckets INTEGER NOT NULL CHECK (buckets > 0),
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position)
) STRICT;

CREATE TABLE datasets (
    name TEXT PRIMARY KEY,
    space TEXT NOT NULL REFERENCES spaces (name),
    description TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    UNIQUE (name, space)
) STRICT;

CREATE TABLE versions (
    dataset TEXT NOT NULL REFERENCES datasets (name),
    number INTEGER NOT NULL CHECK (number > 0),
    manifest TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    PRIMARY KEY (dataset, number)
) STRICT;

CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version > 0),
    analyst TEXT NOT NULL REFERENCES people (name),
    organisation TEXT NOT NULL,
    purpose TEXT NOT NULL,
    epsilon TEXT NOT NULL,
    not_before TEXT NOT NULL,
    not_after TEXT NOT NULL,
    given_by TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    mac TEXT NOT NULL,
    UNIQUE (id, analyst)
) STRICT;

CREATE TABLE granted_datasets (
    grant_id TEXT NOT NULL REFERENCES grants (id),
    place INTEGER NOT NULL CHECK (place >= 0),
    dataset TEXT NOT NULL REFERENCES datasets (name),
    PRIMARY KEY (grant_id, place),
    UNIQUE (grant_id, dataset)
) STRICT;

CREATE TABLE accounts (
    space TEXT NOT NULL REFERENCES spaces (name),
    kind TEXT NOT NULL CHECK (kind IN ('space', 'dataset', 'grant', 'analyst')),
    owner TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('zcdp', 'pure')),
    limit_units INTEGER NOT NULL,
    limit_delta INTEGER NOT NULL,
    spent_units INTEGER NOT NULL DEFAULT 0,
    spent_delta INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (space, kind, owner),
    CHECK (spent_units >= 0 AND spent_units <= limit_units AND limit_units <= 9000000000000000000),
    CHECK (spent_delta >= 0 AND spent_delta <= limit_delta AND limit_delta <= 9000000000000000000)
) STRICT, WITHOUT ROWID;

CREATE TABLE queries (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    dataset TEXT NOT NULL,
    space TEXT NOT NULL,
    mode TEXT NOT NULL,
    units INTEGER NOT NULL,
    delta INTEGER NOT NULL CHECK (delta >= 0),
    reused_of TEXT REFERENCES queries (id),
    answer_key TEXT NOT NULL,
    idempotency BLOB NOT NULL CHECK (length(idempotency) = 32),
    body BLOB NOT NULL CHECK (length(body) = 32),
    request BLOB NOT NULL,
    accepted_at TEXT NOT NULL,
    visible_at TEXT NOT NULL,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    mac TEXT NOT NULL,
    UNIQUE (person, idempotency),
    FOREIGN KEY (grant_id, person) REFERENCES grants (id, analyst),
    FOREIGN KEY (grant_id, dataset) REFERENCES granted_datasets (grant_id, dataset),
    FOREIGN KEY (dataset, space) REFERENCES datasets (name, space),
    CHECK (units > 0 AND reused_of IS NULL OR units = 0 AND delta = 0 AND reused_of IS NOT NULL)
) STRICT;
CREATE INDEX queries_by_answer ON queries (grant_id, answer_key) WHERE reused_of IS NULL;
CREATE INDEX queries_by_person ON queries (person, entry);

CREATE TABLE settlements (
    order_id TEXT PRIMARY KEY REFERENCES queries (order_id),
    outcome TEXT NOT NULL CHECK (outcome IN ('committed', 'forfeited')),
    answer BLOB,
    entry INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    CHECK ((outcome = 'committed') = (answer IS NOT NULL))
) STRICT;
"""

_RULES = {
    "entries_have_no_gap": """BEFORE INSERT ON entries
        WHEN NEW.position <> (SELECT coalesce(max(position), -1) + 1 FROM entries)""",
    "hashes_have_no_gap": """BEFORE INSERT ON hashes
        WHEN NEW.position <> (SELECT coalesce(max(position), -1) + 1 FROM hashes)""",
    "checkpoint_covers_every_entry": """BEFORE UPDATE ON checkpoint
        WHEN NEW.size <> OLD.size + 1 OR NEW.size <> (SELECT max(position) + 1 FROM entries)""",
    "checkpoint_stays": "BEFORE DELETE ON checkpoint WHEN 1",
    "accounts_stay": "BEFORE DELETE ON accounts WHEN 1",
    "accounts_start_unspent": "BEFORE INSERT ON accounts WHEN NEW.spent_units <> 0 OR NEW.spent_delta <> 0",
    "limits_are_fixed": "BEFORE UPDATE OF space, kind, owner, mode, limit_units, limit_delta ON accounts WHEN 1",
    "spending_never_falls": """BEFORE UPDATE OF spent_units, spent_delta ON accounts
        WHEN NEW.spent_units < OLD.spent_units OR NEW.spent_delta < OLD.spent_delta""",
    "versions_grow": """BEFORE INSERT ON versions
        WHEN NEW.number <= (SELECT coalesce(max(number), 0) FROM versions WHERE dataset = NEW.dataset)""",
    "a_query_has_four_accounts": """BEFORE INSERT ON queries
        WHEN 4 <> (SELECT count(*) FROM accounts WHERE space = NEW.space AND mode = NEW.mode AND (kind, owner) IN (
            VALUES ('space', NEW.space), ('dataset', NEW.dataset), ('grant', NEW.grant_id), ('analyst', NEW.person)))""",
    "only_committed_answers_are_reused": """BEFORE INSERT ON queries
        WHEN NEW.reused_of IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM queries AS first JOIN settlements USING (order_id)
            WHERE first.id = NEW.reused_of AND first.grant_id = NEW.grant_id
                AND first.answer_key = NEW.answer_key AND outcome = 'committed')""",
    "only_reservations_are_settled": """BEFORE INSERT ON settlements
        WHEN EXISTS (SELECT 1 FROM queries WHERE order_id = NEW.order_id AND reused_of IS NOT NULL)""",
}

_ADD_ONLY = (
    "ledger",
    "entries",
    "entry_facts",
    "hashes",
    "people",
    "spaces",
    "datasets",
    "versions",
    "grants",
    "granted_datasets",
    "queries",
    "settlements",
)

_DEBIT = """
CREATE TRIGGER a_reservation_debits_its_accounts AFTER INSERT ON queries BEGIN
    UPDATE accounts SET spent_units = spent_units + NEW.units, spent_delta = spent_delta + NEW.delta
    WHERE space = NEW.space AND (kind, owner) IN (
        VALUES ('space', NEW.space), ('dataset', NEW.dataset), ('grant', NEW.grant_id), ('analyst', NEW.person));
END;
"""

_PRAGMAS = {
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "foreign_keys": ("ON", 1),
    "recursive_triggers": ("ON", 1),  # or REPLACE would delete rows past the triggers
    "trusted_schema": ("OFF", 0),
}


def schema_script() -> str:
    """All statements that make an empty ledger."""
    rules = [f"CREATE TRIGGER {name} {rule} BEGIN SELECT RAISE(ABORT, '{name}'); END;" for name, rule in _RULES.items()]
    for table in _ADD_ONLY:
        for verb in ("UPDATE", "DELETE"):
            name = f"{table}_no_{verb.lower()}"
            rules.append(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{name}'); END;")
    return "\n".join([_TABLES, *rules, _DEBIT])


def make_file(path: Path) -> None:
    """Create the database file where it is missing, readable by its owner alone.

    Raises:
        EnclaveSealed: the file is there and others may read it, or it is no plain file.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077:
            raise EnclaveSealed(
                "The ledger's file must be a plain file that only its owner may read and write (mode 0600)."
            ) from None
        return
    os.close(handle)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # the new name must survive a power cut as the rows do
    finally:
        os.close(folder)


def connect(path: Path, *, busy_timeout: float, writer: bool) -> sqlite3.Connection:
    """A connection in which every pragma is in force, read back.

    Raises:
        EnclaveSealed: one is not.
        sqlite3.Error: the file cannot be opened.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.row_factory = sqlite3.Row
    try:
        _set_pragmas(connection)
        if not writer:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _set_pragmas(connection: sqlite3.Connection) -> None:
    for name, (value, expected) in _PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
        if connection.execute(f"PRAGMA {name}").fetchone()[0] != expected:
            raise EnclaveSealed(f"The ledger's database does not hold the setting {name} = {value}.", setting=name)


def make_schema(connection: sqlite3.Connection, origin: str, log_key: str, first_note: str) -> None:
    """Fill a new database, within the caller's transaction: schema, whose log this is, the checkpoint of size 0."""
    for statement in _statements(schema_script()):
        connection.execute(statement)
    connection.execute("INSERT INTO ledger VALUES (1, ?, ?, ?)", (SCHEMA_VERSION, origin, log_key))
    connection.execute("INSERT INTO checkpoint VALUES (1, 0, ?)", (first_note,))


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever written here."""
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None


def check_schema(connection: sqlite3.Connection, origin: str, log_key: str) -> None:
    """That this is our schema, whole and unchanged, for this origin and key.

    Raises:
        EnclaveSealed: it is not; `found` is the unknown schema version, where that is the reason.
    """
    present = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if "ledger" not in present:
        raise EnclaveSealed("The file is a database, but not a ledger of this enclave.")
    row = connection.execute("SELECT schema_version, origin, log_key FROM ledger").fetchone()
    if row is None or row["schema_version"] != SCHEMA_VERSION:
        raise EnclaveSealed(
            f"The ledger's schema is of another version than {SCHEMA_VERSION}, the one this program knows.",
            found=row["schema_version"] if row is not None else None,
        )
    if (row["origin"], row["log_key"]) != (origin, log_key):
        raise EnclaveSealed("The ledger belongs to a log of another name or key.")
    if _objects(connection) != _expected_objects():
        raise EnclaveSealed("The ledger's tables, rules or indexes were changed.")


def _objects(connection: sqlite3.Connection) -> set[tuple[str, str, str, str | None]]:
    return {tuple(row) for row in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")}


def _expected_objects() -> set[tuple[str, str, str, str | None]]:
    scratch = sqlite3.connect(":memory:")
    try:
        scratch.executescript(schema_script())
        return _objects(scratch)
    finally:
        scratch.close()


def _statements(script: str) -> list[str]:
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending.strip())
            pending = ""
    return found
