"""Plans made by hand for the privacy room's tests."""

from fractions import Fraction

from sandbox.plan.nodes import (
    ColumnRef,
    ContributionBounds,
    CountOutput,
    CountRows,
    CountUnits,
    CountValues,
    GroupKey,
    KeyOutput,
    MeanOutput,
    Plan,
    Primitive,
    SumOutput,
    SumValues,
)
from sandbox.terms.dataset import Type

COST = ColumnRef("cost", Type.FLOAT)


def a_sum(low: str = "0", high: str = "5000", center: str = "0", granularity: str = "1/100") -> SumValues:
    return SumValues(COST, Fraction(low), Fraction(high), Fraction(center), Fraction(granularity))


def a_plan(
    *primitives: Primitive,
    groups: int = 4,
    rows: int = 50,
    max_groups: int = 10,
    per_group: int = 50,
    rows_max: int = 1_000_000,
) -> Plan:
    """A plan that measures these primitives by one key of that many groups; without keys where that is 1."""
    keys = (GroupKey("k", Type.STRING, tuple(f"v{number}" for number in range(groups))),) if groups > 1 else ()
    outputs = [KeyOutput("k", 0)] if keys else []
    for place, primitive in enumerate(primitives):
        match primitive:
            case SumValues():
                outputs.append(SumOutput(f"s{place}", place, Type.FLOAT))
            case _:
                outputs.append(CountOutput(f"c{place}", place))
    return Plan(
        unit_space="people",
        dataset="clinic",
        table="visits",
        rows_max=rows_max,
        where=None,
        keys=keys,
        bounds=ContributionBounds(rows, max_groups, per_group),
        primitives=primitives,
        outputs=tuple(outputs),
    )


def a_mean_plan(rows_max: int = 1_000_000) -> Plan:
    """AVG of a value in [0, 5000] around 2500, with its count."""
    plan = a_plan(a_sum(center="2500"), CountValues(COST), rows_max=rows_max)
    outputs = (KeyOutput("k", 0), MeanOutput("mean", 0, 1), CountOutput("n", 1))
    return Plan(
        plan.unit_space,
        plan.dataset,
        plan.table,
        plan.rows_max,
        plan.where,
        plan.keys,
        plan.bounds,
        plan.primitives,
        outputs,
    )


EVERY_KIND: tuple[Primitive, ...] = (CountRows(), CountUnits(), CountValues(COST), a_sum())
