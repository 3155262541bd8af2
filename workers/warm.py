"""Compiling ahead: a measurement must not be the first to need a compiled pass."""

from fractions import Fraction

import numpy as np

from sandbox.plan.nodes import (
    ColumnRef,
    ContributionBounds,
    CountOutput,
    CountRows,
    CountUnits,
    CountValues,
    Plan,
    SumValues,
)
from sandbox.terms.dataset import Type
from workers.bucket import Bucket, ColumnArray
from workers.scan import measure_bucket


def compile_passes() -> None:
    """Measure two rows in every way there is."""
    whole, real = ColumnRef("whole", Type.INT), ColumnRef("real", Type.FLOAT)
    zero, one = Fraction(0), Fraction(1)
    plan = Plan(
        unit_space="warm",
        dataset="warm",
        table="warm",
        rows_max=2,
        where=None,
        keys=(),
        bounds=ContributionBounds(1, 1, 1),
        primitives=(
            CountRows(),
            CountUnits(),
            CountValues(whole),
            SumValues(whole, zero, one, zero, one),
            SumValues(real, zero, one, zero, one / 10),
        ),
        outputs=(CountOutput("n", 0),),
    )
    columns = {"whole": ColumnArray(np.ones(2, np.int64)), "real": ColumnArray(np.ones(2, np.float64))}
    measure_bucket(plan, Bucket(2, np.full(1, 2, np.int64), columns))
