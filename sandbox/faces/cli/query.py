"""`sandbox query`: check, run, list, show, withdraw."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sandbox.client.query import Running
from sandbox.client.release import Release
from sandbox.faces.cli.refused import show
from sandbox.faces.cli.shown import quote_lines, show_release, symbol
from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun
from sandbox.terms.refusal import ReviewPending

Command = Callable[..., None]


@click.group(cls=Noun)
def query() -> None:
    """Queries: what they would cost, and their answers."""


def _asked(command: Command) -> Command:
    """The options that say what is asked."""
    for decorate in (
        click.option("--need", default="", help="What the answer is needed for; data of some grades asks for it."),
        click.option("--epsilon", required=True, help='Privacy loss of this answer, a decimal such as "0.5".'),
        click.option("-p", "--purpose", required=True, help="The purpose, as your grant names it."),
        click.option("-f", "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="SQL file."),
        click.argument("sql", required=False),
    ):
        command = decorate(command)
    return command


@query.command("check")
@_asked
@click.option("--explain", is_flag=True, help="Say what would be done step by step.")
@click.option("--save-svg", type=click.Path(dir_okay=False, path_type=Path), help="Also draw the plan into this file.")
@click.pass_obj
def check(
    talk: Talk,
    sql: str | None,
    file: Path | None,
    purpose: str,
    epsilon: str,
    need: str,
    explain: bool,
    save_svg: Path | None,
) -> None:
    """What SQL would cost and how exact it would be. Spends nothing, touches no data. "-" reads standard input."""
    talk.source = _text(sql, file)
    with signed_in() as connection:
        asked = connection.query(talk.source, purpose=purpose, epsilon=epsilon, need=need)
        quote = asked.check()
        if save_svg is not None:
            quote.save_picture(save_svg, talk.language)
    talk.pairs(quote_lines(talk, quote, stepwise=explain), quote.document)
    if save_svg is not None:
        talk.note("written", path=save_svg)
    talk.note("nothing-spent")


@query.command("run")
@_asked
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--wait/--no-wait",
    default=None,
    help="Wait for reviewers too, or not even for the measurement (prints the query's id). Without either: until it is "
    "measured, and no longer where people have to look at it first.",
)
@click.option("--timeout", default=120.0, show_default=True, help="Seconds to wait at most.")
@click.option("--idempotency-key", help="The key of an earlier try whose answer was lost.")
@click.pass_obj
def run(
    talk: Talk,
    sql: str | None,
    file: Path | None,
    purpose: str,
    epsilon: str,
    need: str,
    yes: bool,
    wait: bool | None,
    timeout: float,
    idempotency_key: str | None,
) -> None:
    """Spend epsilon, measure, and print the noisy answer. On a terminal it shows the check first and asks once.

    An answer that waits for review is not printed: the exit code is 6, and `release show` gives it once it is out.
    """
    talk.source = _text(sql, file)
    with signed_in() as connection:
        asked = connection.query(talk.source, purpose=purpose, epsilon=epsilon, need=need)
        if talk.can_ask and not yes:
            talk.facts(quote_lines(talk, asked.check()))
            if not click.confirm(talk.word("ask-run", epsilon=asked.epsilon), err=True):
                talk.note("not-run")
                talk.note("nothing-spent")
                return
        running = asked.run(idempotency_key)
        if wait is False:
            talk.note("accepted", query=running.id)
            talk.table(("query",), [[running.id]], running.document)
            return
        with talk.waiting("waiting", query=running.id):
            release = _result(talk, running, timeout, review=wait is True)
    release.verify()
    show_release(talk, release)
    talk.note(
        "reused" if release.reused else "released",
        query=release.id,
        symbol=symbol(release.cost),
        amount=release.cost.get("amount"),
        epsilon=release.cost.get("epsilon"),
        entry=release.document["receipts"]["released"]["index"],
    )


@query.command("list")
@click.pass_obj
def list_queries(talk: Talk) -> None:
    """Your queries (an officer sees all), newest first."""
    with signed_in() as connection:
        found = connection.queries()
    columns = ("id", "state", "dataset", "purpose", "epsilon", "charged", "accepted_at")
    talk.table(columns, [_row(item, columns) for item in found], found)


@query.command("show")
@click.argument("query_id", metavar="QUERY")
@click.pass_obj
def show_query(talk: Talk, query_id: str) -> None:
    """State, cost and log entry of one query."""
    with signed_in() as connection:
        found = connection.query_view(query_id)
    columns = (
        "id",
        "state",
        "dataset",
        "purpose",
        "need",
        "epsilon",
        "charged",
        "accepted_at",
        "visible_at",
        "reused",
        "key",
    )
    rows = list(zip(columns, _row(found, columns), strict=True))
    review = found.get("review") or {}
    reviewed = [(f"review {name}", review.get(name)) for name in ("id", "outcome", "votes_needed") if name in review]
    talk.pairs([*rows, *reviewed, ("entry", found.get("receipt", {}).get("index"))], found)


@query.command("withdraw")
@click.argument("query_id", metavar="QUERY")
@click.pass_obj
def withdraw(talk: Talk, query_id: str) -> None:
    """Withdraw a query of yours before its answer leaves. Its loss stays spent."""
    with signed_in() as connection:
        found = connection.withdraw(query_id)
    talk.note("withdrawn", query=query_id)
    talk.table(("query", "state"), [[found.get("id"), found.get("state")]], found)


def _result(talk: Talk, running: Running, timeout: float, *, review: bool) -> Release:
    try:
        return running.result(timeout, review=review)
    except ReviewPending as pending:
        if not talk.as_json:
            show(talk, pending)
            talk.note("see-later", query=running.id)
            raise click.exceptions.Exit(pending.exit_code) from None
        raise


def _row(item: dict[str, Any], columns: tuple[str, ...]) -> list[object]:
    shown = {"charged": item.get("cost", {}).get("amount"), "dataset": ", ".join(_datasets(item))}
    return [shown.get(column, item.get(column)) for column in columns]


def _datasets(item: dict[str, Any]) -> list[str]:
    """All that a query reads; an enclave that does not say so names the first."""
    return [str(name) for name in item.get("datasets") or [item.get("dataset")]]


def _text(sql: str | None, file: Path | None) -> str:
    if (sql is None) == (file is None):
        raise click.UsageError("Give the SQL as one argument, or a file with -f.")
    try:
        if file is not None:
            return file.read_text("utf-8")
        return sys.stdin.read() if sql == "-" else str(sql)
    except UnicodeDecodeError:
        raise click.UsageError("The SQL is not UTF-8 text.") from None
