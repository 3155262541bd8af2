"""A dataset's description as a person reads it."""

from typing import Any

from sandbox.faces.cli.plain import neutral
from sandbox.faces.cli.talk import Talk

_COLUMNS = ("table", "column", "type", "role", "keys", "bounds", "granularity", "max_length")


def show_description(talk: Talk, found: dict[str, Any]) -> None:
    """Tables and columns on stdout, terms of the whole before them on stderr."""
    rows = [
        [table["name"], column["name"], *(column.get(part) for part in _COLUMNS[2:])]
        for table in found.get("tables", [])
        for column in table.get("columns", [])
    ]
    if not talk.as_json:
        for line in _summary(found):
            talk.line(line)
    talk.table(_COLUMNS, rows, found)


def _summary(found: dict[str, Any]) -> list[str]:
    space = found.get("space") or {}
    terms = f"{space.get('mode')}, epsilon {space.get('epsilon')}, delta {space.get('delta')}"
    version = f"; version {found.get('version') or 'none'}" if "version" in found else ""
    lines = [
        f"{found.get('name')}: {found.get('title')} ({found.get('grade')}, steward {found.get('steward')})",
        f"unit space {space.get('name')}: {terms}; this dataset: epsilon {found.get('epsilon')}{version}",
    ]
    lines += [
        f"table {table.get('name')}: unit {table.get('unit')}, at most {table.get('rows_max')} rows, "
        f"{table.get('max_rows_per_unit')} a unit in {table.get('max_groups_per_unit')} groups"
        for table in found.get("tables", [])
    ]
    return [neutral(line) for line in lines]
