"""`sandbox grant`: list, give."""

import click

from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun

_COLUMNS = ("id", "version", "analyst", "organisation", "datasets", "purpose", "epsilon", "not_before", "not_after", "given_by")  # fmt: skip


@click.group(cls=Noun)
def grant() -> None:
    """Grants: who may ask, of what, for which purpose, until when, at what total loss."""


@grant.command("list")
@click.pass_obj
def list_grants(talk: Talk) -> None:
    """The grants you may see."""
    with signed_in() as connection:
        found = connection.grants()
    talk.table(_COLUMNS, [[item.get(column) for column in _COLUMNS] for item in found], found)


@grant.command("give")
@click.argument("analyst")
@click.option(
    "-d", "--dataset", "datasets", multiple=True, required=True, help="A dataset; may be given several times."
)
@click.option("-p", "--purpose", required=True)
@click.option("--epsilon", required=True, help='The whole budget of the grant, a decimal such as "5".')
@click.option("--until", "not_after", required=True, help="End (exclusive), such as 2026-12-31T00:00:00Z.")
@click.option("--from", "not_before", help="Begin; now where left out.")
@click.pass_obj
def give(
    talk: Talk,
    analyst: str,
    datasets: tuple[str, ...],
    purpose: str,
    epsilon: str,
    not_after: str,
    not_before: str | None,
) -> None:
    """Give ANALYST a grant."""
    with signed_in() as connection:
        found = connection.give_grant(analyst, datasets, purpose, epsilon, not_after, not_before)
    talk.note("granted", grant=found.get("id", ""))
    talk.table(_COLUMNS, [[found.get(column) for column in _COLUMNS]], found)
