"""`sandbox audit`: export, verify, prove. Verifying reads a file and needs no enclave."""

from pathlib import Path

import click

from sandbox.faces.cli.plain import neutral
from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun


@click.group(cls=Noun)
def audit() -> None:
    """The log: every question, grant and release, provable offline."""


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
