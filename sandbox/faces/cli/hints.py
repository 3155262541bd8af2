"""What the catalogue offers in place of what a refused request for a grant named."""

from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from sandbox.client.connection import Connection
from sandbox.terms.refusal import NotFound, NotSignedIn, NotWellFormed, SandboxError

_MOST = 12


def hints(connection: Connection, error: SandboxError, asked: dict[str, Any]) -> list[tuple[str, dict[str, object]]]:
    """Words and facts of what there is instead; nothing where the refusal is not about names, or nobody can say."""
    if not isinstance(error, NotFound | NotWellFormed) or isinstance(error, NotSignedIn):
        return []
    try:
        return list(_found(connection, asked))
    except SandboxError:
        return []


def _found(connection: Connection, asked: dict[str, Any]) -> Iterator[tuple[str, dict[str, object]]]:
    offered = [str(item.get("name")) for item in connection.catalogue()]
    missing = [name for name in asked["datasets"] if name not in offered]
    if missing:
        yield "hint-datasets", {"names": _nearest(missing[0], offered)}
        return
    tables: dict[str, list[str]] = {}
    for dataset in asked["datasets"]:
        for table in connection.offer(dataset).get("tables", []):
            values = [item["name"] for item in table.get("columns", []) if item.get("role") != "unit"]
            columns = [f"{dataset}.{table['name']}.{name}" for name in values]
            tables[f"{dataset}.{table['name']}"] = columns
    for name in asked.get("tables") or ():
        if name not in tables:
            yield _tables(name, tables, asked["datasets"])
    for name in asked.get("columns") or ():
        table = name.rpartition(".")[0]
        if table not in tables:
            ending = [full for columns in tables.values() for full in columns if full.rpartition(".")[2] == name]
            if ending:
                yield "hint-columns", {"table": ending[0].rpartition(".")[0], "names": ", ".join(ending)}
            else:
                yield _tables(table or name, tables, asked["datasets"])
        elif name not in tables[table]:
            yield "hint-columns", {"table": table, "names": _nearest(name, tables[table])}


def _tables(name: str, tables: Collection[str], datasets: Sequence[str]) -> tuple[str, dict[str, object]]:
    """The tables of the dataset that `name` begins with; where it names none of those asked for, of all of them."""
    dataset = name.partition(".")[0]
    within = [table for table in tables if table.partition(".")[0] == dataset]
    return "hint-tables", {
        "dataset": dataset if within else ", ".join(datasets),
        "names": _nearest(name, within or list(tables)),
    }


def _nearest(name: str, names: list[str]) -> str:
    """The names, closest first."""
    close = get_close_matches(name, names, _MOST, 0.5)
    ordered = [*close, *(other for other in names if other not in close)]
    return ", ".join(ordered[:_MOST]) + (", …" if len(ordered) > _MOST else "")
