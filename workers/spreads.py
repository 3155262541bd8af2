"""Variances, covariances and correlations from noisy sums: exact quotients, rounded once at the end."""

import math
from dataclasses import dataclass
from fractions import Fraction

from sandbox.plan.primitives import SumValues
from sandbox.terms.cells import double

SAMPLES = ("var_samp", "stddev_samp", "covar_samp")
DEVIATIONS = ("stddev_pop", "stddev_samp")
COVARIANCES = ("covar_pop", "covar_samp")


@dataclass(frozen=True, slots=True)
class NoisySums:
    """One group's noisy sums over the rows where neither operand is NULL, with their granularities: of the operands less
    their centers, of the product of these differences, and of their squares. `count` is the noisy number of rows."""

    count: int
    first: Fraction
    second: Fraction
    products: Fraction
    first_squares: Fraction
    second_squares: Fraction


def spread(function: str, sums: NoisySums, first: SumValues, second: SumValues) -> float:
    """The value of one of the functions of `SpreadOutput`, kept within what values in the operands' bounds can have.

    With n = max(count, 1) and a, b, p the means of the sums: the covariance is p - a·b; samples times n / max(n - 1, 1). A
    variance lies in [0, ((high - low) / 2)²], a covariance within the geometric mean of both such bounds, for samples
    twice that. A correlation lies in [-1, 1], and is 0 where either variance is not positive.
    """
    count = max(sums.count, 1)
    a, b = sums.first / count, sums.second / count
    if function == "corr":
        mine, theirs = sums.first_squares / count - a * a, sums.second_squares / count - b * b
        return _correlation(sums.products / count - a * b, mine, theirs)
    samples = function in SAMPLES
    value = sums.products / count - a * b
    most = (first.high - first.low) * (second.high - second.low) / 4
    if samples:
        value, most = value * count / max(count - 1, 1), most * 2
    value = min(max(value, -most if function in COVARIANCES else Fraction(0)), most)
    return math.sqrt(double(value)) if function in DEVIATIONS else double(value)


def _correlation(products: Fraction, mine: Fraction, theirs: Fraction) -> float:
    if mine <= 0 or theirs <= 0:
        return 0.0
    # The square is exact until it is a double, so that no product of small variances vanishes.
    size = math.sqrt(double(min(products * products / (mine * theirs), Fraction(1))))
    return size if products >= 0 else -size
