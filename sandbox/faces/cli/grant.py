"""`sandbox grant`: request, approve, decline, list, view, revoke."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from sandbox.faces.cli.hints import hints
from sandbox.faces.cli.refused import show
from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun
from sandbox.terms.people import Aggregate, ReviewDuty
from sandbox.terms.refusal import NotFound, SandboxError

Command = Callable[..., None]

_GRANTS = ("id", "state", "analyst", "organisation", "datasets", "purpose", "epsilon", "uses", "used", "review", "not_after")  # fmt: skip
_REQUESTS = ("id", "state", "analyst", "organisation", "datasets", "purpose", "epsilon", "uses", "not_after", "asked_at", "reason", "decision_reason")  # fmt: skip


def _moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    """A date (its first moment) or a time of RFC 3339, in UTC unless it says otherwise."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a time such as 2030-12-31 or 2030-12-31T12:00:00Z.") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _terms(command: Command) -> Command:
    """The options that narrow a grant."""
    aggregates = click.Choice([item.value for item in Aggregate])
    for decorate in (
        click.option("--from", "not_before", callback=_moment, help="Begin, such as 2030-01-01."),
        click.option("--uses", type=click.IntRange(min=1), help="How many queries it takes at most."),
        click.option("-a", "--aggregate", "aggregates", multiple=True, type=aggregates, help="What may be computed."),
        click.option("-c", "--column", "columns", multiple=True, help="dataset.table.column; again for more."),
        click.option("-t", "--table", "tables", multiple=True, help="dataset.table; again for more."),
    ):
        command = decorate(command)
    return command


@click.group(cls=Noun)
def grant() -> None:
    """Grants: who may ask, of what, in what manner, for which purpose, until when, at what total loss."""


@grant.command("request")
@click.option("-d", "--dataset", "datasets", multiple=True, required=True, help="A dataset; again for more.")
@click.option("-p", "--purpose", required=True, help="The one purpose that queries under this grant must name.")
@click.option("--epsilon", required=True, help='The whole budget of the grant, a decimal such as "5".')
@click.option("--until", "not_after", required=True, callback=_moment, help="End (exclusive), such as 2030-12-31.")
@click.option("-m", "--reason", required=True, help="Why, in 10 to 500 characters: the steward reads it.")
@_terms
@click.pass_context
def request(ctx: click.Context, /, **asked: Any) -> None:
    """Request a grant (analysts). Lists left out stand for all that the datasets offer."""
    talk: Talk = ctx.obj
    asked |= _lists(asked)
    with signed_in() as connection:
        try:
            found = connection.request_grant(**asked)
        except SandboxError as error:
            show(talk, error)
            for word, facts in [] if talk.as_json else hints(connection, error, asked):
                talk.note(word, **facts)
            ctx.exit(error.exit_code)
    talk.note("requested", request=found.get("id", ""), datasets=", ".join(found.get("datasets", [])))
    talk.table(_REQUESTS, [[found.get(column) for column in _REQUESTS]], found)


@grant.command("approve")
@click.argument("request_id", metavar="REQUEST")
@click.option("--epsilon", help="A smaller budget than asked for.")
@click.option("--until", "not_after", callback=_moment, help="An earlier end than asked for.")
@click.option(
    "--review", type=click.Choice([duty.value for duty in ReviewDuty]), help="A stricter review than the profile's."
)
@_terms
@click.pass_obj
def approve(talk: Talk, /, request_id: str, **narrowed: Any) -> None:
    """Approve REQUEST (stewards of all its datasets), as asked or narrower. It becomes a grant."""
    narrowed |= _lists(narrowed)
    with signed_in() as connection:
        found = connection.approve_grant(request_id, **narrowed)
    talk.note("approved", grant=found.get("id", ""), analyst=found.get("analyst", ""))
    talk.table(_GRANTS, [[found.get(column) for column in _GRANTS]], found)


@grant.command("decline")
@click.argument("request_id", metavar="REQUEST")
@click.option("-m", "--reason", required=True, help="Why, in 10 to 500 characters: the analyst reads it.")
@click.pass_obj
def decline(talk: Talk, request_id: str, reason: str) -> None:
    """Decline REQUEST (stewards of all its datasets)."""
    with signed_in() as connection:
        found = connection.decline_grant(request_id, reason)
    talk.note("declined", request=request_id)
    talk.table(_REQUESTS, [[found.get(column) for column in _REQUESTS]], found)


@grant.command("list")
@click.option("--requests", is_flag=True, help="Requests, decided and waiting, instead of grants.")
@click.pass_obj
def list_grants(talk: Talk, requests: bool) -> None:
    """The grants you may see."""
    with signed_in() as connection:
        found = connection.grant_requests() if requests else connection.grants()
        waiting = [] if requests else [item for item in connection.grant_requests() if item.get("state") == "asked"]
    columns = _REQUESTS if requests else _GRANTS
    talk.table(columns, [[item.get(column) for column in columns] for item in found], found)
    if waiting:
        talk.note("requests-wait", count=len(waiting))


@grant.command("view")
@click.argument("name", metavar="GRANT|REQUEST")
@click.pass_obj
def view(talk: Talk, name: str) -> None:
    """All of one grant (g_…) or request (gr_…)."""
    with signed_in() as connection:
        if name.startswith("gr_"):
            found = next((item for item in connection.grant_requests() if item.get("id") == name), None)
            if found is None:
                raise NotFound("There is no such request, or it is not for you to see.")
        else:
            found = connection.grant(name)
    talk.pairs(list(found.items()), found)


@grant.command("revoke")
@click.argument("grant_id", metavar="GRANT")
@click.option("-m", "--reason", required=True, help="Why, in 10 to 500 characters; the log keeps it.")
@click.pass_obj
def revoke(talk: Talk, grant_id: str, reason: str) -> None:
    """Revoke GRANT at once (stewards of all its datasets): nothing under it is asked any more, and nothing leaves."""
    with signed_in() as connection:
        found = connection.revoke_grant(grant_id, reason)
    talk.note("revoked", grant=grant_id)
    talk.table(_GRANTS, [[found.get(column) for column in _GRANTS]], found)


def _lists(given: dict[str, Any]) -> dict[str, Any]:
    """What was left out is none, not an empty list."""
    return {name: given[name] or None for name in ("tables", "columns", "aggregates")}
