"""`sandbox audit`: search, show, export, verify, prove. Verifying reads a file and needs no enclave."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from sandbox.faces.cli.plain import json_text, neutral
from sandbox.faces.cli.signed_in import check_vkey, signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun

_AGO = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_COLUMNS = ("index", "at", "person", "organisation", "kind", "datasets", "purpose", "decision")


class Moment(click.ParamType[str]):
    """A time of RFC 3339 with its offset, or how long ago: 30m, 12h, 7d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        ago = _AGO.fullmatch(value)
        try:
            if ago is not None:
                moment = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            else:
                moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return moment.astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither a time such as 2026-12-31T00:00Z nor how long ago, such as 7d", param, ctx)


@click.group(cls=Noun)
def audit() -> None:
    """The log: every question, grant and release, provable offline."""


@audit.command("search")
@click.option("--actor", help="Who did it, or for whom the enclave did it.")
@click.option("--organisation", help="The organisation of that person.")
@click.option("--dataset", help="A dataset the entry names.")
@click.option("--purpose", help="The purpose, exactly.")
@click.option(
    "--decision",
    help="answerable, reserved, committed, forfeited, reused, attached, the code of a refusal, or refused for any.",
)
@click.option("--kind", help="The kind of entry, such as grant.given.")
@click.option("--since", type=Moment(), help="From this time on: 2026-12-31T00:00Z, or 7d ago.")
@click.option("--until", type=Moment(), help="Before this time.")
@click.option("--text", help="A query's exact text.")
@click.option("--text-tag", help="A query text's tag, as entries show it.")
@click.option("--before", type=click.IntRange(min=0), help="Entries below this index: the next page.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="Entries a page.")
@click.pass_obj
def search(talk: Talk, /, **asked: Any) -> None:
    """Search the log, newest first (security officers). The search is an entry of the log too."""
    with signed_in() as connection:
        page = connection.search_log(**asked)
    talk.table(_COLUMNS, [[entry[name] for name in _COLUMNS] for entry in page["entries"]], page)
    if page["next"] is not None:
        talk.note("more-entries", before=page["next"])


@audit.command("show")
@click.argument("index", type=click.IntRange(min=0))
@click.option(
    "--open", "opening", is_flag=True, help="Open the request sealed in the entry; the log keeps your reason."
)
@click.option("--reason", help="Why it is opened, in 10 to 500 characters.")
@click.pass_obj
def show(talk: Talk, index: int, opening: bool, reason: str | None) -> None:
    """Show entry INDEX, proved to be in the log (security officers); a query's text only with --open and --reason."""
    if opening != (reason is not None):
        raise click.UsageError("--open and --reason come together.")
    with signed_in() as connection:
        found = connection.open_entry(index, reason) if reason is not None else connection.log_entry(index)
    entry = found["entry"]
    facts = [(name, _fact(value)) for name, value in entry["facts"].items() if name != "sealed"]
    request = [(name, _fact(value)) for name, value in found.get("request", {}).items()]
    talk.pairs([("index", index), *((name, entry[name]) for name in ("kind", "at", "actor")), *facts, *request], found)
    talk.note("proved", index=index, size=str(found["receipt"]["checkpoint"]).split("\n", 2)[1])
    if "opened" in found:
        talk.note("opened", index=found["opened"]["receipt"]["index"])


def _fact(value: object) -> object:
    return json_text(value) if isinstance(value, dict | list) else value


@audit.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def export(talk: Talk, file: Path) -> None:
    """Write the whole log to FILE (security officers)."""
    if not file.absolute().parent.is_dir():
        raise click.UsageError(f"{file.parent} is not a folder.")
    with signed_in() as connection:
        connection.export_log(file)
    talk.note("exported", path=file)


@audit.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    required=True,
    metavar="VKEY",
    help="The log's key, name+id+key, from elsewhere than the file: HOME/public.json has it.",
)
@click.pass_obj
def verify(talk: Talk, file: Path, key: str) -> None:
    """Verify an exported log, offline: order, form, root, signature, and that no account was overspent."""
    from sandbox.proof.log_export import verify_export

    check_vkey("--key", key)
    with file.open("rb") as lines:
        report = verify_export(lines, key)
    words = report.words(talk.language)
    if talk.as_json:
        talk.json({"origin": report.origin, "size": report.size, "root": report.root, "report": words})
        return
    for line in words:
        click.echo(neutral(line))


@audit.command("prove")
@click.argument("index", type=click.IntRange(min=0))
@click.pass_obj
def prove(talk: Talk, index: int) -> None:
    """Prove that entry INDEX is in the log, under the key pinned at sign-in."""
    with signed_in() as connection:
        receipt = connection.inclusion(index)
    size = str(receipt["checkpoint"]).split("\n", 2)[1]
    talk.note("proved", index=index, size=size)
    talk.table(("index", "leaf", "size"), [[index, receipt["leaf"], size]], receipt)
