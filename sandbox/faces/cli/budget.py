"""`sandbox budget`: view."""

import click

from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun

_COLUMNS = ("kind", "owner", "space", "mode", "limit", "spent", "left", "epsilon_limit", "epsilon_spent")


@click.group(cls=Noun)
def budget() -> None:
    """Accounts of privacy loss."""


@budget.command("view")
@click.pass_obj
def view(talk: Talk) -> None:
    """Your accounts: limit, spent and left in ρ or ε, and the same as a statement in ε."""
    with signed_in() as connection:
        found = connection.accounts()
    talk.table(_COLUMNS, [[_shown(talk, column, item.get(column)) for column in _COLUMNS] for item in found], found)


def _shown(talk: Talk, column: str, amount: object) -> object:
    """To a person ε in six digits: it is ρ stated in another unit, rounded on the way."""
    return f"{float(str(amount)):.6g}" if talk.wants_table and column.startswith("epsilon_") else amount
