"""`sandbox release`: show, verify."""

import json
from pathlib import Path

import click

from sandbox.client.credentials import Pins, saved
from sandbox.client.release import Release
from sandbox.faces.cli.plain import json_text
from sandbox.faces.cli.shown import show_release
from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun
from sandbox.proof.signing import VerifyingKey
from sandbox.terms.refusal import ProofFailed


@click.group(cls=Noun)
def release() -> None:
    """Releases: the noisy answers that left, with their proofs."""


@release.command("show")
@click.argument("query", metavar="QUERY")
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), help="Also write the whole release, with proofs."
)
@click.pass_obj
def show(talk: Talk, query: str, save: Path | None) -> None:
    """The answer to a query, each value with its interval."""
    with signed_in() as connection:
        found = connection.release(query)
    if save is not None:
        save.write_text(json_text(found.document) + "\n", "utf-8")
        talk.note("saved", path=save)
    show_release(talk, found)


@release.command("verify")
@click.argument("subject", metavar="QUERY|FILE")
@click.option("--log-key", metavar="VKEY", help="The log's key, for a FILE from elsewhere.")
@click.option("--release-key", metavar="VKEY", help="The release key, for a FILE from elsewhere.")
@click.pass_obj
def verify(talk: Talk, subject: str, log_key: str | None, release_key: str | None) -> None:
    """Check certificate and log entries of a release: of a QUERY of yours, or offline of a saved FILE.

    The keys are those pinned at sign-in, unless both are given.
    """
    path = Path(subject)
    if path.exists():
        found = Release.from_json(_document(path), _pins(log_key, release_key))
    elif subject.startswith("q_"):
        with signed_in() as connection:
            found = connection.release(subject)
    else:
        raise click.UsageError(f"There is no file {subject}, and the id of a query begins with q_.")
    found.verify()
    talk.note("verified")
    if talk.as_json:
        talk.json(found.certificate["facts"])


def _document(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ProofFailed(f"{path} does not hold a release.")
    return document


def _pins(log_key: str | None, release_key: str | None) -> Pins:
    if log_key is not None and release_key is not None:
        return Pins(VerifyingKey.parse(log_key).name, log_key, release_key)
    if log_key is not None or release_key is not None:
        raise click.UsageError("Give both keys or neither.")
    login = saved()
    if login is None or login.pins is None:
        raise click.UsageError("No keys are pinned here: give --log-key and --release-key, or sign in first.")
    return login.pins
