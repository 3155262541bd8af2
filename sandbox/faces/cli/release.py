"""`sandbox release`: show, open, verify."""

from pathlib import Path

import click

from sandbox.client.credentials import Pins, saved
from sandbox.client.export import ExtraMissing, ipc_bytes, parquet_bytes
from sandbox.client.key_store import FileKeyStore
from sandbox.client.release import Release, checked, read_document
from sandbox.faces.cli.plain import json_text, neutral
from sandbox.faces.cli.shown import show_release
from sandbox.faces.cli.signed_in import check_vkey, signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun

_BINARY = ("parquet", "arrow")
_log_key = click.option("--log-key", metavar="VKEY", help="The log's key, for a FILE from elsewhere.")
_release_key = click.option("--release-key", metavar="VKEY", help="The release key, for a FILE from elsewhere.")


@click.group(cls=Noun)
def release() -> None:
    """Releases: the noisy answers that left, sealed to you, with their proofs."""


@release.command("show")
@click.argument("query", metavar="QUERY")
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), help="Also write the release as it came: sealed, proved."
)
@click.pass_obj
def show(talk: Talk, query: str, save: Path | None) -> None:
    """The answer to a query, verified, opened with your keys, each value with its interval."""
    with signed_in() as connection:
        found = connection.release(query)
    if save is not None:
        talk.note("saved", path=found.save(save))
    show_release(talk, found)


@release.command("open")
@click.argument("subject", metavar="FILE|QUERY")
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv", *_BINARY]), default="table", show_default=True
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@_log_key
@_release_key
@click.pass_obj
def open_release(
    talk: Talk, subject: str, form: str, output: Path | None, log_key: str | None, release_key: str | None
) -> None:
    """Verify a saved FILE (offline) or the release of a QUERY of yours, open it with your keys, and give its rows."""
    if form in _BINARY and output is None:
        raise click.UsageError(f"{form} is not for a screen: name a file with -o.")
    if form == "table" and output is not None:
        raise click.UsageError("A table is for a screen; for a file choose --format json, csv, parquet or arrow.")
    found = _release(subject, log_key, release_key)
    if form == "table":
        show_release(talk, found)
        return
    try:
        content = _content(found, form)
    except ExtraMissing as missing:
        raise click.ClickException(str(missing)) from None
    if output is None:
        click.echo(content, nl=False)
        return
    output.write_bytes(content)
    talk.note("written", path=output)


@release.command("verify")
@click.argument("subject", metavar="FILE|QUERY")
@_log_key
@_release_key
@click.pass_obj
def verify(talk: Talk, subject: str, log_key: str | None, release_key: str | None) -> None:
    """Say what a saved FILE proves, offline and without any private key; or what the release of a QUERY of yours does.

    The enclave's keys are those pinned at sign-in, unless both are given.
    """
    if Path(subject).exists():
        verified = checked(read_document(subject), _pins(log_key, release_key))
    else:
        query = _query(subject)
        with signed_in() as connection:
            verified = connection.release(query).verify()
    words = verified.words(talk.language)
    if talk.as_json:
        talk.json({"facts": verified.facts, "reused": verified.reused, "report": words})
        return
    talk.note("verified")
    for line in words:
        click.echo(neutral(line))


def _release(subject: str, log_key: str | None, release_key: str | None) -> Release:
    if Path(subject).exists():
        return Release.load(subject, _pins(log_key, release_key), FileKeyStore())
    query = _query(subject)
    with signed_in() as connection:
        return connection.release(query)


def _content(found: Release, form: str) -> bytes:
    match form:
        case "parquet":
            return parquet_bytes(found.answer)
        case "arrow":
            return ipc_bytes(found.answer)
        case "csv":
            return found.to_csv().encode("utf-8")
        case _:
            return f"{json_text(found.to_pylist())}\n".encode()


def _query(subject: str) -> str:
    if not subject.startswith("q_"):
        raise click.UsageError(f"There is no file {subject}, and the id of a query begins with q_.")
    return subject


def _pins(log_key: str | None, release_key: str | None) -> Pins:
    if log_key is not None and release_key is not None:
        check_vkey("--release-key", release_key)
        return Pins(check_vkey("--log-key", log_key).name, log_key, release_key)
    if log_key is not None or release_key is not None:
        raise click.UsageError("Give both keys or neither.")
    login = saved()
    if login is None or login.pins is None:
        raise click.UsageError("No keys are pinned here: give --log-key and --release-key, or sign in first.")
    return login.pins
