"""Expressions over the rows of a node, a block at a time, so that what they need does not grow with the batch."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.nodes import ColumnRef, Expression, type_of
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray
from workers.evaluate import Compiler, repeated
from workers.relations.rows import Rows, joined
from workers.vector import Block, Vector

BLOCK_ROWS = 16_384


def evaluated(rows: Rows, expressions: Sequence[Expression]) -> list[ColumnArray]:
    """The values of each expression in all rows, in the form of `Rows`."""
    made = iter(_vectors(rows.columns, rows.count, [item for item in expressions if not isinstance(item, ColumnRef)]))
    return [rows.columns[item.name] if isinstance(item, ColumnRef) else next(made) for item in expressions]


def fulfilled(rows: Rows, predicate: Expression) -> NDArray[np.bool_]:
    """Where the predicate is true: neither false nor NULL."""
    (found,) = evaluated(rows, [predicate])
    true = found.values.astype(np.bool_, copy=False)
    return true if found.valid is None else true & found.valid


def plain(columns: Mapping[str, ColumnArray], count: int, types: Mapping[str, Type]) -> dict[str, Vector]:
    """Stored columns as vectors of all their `count` rows: codes of declared keys that are no texts become values."""
    compiler = Compiler(columns, max(count, 1), frozenset())
    with np.errstate(all="ignore"):
        return {name: compiler.step(ColumnRef(name, kind))(Block(0, count)) for name, kind in types.items()}


def _vectors(columns: Mapping[str, ColumnArray], count: int, expressions: Sequence[Expression]) -> list[ColumnArray]:
    if not expressions:
        return []
    compiler = Compiler(columns, min(BLOCK_ROWS, max(count, 1)), repeated(expressions))
    steps = [compiler.step(expression) for expression in expressions]
    found: list[list[Vector]] = [[] for _ in expressions]
    with np.errstate(all="ignore"):
        for start in range(0, count, BLOCK_ROWS):
            block = Block(start, min(start + BLOCK_ROWS, count))
            for step, vectors in zip(steps, found, strict=True):
                vectors.append(step(block))
    return [joined(vectors, type_of(item)) for vectors, item in zip(found, expressions, strict=True)]
