"""How far one unit moves the exact vectors of a question, and what the plan says that it may move them at most.

Of selected groups, those that are there on one side alone are zero on the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from audit_line import Asked, Line, Measured, Tables, ask, undrawn
from audit_town import PAIRS, TABLES, unit_alone, with_unit
from audit_town_operators import Question

from sandbox.plan.measurement import Measurement
from sandbox.plan.primitives import CountDistinct, Primitive
from sandbox.privacy.selection import exposed_groups
from sandbox.privacy.sensitivity import effective_bounds, sensitivity
from sandbox.terms.loss import Mode
from workers.tally import Tally

Vectors = Mapping[bytes, np.ndarray]
"""The integers of each line, by its key ("" and all of them where keys are public)."""


@dataclass(frozen=True)
class Distance:
    """One primitive's vector: norms of the difference, and their declared bounds."""

    l1: int
    most_l1: int
    l2: int
    most_l2: int

    @property
    def exceeds(self) -> bool:
        return self.l1 > self.most_l1 or self.l2 > self.most_l2

    @property
    def reached(self) -> frozenset[str]:
        return frozenset(
            name for name, met in (("L1", self.l1 == self.most_l1), ("L2", self.l2 == self.most_l2)) if met
        )


class Exact:
    """Questions measured without noise on a line; what was measured once is kept while nothing is planted."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._kept: dict[tuple[str, str], Measured] = {}

    @cached_property
    def sides(self) -> dict[str, Tables]:
        """All tables that are measured: by pair, without the unit, with it, and the unit alone."""
        found = {}
        for name, (base, unit) in PAIRS.items():
            found |= {f"-{name}": base, f"+{name}": with_unit(base, unit), f"={name}": unit_alone(unit)}
        return found

    def asked(self, question: Question) -> Asked:
        return ask(question.sql, Mode.ZCDP, Fraction(1), question.bounds, TABLES)

    def measured(self, question: Question, side: str, keep: bool = True) -> Measured:
        if not keep:
            with undrawn():
                return self.line.measure(self.asked(question), self.sides[side])
        tables = self.sides[side]
        name = question.sql, repr(sorted((name, rows) for name, rows in tables.items()))
        if name not in self._kept:
            with undrawn():
                self._kept[name] = self.line.measure(self.asked(question), tables)
        return self._kept[name]

    def distances(self, question: Question, pair: str, keep: bool = True) -> list[Distance]:
        """One for each primitive."""
        one, two = (_parts(self.measured(question, sign + pair, keep)) for sign in "-+")
        return [_distance(first, _moved(first.lines, second.lines)) for first, second in zip(one, two, strict=True)]

    def exceeds(self, question: Question, pair: str, keep: bool = True) -> bool:
        return any(distance.exceeds for distance in self.distances(question, pair, keep))

    def adds_up(self, question: Question, pair: str, keep: bool = True) -> bool:
        """Whether with the unit there is what there is without it and what it brings alone: others bring the same."""
        sides = (_parts(self.measured(question, sign + pair, keep)) for sign in "-+=")
        return all(_added(*parts) for parts in zip(*sides, strict=True))

    def loss(self, question: Question, pair: str, keep: bool = True) -> float:
        """The ρ that Gaussian noise of the specification's scales costs on this pair, less a part in 10⁹ for rounding."""
        distances = self.distances(question, pair, keep)
        vectors = self.asked(question).spec.vectors
        scales = (float.fromhex(vector.scale) for vector in vectors)
        return sum(held.l2 / (2 * scale**2) for held, scale in zip(distances, scales, strict=True)) * (1 - 1e-9)

    def lone_groups(self, question: Question, pair: str, keep: bool = True) -> tuple[int, int]:
        """Selected groups that hold the unit alone: how many there are, and how many the threshold counts on."""
        one, two = (self.measured(question, sign + pair, keep) for sign in "-+")
        (measurement,) = two.asked.plan.measurements
        new = set(two.tallies[0].keys) - set(one.tallies[0].keys)
        return len(new), exposed_groups(effective_bounds(measurement))


@dataclass(frozen=True)
class _Part:
    """One primitive of one measurement, and its exact lines."""

    measurement: Measurement
    primitive: Primitive
    lines: Vectors


def _parts(measured: Measured) -> list[_Part]:
    return [
        _Part(measurement, primitive, _lines(measurement, tally, vector.astype(object)))
        for measurement, tally, vectors in zip(
            measured.asked.plan.measurements, measured.tallies, measured.vectors(), strict=True
        )
        for primitive, vector in zip(measurement.primitives, vectors, strict=True)
    ]


def _lines(measurement: Measurement, tally: Tally, vector: np.ndarray) -> dict[bytes, np.ndarray]:
    if not measurement.selected:
        return {b"": vector}
    return dict(zip(tally.keys, vector.reshape(len(tally.keys), -1), strict=True)) if tally.keys else {}


def _added(without: _Part, both: _Part, alone: _Part) -> bool:
    moved = _moved(without.lines, both.lines)
    brought = _moved({}, alone.lines)
    if isinstance(without.primitive, CountDistinct):  # of a union: no more than what it brings, and nothing goes
        return all((held >= 0).all() and (held <= brought.get(key, 0)).all() for key, held in moved.items())
    steps = ({key: held.tolist() for key, held in side.items() if held.any()} for side in (moved, brought))
    return next(steps) == next(steps)


def _moved(one: Vectors, two: Vectors) -> dict[bytes, np.ndarray]:
    keys = {**one, **two}
    zeros = {key: np.zeros_like(held) for key, held in keys.items()}
    return {key: two.get(key, zeros[key]) - one.get(key, zeros[key]) for key in sorted(keys)}


def _distance(part: _Part, moved: Vectors) -> Distance:
    steps: Sequence[int] = [step for held in moved.values() for step in held.tolist()]
    bounds = effective_bounds(part.measurement)
    return Distance(
        sum(abs(step) for step in steps),
        sensitivity(part.primitive, bounds, Mode.PURE),
        sum(step * step for step in steps),
        sensitivity(part.primitive, bounds, Mode.ZCDP),
    )
