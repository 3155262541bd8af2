"""`sandbox query`: check, run, list, show."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sandbox.faces.cli.shown import quote_lines, show_release, symbol
from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun

Command = Callable[..., None]


@click.group(cls=Noun)
def query() -> None:
    """Queries: what they would cost, and their answers."""


def _asked(command: Command) -> Command:
    """The options that say what is asked."""
    for decorate in (
        click.option("--epsilon", required=True, help='Privacy loss of this answer, a decimal such as "0.5".'),
        click.option("-p", "--purpose", required=True, help="The purpose, as your grant names it."),
        click.option("-f", "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="SQL file."),
        click.argument("sql", required=False),
    ):
        command = decorate(command)
    return command


@query.command("check")
@_asked
@click.pass_obj
def check(talk: Talk, sql: str | None, file: Path | None, purpose: str, epsilon: str) -> None:
    """What SQL would cost and how exact it would be. Spends nothing, touches no data. "-" reads standard input."""
    talk.source = _text(sql, file)
    with signed_in() as connection:
        quote = connection.query(talk.source, purpose=purpose, epsilon=epsilon).check()
    talk.pairs(quote_lines(talk, quote), quote.document)
    talk.note("nothing-spent")


@query.command("run")
@_asked
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-wait", is_flag=True, help="Print the query's id and do not wait for the answer.")
@click.option("--timeout", default=120.0, show_default=True, help="Seconds to wait for the answer.")
@click.option("--idempotency-key", help="The key of an earlier try whose answer was lost.")
@click.pass_obj
def run(
    talk: Talk,
    sql: str | None,
    file: Path | None,
    purpose: str,
    epsilon: str,
    yes: bool,
    no_wait: bool,
    timeout: float,
    idempotency_key: str | None,
) -> None:
    """Spend epsilon, measure, and print the noisy answer. On a terminal it shows the check first and asks once."""
    talk.source = _text(sql, file)
    with signed_in() as connection:
        asked = connection.query(talk.source, purpose=purpose, epsilon=epsilon)
        if talk.can_ask and not yes:
            talk.facts(quote_lines(talk, asked.check()))
            if not click.confirm(talk.word("ask-run", epsilon=asked.epsilon), err=True):
                talk.note("not-run")
                talk.note("nothing-spent")
                return
        running = asked.run(idempotency_key)
        if no_wait:
            talk.note("accepted", query=running.id)
            talk.table(("query",), [[running.id]], running.document)
            return
        with talk.waiting("waiting", query=running.id):
            release = running.result(timeout)
    release.verify()
    show_release(talk, release)
    talk.note(
        "reused" if release.reused else "released",
        query=release.id,
        symbol=symbol(release.cost),
        amount=release.cost.get("amount"),
        epsilon=release.cost.get("epsilon"),
        entry=release.receipt.get("index"),
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
def show(talk: Talk, query_id: str) -> None:
    """State, cost and log entry of one query."""
    with signed_in() as connection:
        found = connection.query_view(query_id)
    columns = ("id", "state", "dataset", "purpose", "epsilon", "charged", "accepted_at", "visible_at", "reused")
    rows = list(zip(columns, _row(found, columns), strict=True))
    talk.pairs([*rows, ("entry", found.get("receipt", {}).get("index"))], found)


def _row(item: dict[str, Any], columns: tuple[str, ...]) -> list[object]:
    charged = item.get("cost", {}).get("amount")
    return [charged if column == "charged" else item.get(column) for column in columns]


def _text(sql: str | None, file: Path | None) -> str:
    if (sql is None) == (file is None):
        raise click.UsageError("Give the SQL as one argument, or a file with -f.")
    try:
        if file is not None:
            return file.read_text("utf-8")
        return sys.stdin.read() if sql == "-" else str(sql)
    except UnicodeDecodeError:
        raise click.UsageError("The SQL is not UTF-8 text.") from None
