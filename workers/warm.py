"""Compiling ahead: a measurement must not be the first to need a compiled pass."""

from fractions import Fraction

import numpy as np

from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Comparison, Literal
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, CountValues, SumValues, TreeCounts
from sandbox.plan.relations import Scan
from sandbox.terms.dataset import Type
from workers.bucket import Bucket, ColumnArray
from workers.kernels.libm import libm
from workers.relations.warm import compile_relation_passes
from workers.scan import measure_bucket


def compile_passes() -> None:
    """Measure two rows in every way there is."""
    columns = (("name", Type.STRING), ("real", Type.FLOAT), ("whole", Type.INT))
    table = Scan("warm", "warm", "", columns, 2, 2)
    name, real, whole = (ColumnRef(column, kind) for column, kind in columns)
    zero, one = Fraction(0), Fraction(1)
    primitives = (
        CountUnits(),
        CountUnits(Comparison(">", whole, Literal(0, Type.INT))),
        CountRows(),
        CountValues(whole),
        SumValues(whole, zero, one, zero, one),
        SumValues(real, zero, one, zero, one / 10),
        CountDistinct(name, 1),
        TreeCounts(whole, zero, one, 1),
        TreeCounts(real, zero, one, 1),
    )
    held = {
        "name": ColumnArray(np.zeros(2, np.int32), None, ("x",)),
        "real": ColumnArray(np.ones(2, np.float64)),
        "whole": ColumnArray(np.ones(2, np.int64)),
    }
    for keys in ((), (GroupKey(whole, Type.INT, None), GroupKey(name, Type.STRING, None, 1))):
        measurement = Measurement(table, keys, ContributionBounds(1, 1, 1), primitives)
        measure_bucket(measurement, Bucket(2, np.full(1, 2, np.int64), held))
    compile_relation_passes()
    libm("exp", np.ones(1))
