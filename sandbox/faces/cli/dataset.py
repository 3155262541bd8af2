"""`sandbox dataset`: list, view, register, load."""

from contextlib import nullcontext
from pathlib import Path

import click

from sandbox.client.inbox import in_inbox
from sandbox.faces.cli.described import show_description
from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun
from sandbox.terms.configured_source import split_name
from sandbox.terms.refusal import SandboxError


@click.group(cls=Noun)
def dataset() -> None:
    """Datasets: what is described and loaded. Never a row."""


@dataset.command("list")
@click.pass_obj
def list_datasets(talk: Talk) -> None:
    """The datasets you may use; `sandbox catalogue list` has those to request."""
    with signed_in() as connection:
        found = connection.datasets()
    columns = ("name", "title", "grade", "steward", "unit_space", "loaded")
    talk.table(columns, [[item.get(column) for column in columns] for item in found], found)


@dataset.command("view")
@click.argument("name")
@click.pass_obj
def view(talk: Talk, name: str) -> None:
    """Tables, columns, bounds and public keys of a dataset."""
    with signed_in() as connection:
        found = connection.dataset(name)
    show_description(talk, found)


@dataset.command("register")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def register(talk: Talk, file: Path) -> None:
    """Register the description in FILE (TOML)."""
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        raise click.UsageError(f"{file} is not UTF-8 text.") from None
    talk.source = text
    with signed_in() as connection:
        found = connection.register(text, file=file.name)
    talk.note("registered", name=found.get("name", ""))
    if talk.as_json:
        talk.json(found)


@dataset.command("load")
@click.argument("name")
@click.argument("files", nargs=-1, required=True, metavar="TABLE=FILE...")
@click.option(
    "--inbox",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="HOME/inbox of the enclave, on its own machine: each FILE is then a path, copied there for the load.",
)
@click.option("--append", "mode", flag_value="append", help="Add the rows of the files to the current version.")
@click.option(
    "--replace-units",
    "mode",
    flag_value="replace-units",
    help="As --append, but a unit with rows in a table's FILE keeps no other rows in that table.",
)
@click.pass_obj
def load(talk: Talk, name: str, files: tuple[str, ...], inbox: Path | None, mode: str | None) -> None:
    """Load a new version of NAME: for each table a FILE, CSV or Parquet, that lies in the enclave's inbox, or
    SOURCE:OBJECT, a table or file of a source that the operator has configured. A load that was killed goes on."""
    pairs = [file.partition("=") for file in files]
    if not all(table and sign and bare for table, sign, bare in pairs):
        raise click.UsageError("Name each file as TABLE=FILE, such as visits=visits.parquet.")
    if len({table for table, _, _ in pairs}) != len(pairs):
        raise click.UsageError("Each table takes one file.")
    named = {table: file for table, _, file in pairs}
    local = {table: Path(file) for table, file in named.items() if split_name(file) is None}
    if inbox is None and any("/" in str(file) for file in local.values()):
        raise click.UsageError(
            "A FILE is the bare name of a file in the enclave's inbox. Add --inbox HOME/inbox to copy it there from here."
        )
    lent = in_inbox(inbox, local) if inbox else nullcontext({table: str(file) for table, file in local.items()})
    with signed_in() as connection, lent as names, talk.steps("loading") as steps:
        try:
            version = connection.load(name, named | names, progress=steps, mode=mode or "whole")
        except SandboxError as error:
            for table, bare in names.items():
                error.detail = error.detail.replace(bare, Path(named[table]).name)
            raise
    talk.note("loaded", number=version.get("version", ""))
    columns = ("dataset", "version", "manifest")
    talk.table(columns, [[version.get(column) for column in columns]], version)
