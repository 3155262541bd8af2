"""Plans made by hand for the privacy room's tests."""

from dataclasses import replace
from fractions import Fraction

from sandbox.plan.answers import CountOutput, KeyOutput, MeanOutput, Measured, MeasuredColumn, QuantileOutput, SumOutput
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Comparison, Literal
from sandbox.plan.primitives import (
    CountDistinct,
    CountRows,
    CountUnits,
    CountValues,
    Primitive,
    SumValues,
    TreeCounts,
)
from sandbox.plan.query import Plan
from sandbox.plan.relations import Scan
from sandbox.terms.dataset import Type

COST = ColumnRef("cost", Type.FLOAT)
KEY = ColumnRef("k", Type.STRING)


def a_sum(low: str = "0", high: str = "5000", center: str = "0", granularity: str = "1/100") -> SumValues:
    return SumValues(COST, Fraction(low), Fraction(high), Fraction(center), Fraction(granularity))


def a_tree(depth: int = 2) -> TreeCounts:
    return TreeCounts(COST, Fraction(0), Fraction(5000, 16**depth), depth)


def a_scan(rows_max: int = 1_000_000, rows_per_unit: int = 50) -> Scan:
    return Scan("clinic", "visits", "", (("cost", Type.FLOAT), ("k", Type.STRING)), rows_max, rows_per_unit)


def a_measurement(
    *primitives: Primitive,
    groups: int = 4,
    rows: int = 50,
    max_groups: int = 10,
    per_group: int = 50,
    rows_max: int = 1_000_000,
    private: bool = False,
) -> Measurement:
    """These primitives by one key of that many groups; without keys where that is 1; by private ones where told so."""
    values = None if private else tuple(f"v{number}" for number in range(groups))
    keys = (GroupKey(KEY, Type.STRING, values, 20 if private else 0),) if groups > 1 or private else ()
    return Measurement(a_scan(rows_max, rows), keys, ContributionBounds(rows, max_groups, per_group), primitives)


def plan_over(*measurements: Measurement) -> Plan:
    """A plan that shows the first of these measurements, primitive by primitive."""
    first = measurements[0]
    outputs: list[MeasuredColumn] = [KeyOutput("k", 0, Type.STRING)] if first.keys else []
    for place, primitive in enumerate(first.primitives):
        match primitive:
            case SumValues():
                outputs.append(SumOutput(f"s{place}", place, Type.FLOAT))
            case TreeCounts():
                outputs.append(QuantileOutput(f"q{place}", place, Fraction(1, 2), Type.FLOAT, ""))
            case _:
                outputs.append(CountOutput(f"c{place}", place))
    return Plan("people", measurements, Measured(0, tuple(outputs)))


def a_plan(
    *primitives: Primitive,
    groups: int = 4,
    rows: int = 50,
    max_groups: int = 10,
    per_group: int = 50,
    rows_max: int = 1_000_000,
    private: bool = False,
) -> Plan:
    """A plan of one measurement: see `a_measurement`."""
    return plan_over(
        a_measurement(
            *primitives,
            groups=groups,
            rows=rows,
            max_groups=max_groups,
            per_group=per_group,
            rows_max=rows_max,
            private=private,
        )
    )


def a_mean_plan(rows_max: int = 1_000_000) -> Plan:
    """AVG of a value in [0, 5000] around 2500, with its count."""
    plan = a_plan(a_sum(center="2500"), CountValues(COST), rows_max=rows_max)
    outputs = (KeyOutput("k", 0, Type.STRING), MeanOutput("mean", 0, 1), CountOutput("n", 1))
    return replace(plan, answer=Measured(0, outputs))


def larger(plan: Plan, rows_max: int) -> Plan:
    """The same plan over a table of another declared size."""
    made = tuple(
        replace(measurement, relation=replace(measurement.relation, rows_max=rows_max))
        for measurement in plan.measurements
    )
    return replace(plan, measurements=made)


EVERY_KIND: tuple[Primitive, ...] = (
    CountRows(),
    CountUnits(),
    CountValues(COST),
    a_sum(),
    CountUnits(Comparison(">", COST, Literal(Fraction(0), Type.FLOAT))),
    CountDistinct(COST, 7),
    a_tree(),
)
