"""`sandbox grant`: list, give."""

from datetime import UTC, datetime

import click

from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun

_COLUMNS = ("id", "version", "analyst", "organisation", "datasets", "purpose", "epsilon", "not_before", "not_after", "given_by")  # fmt: skip


def _moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    """A date (its first moment) or a time of RFC 3339, in UTC unless it says otherwise."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a time such as 2030-12-31 or 2030-12-31T12:00:00Z.") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


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
@click.option("-p", "--purpose", required=True, help="The one purpose that queries under this grant must name.")
@click.option("--epsilon", required=True, help='The whole budget of the grant, a decimal such as "5".')
@click.option("--until", "not_after", required=True, callback=_moment, help="End (exclusive), such as 2030-12-31.")
@click.option("--from", "not_before", callback=_moment, help="Begin; now where left out.")
@click.pass_obj
def give(
    talk: Talk,
    analyst: str,
    datasets: tuple[str, ...],
    purpose: str,
    epsilon: str,
    not_after: datetime,
    not_before: datetime | None,
) -> None:
    """Give ANALYST a grant."""
    with signed_in() as connection:
        found = connection.give_grant(analyst, datasets, purpose, epsilon, not_after, not_before)
    talk.note("granted", grant=found.get("id", ""))
    talk.table(_COLUMNS, [[found.get(column) for column in _COLUMNS]], found)
