"""A stored table read from front to back: of each unit its first rows, columns in the form of `Rows`."""

from collections.abc import Iterator, Mapping

import numpy as np

from sandbox.plan.relations import Scan
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray, Piece
from workers.relations.evaluation import plain
from workers.relations.rows import Integers, joined
from workers.relations.sources import Sources
from workers.text_codes import used
from workers.vector import Vector


class TableReader:
    """The columns of one table. It holds one piece of the file at a time, beside what was asked for."""

    def __init__(self, sources: Sources, scan: Scan, types: Mapping[str, Type], runs: Integers) -> None:
        """`runs` are the rows of each of the table's units. Without columns nothing is read."""
        self._types = dict(types)
        self._starts = np.append(0, np.cumsum(runs))
        rows = int(self._starts[-1])
        self._pieces: Iterator[Piece] = sources.pieces(scan, list(types), rows) if types else iter(())
        self._piece: Piece | None = None
        self._vectors: dict[str, Vector] = {}
        self._first, self._stop = 0, 0

    def read(self, start: int, counts: Integers) -> dict[str, ColumnArray]:
        """The first `counts` rows of the units start, start + 1, …: no unit before those of the call before.

        Raises:
            StoreRefused: the file is not what it should be.
            ValueError: the runs have more rows than the pieces.
        """
        if not self._types:
            return {}
        before = np.cumsum(counts) - counts
        places = np.arange(int(counts.sum())) + np.repeat(self._starts[start : start + len(counts)] - before, counts)
        parts: dict[str, list[Vector]] = {name: [] for name in self._types}
        done = 0
        while done < len(places):
            while places[done] >= self._stop:
                self._next()
            upto = int(np.searchsorted(places, self._stop))
            local = places[done:upto] - self._first
            for name, vector in self._piece_vectors().items():
                part = Vector(vector.values[local], vector.valid[local], vector.texts)
                parts[name].append(part if (done == 0 and upto == len(places)) or part.texts is None else used(part))
            done = upto
        return {name: joined(vectors, self._types[name]) for name, vectors in parts.items()}

    def _next(self) -> None:
        self._piece, self._vectors = None, {}  # before the next one is read
        self._piece = next(self._pieces, None)
        if self._piece is None:
            raise ValueError("runs do not cover the rows")
        self._first, self._stop = self._stop, self._stop + self._piece.rows

    def _piece_vectors(self) -> dict[str, Vector]:
        # Pieces of which nothing is needed, as those within one unit's many rows, are not made into vectors.
        if self._piece is not None and not self._vectors:
            self._vectors = plain(self._piece.columns, self._piece.rows, self._types)
        return self._vectors
