"""Exact tally → noisy table: the noise of one measurement, each vector drawn once.

Of selected groups, those that show are chosen first, by their noisy numbers of units (of very many the largest, which is
a choice among noisy numbers and tells nothing more); the other vectors are then drawn for these lines alone. Given the chosen lines that is noise on a vector whose sensitivity is no larger, so the losses of
the vectors add up as they do for public keys; see `sandbox.privacy.selection`.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.measurement import Measurement
from sandbox.plan.primitives import CountDistinct, TreeCounts
from sandbox.terms.dataset import KeyValue
from workers.key_bytes import key_values
from workers.noise import Mechanism, noisy_units
from workers.noisy_table import NoisyTable
from workers.tally import Tally
from workers.tree_counts import dense_leaves, levels_of

Integers = NDArray[np.int64]


def noisy_table(measurement: Measurement, mechanisms: Sequence[Mechanism], tally: Tally) -> NoisyTable:
    """The measurement's noisy integers.

    Raises:
        ValueError: mechanisms or keys that are not the measurement's.
    """
    exact = exact_vectors(measurement, tally)
    if not measurement.selected:
        public = [mechanism.draw(exact(place, None)) for place, mechanism in enumerate(mechanisms)]
        lines = tuple(product(*(key.values or () for key in measurement.keys)))
        return NoisyTable(lines, _plain(public))
    chosen, units = _largest(*noisy_units(mechanisms[0], exact(0, None)), measurement.lines_max)
    rest = [mechanism.draw(exact(place, chosen)) for place, mechanism in enumerate(mechanisms) if place > 0]
    shown: list[tuple[KeyValue, ...]] = [key_values(measurement.keys, tally.keys[line]) for line in chosen]
    return NoisyTable(tuple(shown), _plain([units, *rest]))


def _largest(chosen: Sequence[int], units: Integers, most: int) -> tuple[Sequence[int], Integers]:
    """The `most` lines with the largest noisy numbers of units, of equal ones the first; in the order in which they came."""
    if len(chosen) <= most:
        return chosen, units
    kept = np.sort(np.argsort(-units, kind="stable")[:most])
    return [chosen[place] for place in kept], units[kept]


class _Vectors:
    """The exact vectors of a tally's lines."""

    def __init__(self, measurement: Measurement, tally: Tally) -> None:
        self._primitives = measurement.primitives
        self._tally = tally
        sums, trees, pairs = iter(tally.sums), iter(tally.trees), iter(tally.pairs)
        self._parts: list[Integers] = []
        for primitive in self._primitives:
            match primitive:
                case TreeCounts():
                    self._parts.append(next(trees))
                case CountDistinct():
                    self._parts.append(np.bincount(next(pairs)[0], minlength=tally.lines).astype(np.int64))
                case _:
                    self._parts.append(next(sums))

    def __call__(self, place: int, lines: Sequence[int] | None) -> Integers:
        """`width` integers of primitive number `place` for each of `lines` (all where None), those of the first first."""
        primitive, part = self._primitives[place], self._parts[place]
        if isinstance(primitive, TreeCounts):
            wanted = np.arange(self._tally.lines) if lines is None else np.asarray(lines, np.int64)
            levels = levels_of(dense_leaves(part, wanted, primitive.leaves), primitive.depth)
            return np.ascontiguousarray(levels.T).reshape(-1)
        return np.ascontiguousarray(part if lines is None else part[np.asarray(lines, np.int64)])


def exact_vectors(measurement: Measurement, tally: Tally) -> _Vectors:
    """The exact vectors: call it with the number of a primitive, and lines or None."""
    return _Vectors(measurement, tally)


def _plain(vectors: Sequence[Integers]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(vector.tolist()) for vector in vectors)
