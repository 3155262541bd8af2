"""`sandbox catalogue`: list, view."""

import click

from sandbox.faces.cli.described import show_description
from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun

_COLUMNS = ("name", "title", "grade", "steward", "unit_space")


@click.group(cls=Noun)
def catalogue() -> None:
    """Every registered dataset: what a grant can be requested for."""


@catalogue.command("list")
@click.pass_obj
def list_offered(talk: Talk) -> None:
    """The registered datasets."""
    with signed_in() as connection:
        found = connection.catalogue()
    talk.table(_COLUMNS, [[item.get(column) for column in _COLUMNS] for item in found], found)


@catalogue.command("view")
@click.argument("name")
@click.pass_obj
def view(talk: Talk, name: str) -> None:
    """Tables, columns, bounds and public keys of a registered dataset; never a row."""
    with signed_in() as connection:
        found = connection.offer(name)
    show_description(talk, found)
