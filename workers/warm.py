"""Compiling ahead: a measurement must not be the first to need a compiled pass."""

from fractions import Fraction
from typing import Any

import numpy as np

from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Comparison, Literal
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, CountValues, SumValues, TreeCounts
from sandbox.plan.relations import Scan
from sandbox.terms.dataset import Type
from workers.bucket import Bucket, ColumnArray
from workers.interleave import mixed
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
    for width in (np.int8, np.int16):
        _look_up(table, width)
    compile_relation_passes()
    token = np.ones(1, np.uint64)
    mixed(bytes(32), token, token, np.ones((2, 1), np.int64))
    libm("exp", np.ones(1))


def _look_up(table: Scan, width: type[np.signedinteger[Any]]) -> None:
    """Two rows of narrow columns: with groups and without, within limits that rows alone meet and others."""
    name, real, whole = (ColumnRef(column, kind) for column, kind in table.columns)
    held = {
        "name": ColumnArray(np.zeros(2, width), None, ("x",)),
        "real": ColumnArray(np.ones(2, width), scale=10),
        "whole": ColumnArray(np.ones(2, width), np.asarray([True, False])),
    }
    zero, one = Fraction(0), Fraction(1)
    primitives = (
        CountRows(),
        CountValues(whole),
        SumValues(real, zero, one, zero, one),
        TreeCounts(real, zero, one, 1),
    )
    keys = (GroupKey(name, Type.STRING, ("x",)), GroupKey(whole, Type.INT, (1,)))
    private = GroupKey(whole, Type.INT, None)
    for groups, measured, bounds in (
        ((), primitives, ContributionBounds(1, 1, 1)),
        (keys, primitives, ContributionBounds(1, 1, 1)),
        (keys, primitives, ContributionBounds(2, 1, 1)),
        ((private,), (CountUnits(), *primitives), ContributionBounds(1, 1, 1)),
    ):
        measurement = Measurement(table, groups, bounds, measured)
        measure_bucket(measurement, Bucket(2, np.full(1, 2, np.int64), held))
