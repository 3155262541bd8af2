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
    talk.table(_COLUMNS, [[item.get(column) for column in _COLUMNS] for item in found], found)
