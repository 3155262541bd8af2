"""Telling two sides apart from what a client measured: a logistic regression on the ranks of the features.

Each half of the runs is judged by what was learned on the other half, so the area under the curve is honest: 0.5 where
the sides cannot be told apart. Under that hypothesis it is nearly normal with the standard error of `null_error`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
RIDGE = 1.0
STEPS = 25


@dataclass(frozen=True)
class Area:
    """The area under the ROC curve with its 95 % interval (Hanley and McNeil, Radiology 1982)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def told_apart(features: Floats, sides: NDArray[np.int64], seed: int) -> Area:
    """How well the sides (0 and 1) are told apart; `features` has one row a run."""
    order = np.random.default_rng(seed).permutation(len(sides))
    halves = order[::2], order[1::2]
    areas = []
    for learned, judged in (halves, halves[::-1]):
        ranks = _Ranks(features[learned])
        weights = _logistic(ranks(features[learned]), sides[learned])
        areas.append(area_of(ranks(features[judged]) @ weights, sides[judged]))
    return interval(float(np.mean(areas)), int(np.sum(sides == 0)), int(np.sum(sides == 1)))


def area_of(scores: Floats, sides: NDArray[np.int64]) -> float:
    """The probability that a run of side 1 scores higher than one of side 0; ties count a half."""
    ranks = stats.rankdata(scores)
    ones = int(np.sum(sides == 1))
    zeros = len(sides) - ones
    return float((np.sum(ranks[sides == 1]) - ones * (ones + 1) / 2) / (ones * zeros))


def interval(area: float, zeros: int, ones: int) -> Area:
    """The area with its 95 % interval."""
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (ones - 1) * (first - area**2) + (zeros - 1) * (second - area**2)
    error = 1.96 * float(np.sqrt(max(spread, 0.0) / (zeros * ones)))
    return Area(area, max(0.0, area - error), min(1.0, area + error))


def null_error(zeros: int, ones: int) -> float:
    """The standard error of the area where the sides are alike."""
    return float(np.sqrt((zeros + ones + 1) / (12 * zeros * ones)))


class _Ranks:
    """Features as their places among those learned from, from -1 to 1, and a constant."""

    def __init__(self, features: Floats) -> None:
        self._learned = np.sort(features, axis=0)

    def __call__(self, features: Floats) -> Floats:
        below = [
            (np.searchsorted(known, asked, "left") + np.searchsorted(known, asked, "right")) / len(known) - 1
            for known, asked in zip(self._learned.T, features.T, strict=True)
        ]
        return np.column_stack([*below, np.ones(len(features))])


def _logistic(inputs: Floats, sides: NDArray[np.int64]) -> Floats:
    """Weights by Newton's method with a ridge."""
    weights = np.zeros(inputs.shape[1])
    for _ in range(STEPS):
        chances = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        slope = inputs.T @ (sides - chances) - RIDGE * weights
        bend = (inputs * (chances * (1 - chances))[:, None]).T @ inputs + RIDGE * np.eye(len(weights))
        weights += np.linalg.solve(bend, slope)
    return weights
