"""The rows of public tables as lines of an answer. They are read in the engine: nobody is behind them, and none is a unit's."""

from sandbox.plan.answers import Listed
from sandbox.plan.finishing import Lines
from sandbox.plan.nodes import type_of
from sandbox.plan.relations import is_public
from sandbox.terms.cells import Cell
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray
from workers.relations.evaluation import evaluated
from workers.relations.execute import public_rows
from workers.relations.rows import vector_of
from workers.relations.sources import Sources


def public_lines(table: Listed, sources: Sources) -> Lines:
    """The lines of public rows, in stored order, without marks.

    Raises:
        StoreRefused: a file is not what the manifest says.
        ValueError: rows of units.
    """
    if not is_public(table.relation):
        raise ValueError("rows of units are no lines")
    rows = public_rows(table.relation, sources)
    columns = zip(table.columns, evaluated(rows, [column.operand for column in table.columns]), strict=True)
    cells = [_cells(values, type_of(column.operand), column.max_length) for column, values in columns]
    names = tuple(column.name for column in table.columns)
    lines = list(zip(*cells, strict=True))
    if table.keys:
        places = [names.index(name) for name in table.keys]
        first: dict[tuple[Cell, ...], tuple[Cell, ...]] = {}
        for line in lines:
            first.setdefault(tuple(line[place] for place in places), line)
        lines = list(first.values())
    return Lines(names, tuple(lines), ((),) * len(lines))


def _cells(column: ColumnArray, kind: Type, longest: int) -> list[Cell]:
    vector = vector_of(column)
    valid = vector.valid.tolist()
    if kind is Type.STRING:
        texts = [text if len(text) <= longest else None for text in vector.texts.to_pylist()]
        return [texts[code] if there else None for code, there in zip(vector.values.tolist(), valid, strict=True)]
    plain = {Type.BOOL: bool, Type.FLOAT: float}.get(kind, int)
    return [plain(value) if there else None for value, there in zip(vector.values.tolist(), valid, strict=True)]
