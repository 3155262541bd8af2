"""Faults planted into pricing, drawing and finishing; see `audit_planted`.

Where two derivations must agree, both are broken alike; those of which one alone is broken the engine refuses.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any
from unittest import mock

import numpy as np

from sandbox.plan.primitives import CountUnits
from sandbox.privacy import conversion, mechanism
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.terms.loss import UNITS, Loss, Mode
from workers import finish as finish_module
from workers import measure, noise
from workers.noisy_table import NoisyTable

ABSENT = -(2**61)
"""Marks a group without rows."""


# -- pricing -------------------------------------------------------------------------------------------------------------


@contextmanager
def wrong_norm() -> Iterator[None]:
    """√R in the place of R: the L2 norm in pure mode, and one row a group in zCDP."""

    def size(rows: int, groups: int, mode: Mode, step: int) -> int:
        least = min(rows, groups * rows)
        return math.isqrt(least) * step if mode is Mode.PURE else least * step**2

    def priced(primitive: Any, bounds: Any, mode: Mode) -> int:
        rows = min(bounds.rows, bounds.groups) if isinstance(primitive, CountUnits) else bounds.rows
        return size(rows, bounds.groups, mode, mechanism.magnitude(primitive))

    def checked(measurement: Any, primitive: Any, mode: Mode) -> int:
        return priced(primitive, mechanism.effective_bounds(measurement), mode)

    with mock.patch.object(mechanism, "sensitivity", priced), mock.patch.object(noise, "_distance", checked):
        yield


def wrong_norm_in_pricing_alone() -> Any:
    """The control plane underestimates by a half; the engine does not."""
    original = mechanism.sensitivity
    return mock.patch.object(mechanism, "sensitivity", lambda *given: max(1, original(*given) // 2))


def budget_given_to_each_aggregate() -> Any:
    """Each primitive is given the whole loss."""
    original = mechanism.measurement_spec

    def spec(plan: Any, mode: Mode, units: int, delta: int = 0) -> MeasurementSpec:
        return original(plan, mode, units * len(plan.primitives), delta)

    return mock.patch.object(mechanism, "measurement_spec", spec)


def first_vector_charged_alone() -> Any:
    """Two aggregates cost as much as one; the engine still adds up for itself."""
    return mock.patch.object(MeasurementSpec, "cost", property(lambda self: Loss(self.mode, self.vectors[0].cost)))


@contextmanager
def aggregates_charged_once() -> Iterator[None]:
    """Two aggregates cost as much as one, and the engine believes it."""
    original = noise.prepare
    believed = mock.patch.object(
        noise, "prepare", lambda plan, spec, loss, *more: original(plan, spec, replace(loss, units=10**18), *more)
    )
    with first_vector_charged_alone(), believed:
        yield


def epsilon_taken_for_rho() -> Any:
    """The conversion forgets δ: ρ = ε."""
    return mock.patch.object(conversion, "rho_units", lambda epsilon, _: math.floor(Fraction(epsilon) * UNITS))


# -- drawing and finishing -------------------------------------------------------------------------------------------------


def half_the_noise() -> Any:
    """Checked at the full scale, drawn at half of it."""

    class Loud:
        def __init__(self, make: Any, scale: float, given: tuple[Any, ...]) -> None:
            self.map = make(*given, scale=scale).map
            self._draw = make(*given, scale=scale / 2)

        def __call__(self, exact: Any) -> Any:
            return self._draw(exact)

    makers = {name: getattr(noise.dp.m, name) for name in ("make_laplace", "make_gaussian")}
    fake = mock.Mock(spec=[])
    for name, make in makers.items():
        setattr(fake, name, lambda *given, scale, make=make: Loud(make, scale, given))
    return mock.patch.object(noise.dp, "m", fake)


def _draw(noisy: Any) -> Any:
    """`Mechanism.draw` as `noisy(mechanism, exact)`."""
    return mock.patch.object(noise.Mechanism, "draw", lambda self, exact: np.asarray(noisy(self, exact), np.int64))


def _noise(mechanism_: Any, count: int) -> Any:
    return np.asarray(mechanism_.measurement(np.zeros(count, np.int64)), np.int64)


def seed_fixed() -> Any:
    """The generator starts anew at each answer."""

    return _draw(lambda self, exact: exact + np.random.default_rng(7).normal(0, 12, len(exact)).round())


def noise_shared_by_groups() -> Any:
    """One draw for all groups."""
    return _draw(lambda self, exact: exact + _noise(self, 1))


def noise_shared_by_aggregates() -> Any:
    """Two aggregates of an answer get the same vector of noise."""
    kept: list[Any] = []

    def noisy(self: Any, exact: Any) -> Any:
        if kept:
            return exact + kept.pop()
        kept.append(_noise(self, len(exact)))
        return exact + kept[0]

    return _draw(noisy)


def second_aggregate_without_noise() -> Any:
    """A mean's count is taken for public."""
    turn: list[int] = []

    def noisy(self: Any, exact: Any) -> Any:
        turn.append(0)
        return exact + _noise(self, len(exact)) if len(turn) % 2 else exact

    return _draw(noisy)


def empty_groups_without_noise() -> Any:
    """Zero is zero."""
    return _draw(lambda self, exact: np.where(exact == 0, 0, exact + _noise(self, len(exact))))


def noise_follows_the_value() -> Any:
    """A relative error: the scale shrinks with what is measured."""
    return _draw(lambda self, exact: exact + np.rint(_noise(self, len(exact)) * np.minimum(1, np.abs(exact) / 50)))


def noise_cut_off() -> Any:
    """No answer is further off than one scale."""

    reaches: dict[int, int] = {}

    def reach(measurement: Any) -> int:
        loss = measurement.map(1)
        pure = "MaxDivergence" in str(measurement.output_measure)
        return int(1 / loss if pure else 1 / math.sqrt(2 * loss))

    def noisy(self: Any, exact: Any) -> Any:
        far = reaches.setdefault(id(self.measurement), 0) or reach(self.measurement)
        reaches[id(self.measurement)] = far
        return exact + np.clip(_noise(self, len(exact)), -far, far)

    return _draw(noisy)


def absent_groups_left_out() -> Any:
    """`finish` leaves out groups whose first number is ABSENT."""
    original = measure.finish

    def finish(order: str, plan: Any, spec: Any, noisy: Any, *more: Any) -> Any:
        (table,) = noisy
        kept = [number for number, value in enumerate(table.vectors[0]) if value != ABSENT]
        values = tuple(tuple(vector[at] for at in kept) for vector in table.vectors)
        lines = tuple(table.lines[at] for at in kept)
        with mock.patch.object(finish_module, "_check", lambda *_: None):
            return original(order, plan, spec, (NoisyTable(lines, values),), *more)

    return mock.patch.object(measure, "finish", finish)


@contextmanager
def absent_keys_dropped() -> Iterator[None]:
    """Groups without a row are left out, as plain SQL does."""
    marked = _draw(lambda self, exact: np.where(exact == 0, ABSENT, exact + _noise(self, len(exact))))
    with marked, absent_groups_left_out():
        yield
