"""A dataset's description as a person reads it."""

from typing import Any

from sandbox.faces.cli.plain import neutral
from sandbox.faces.cli.talk import Talk

_COLUMNS = ("table", "column", "type", "role", "keys", "bounds", "granularity", "max_length", "distinct_max")


def show_description(talk: Talk, found: dict[str, Any]) -> None:
    """Tables and columns on stdout, terms of the whole before them on stderr."""
    rows = [
        [table["name"], column["name"], *(column.get(part) for part in _COLUMNS[2:])]
        for table in found.get("tables", [])
        for column in table.get("columns", [])
    ]
    if not talk.as_json:
        for line in _summary(talk, found):
            talk.line(neutral(line))
    talk.table(_COLUMNS, rows, found)


def _summary(talk: Talk, found: dict[str, Any]) -> list[str]:
    about = {name: found.get(name) for name in ("name", "title", "steward")}
    version = talk.word("version-words", version=found.get("version") or "-") if "version" in found else ""
    space = found.get("space")
    if space is None:
        terms = talk.word("public-terms", version=version)
    else:
        named = {name: space.get(name) for name in ("mode", "epsilon", "delta")}
        terms = talk.word("space-terms", space=space.get("name"), own=found.get("epsilon"), version=version, **named)
    lines = [talk.word("described", grade=talk.named(found.get("grade")), **about), terms]
    return lines + [_table(talk, table) for table in found.get("tables", [])]


def _table(talk: Talk, table: dict[str, Any]) -> str:
    """Whose rows a table has, and how many."""
    link, name, rows = table.get("link"), table.get("name"), table.get("rows_max")
    if link is not None:
        unit = talk.word("unit-link", **{part: link.get(part) for part in ("through", "column", "key")})
    else:
        unit = str(table.get("unit"))
    if link is None and table.get("unit") is None:
        words = talk.word("table-public", name=name, rows=rows)
    else:
        each, groups = table.get("max_rows_per_unit"), table.get("max_groups_per_unit")
        words = talk.word("table-units", name=name, unit=unit, rows=rows, each=each, groups=groups)
    key = ", ".join(table.get("key") or [])
    return words + talk.word("key-words", key=key) if key else words
