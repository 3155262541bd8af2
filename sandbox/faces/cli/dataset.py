"""`sandbox dataset`: list, view, register, load."""

from pathlib import Path
from typing import Any

import click

from sandbox.faces.cli.plain import neutral
from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun


@click.group(cls=Noun)
def dataset() -> None:
    """Datasets: what is described and loaded. Never a row."""


@dataset.command("list")
@click.pass_obj
def list_datasets(talk: Talk) -> None:
    """The datasets you may know of."""
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
    columns = ("table", "column", "type", "role", "keys", "bounds", "granularity", "max_length")
    rows = [
        [table["name"], column["name"], *(column.get(part) for part in columns[2:])]
        for table in found.get("tables", [])
        for column in table.get("columns", [])
    ]
    if not talk.as_json:
        for line in _summary(found):
            talk.line(line)
    talk.table(columns, rows, found)


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
@click.pass_obj
def load(talk: Talk, name: str, files: tuple[str, ...]) -> None:
    """Load a new version of NAME from files that lie in the enclave's inbox."""
    pairs = [file.partition("=") for file in files]
    if not all(table and sign and bare for table, sign, bare in pairs):
        raise click.UsageError("Name each file as TABLE=FILE, such as visits=visits.parquet.")
    if len({table for table, _, _ in pairs}) != len(pairs):
        raise click.UsageError("Each table takes one file.")
    with signed_in() as connection, talk.steps("loading") as steps:
        version = connection.load(name, {table: bare for table, _, bare in pairs}, progress=steps)
    talk.note("loaded", number=version.get("number", ""))
    columns = ("dataset", "number", "manifest")
    talk.table(columns, [[version.get(column) for column in columns]], version)


def _summary(found: dict[str, Any]) -> list[str]:
    space = found.get("space") or {}
    terms = f"{space.get('mode')}, epsilon {space.get('epsilon')}, delta {space.get('delta')}"
    version = f"version {found.get('version') or 'none'}"
    lines = [
        f"{found.get('name')}: {found.get('title')} ({found.get('grade')}, steward {found.get('steward')})",
        f"unit space {space.get('name')}: {terms}; this dataset: epsilon {found.get('epsilon')}; {version}",
    ]
    lines += [
        f"table {table.get('name')}: unit {table.get('unit')}, at most {table.get('rows_max')} rows, "
        f"{table.get('max_rows_per_unit')} a unit in {table.get('max_groups_per_unit')} groups"
        for table in found.get("tables", [])
    ]
    return [neutral(line) for line in lines]
