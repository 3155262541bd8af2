"""Accounts inside the ledger's database: unit space ≥ dataset ≥ grant ≥ analyst, each with room or not.

The debit itself is a trigger on the query row (see `sqlite_schema`); here is what is asked before it.
"""

import sqlite3
from collections.abc import Iterator
from fractions import Fraction

from sandbox.adapters.stated_facts import LARGEST_AMOUNT
from sandbox.service.ports import Reservation
from sandbox.terms.dataset import Account
from sandbox.terms.loss import DELTA_UNITS, Loss, Mode, decimal_text, units_text
from sandbox.terms.refusal import BudgetInsufficient, EnclaveSealed

KINDS = ("space", "dataset", "grant", "analyst")
"""Outermost first."""

_SYMBOL = {Mode.ZCDP: "ρ", Mode.PURE: "ε"}


def add_account(connection: sqlite3.Connection, space: str, kind: str, owner: str, limit: Loss) -> None:
    """Open an account with nothing spent.

    Raises:
        ValueError: a limit beyond what the database counts.
    """
    if max(limit.units, limit.delta) > LARGEST_AMOUNT:
        raise ValueError("a limit beyond 9e18 units cannot be kept")
    connection.execute(
        "INSERT INTO accounts (space, kind, owner, mode, limit_units, limit_delta) VALUES (?, ?, ?, ?, ?, ?)",
        (space, kind, owner, limit.mode.value, limit.units, limit.delta),
    )


def account(connection: sqlite3.Connection, space: str, kind: str, owner: str) -> Account | None:
    """One account, or None."""
    row = connection.execute(
        "SELECT * FROM accounts WHERE space = ? AND kind = ? AND owner = ?", (space, kind, owner)
    ).fetchone()
    return _account(row) if row is not None else None


def all_accounts(connection: sqlite3.Connection) -> Iterator[Account]:
    """Every account there is."""
    for row in connection.execute("SELECT * FROM accounts ORDER BY space, kind, owner"):
        yield _account(row)


def check_room(connection: sqlite3.Connection, reservation: Reservation) -> None:
    """That every account the reservation touches has room for its loss, in units and in δ.

    The innermost short account is named: whoever asks learns of others' spending only what cannot be kept from them.

    Raises:
        BudgetInsufficient: one has not; facts `account` (its kind), `asked` and `left` (decimals).
        ValueError: the loss is of another mode than the accounts, or is nothing.
        EnclaveSealed: an account is missing.
    """
    asked = reservation.loss
    if asked.units <= 0 or max(asked.units, asked.delta) > LARGEST_AMOUNT:
        raise ValueError("a reservation takes between 1 and 9e18 units")
    for kind, owner in reversed(owners_of(connection, reservation)):
        found = account(connection, reservation.space, kind, owner)
        if found is None:
            raise EnclaveSealed("An account that a grant needs is missing from the ledger.", account=kind, owner=owner)
        if found.limit.mode is not asked.mode:
            raise ValueError("the loss is not counted as its unit space counts")
        if asked.units > found.limit.units - found.spent.units:
            _refuse(found, _SYMBOL[asked.mode], units_text(asked.units), units_text(found.left))
        if asked.delta > found.limit.delta - found.spent.delta:
            left = max(0, found.limit.delta - found.spent.delta)
            _refuse(found, "δ", _delta_text(asked.delta), _delta_text(left))


def owners_of(connection: sqlite3.Connection, reservation: Reservation) -> list[tuple[str, str]]:
    """Kind and owner of every account that a reservation debits, outermost first."""
    further = [
        item.dataset
        for item in reservation.also
        if connection.execute("SELECT 1 FROM datasets WHERE name = ? AND space IS NULL", (item.dataset,)).fetchone()
        is None
    ]
    return [
        ("space", reservation.space),
        *(("dataset", name) for name in (reservation.dataset, *further)),
        *(("grant", under.grant) for under in reservation.grants),
        ("analyst", reservation.person),
    ]


def _refuse(short: Account, symbol: str, asked: str, left: str) -> None:
    raise BudgetInsufficient(
        f"The {short.kind} account of unit space {short.space} has {symbol} = {left} left; "
        f"this query needs {symbol} = {asked}.",
        account=short.kind,
        space=short.space,
        asked=asked,
        left=left,
    )


def _delta_text(units: int) -> str:
    return decimal_text(Fraction(units, DELTA_UNITS))


def _account(row: sqlite3.Row) -> Account:
    mode = Mode(row["mode"])
    return Account(
        row["kind"],
        row["owner"],
        row["space"],
        Loss(mode, row["limit_units"], row["limit_delta"]),
        Loss(mode, row["spent_units"], row["spent_delta"]),
    )
