"""Plans made by hand around noisy tables, for tests of what comes after the noise."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from sandbox.plan.answers import (
    AnswerTable,
    CountOutput,
    KeyOutput,
    MeanOutput,
    Measured,
    MeasuredColumn,
    QuantileOutput,
    SpreadOutput,
    SumOutput,
    output_type,
)
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Expression, Literal
from sandbox.plan.primitives import CountRows, CountUnits, CountValues, Primitive, SumValues, TreeCounts
from sandbox.plan.query import Plan
from sandbox.plan.relations import Scan
from sandbox.privacy.measurement import MeasurementSpec, NoisyVector
from sandbox.terms.dataset import Type
from sandbox.terms.loss import Mode
from workers.noisy_table import NoisyTable

COST = ColumnRef("cost", Type.FLOAT)
AGE = ColumnRef("age", Type.INT)
SITE = GroupKey(ColumnRef("site", Type.STRING), Type.STRING, ("a", "b", "c"))
WARD = GroupKey(ColumnRef("ward", Type.STRING), Type.STRING, None, 20)
DAY = GroupKey(ColumnRef("day", Type.DATE), Type.DATE, ("2026-01-01", "2026-01-02"))
BOUNDS = ContributionBounds(5, 3, 5)


def a_sum_of(
    operand: Expression = COST, low: int = 0, high: int = 100, center: int = 0, step: Fraction = Fraction(1, 100)
) -> SumValues:
    return SumValues(operand, Fraction(low), Fraction(high), Fraction(center), step)


AGES = TreeCounts(AGE, Fraction(0), Fraction(1), 2, Fraction(100))
COSTS = TreeCounts(COST, Fraction(0), Fraction(1, 2), 2, Fraction(100))


def measurement(*primitives: Primitive, keys: Iterable[GroupKey] = (SITE,), rows_max: int = 1_000) -> Measurement:
    keys = tuple(keys)
    columns = (*sorted({key.operand.name: key.type for key in keys}.items()), ("cost", Type.FLOAT))
    scan = Scan("clinic", "visits", "", columns, rows_max, 5)
    return Measurement(scan, keys, BOUNDS, primitives)


def by_site() -> Measurement:
    """Counts and sums for each of three sites: rows, a sum, a centred sum with its count."""
    return measurement(CountRows(), a_sum_of(), a_sum_of(center=50), CountValues(COST))


SITES = Measured(
    0,
    (
        KeyOutput("site", 0, Type.STRING),
        CountOutput("n", 0),
        SumOutput("total", 1, Type.FLOAT),
        MeanOutput("mean", 2, 3),
    ),
)
SITE_LINES = (("a",), ("b",), ("c",))
SITE_TABLE = NoisyTable(SITE_LINES, ((10, -2, 300), (5_000, -100, 2**60), (100, 0, -600), (10, 0, 3)))


def by_ward() -> Measurement:
    """Units and rows of wards that noisy selection lets show."""
    return measurement(CountUnits(), CountRows(), keys=(WARD,))


WARDS = Measured(0, (KeyOutput("ward", 0, Type.STRING), CountOutput("rows", 1)))
WARD_TABLE = NoisyTable((("east",), ("west",)), ((70, 90), (200, 300)))
NO_WARDS = NoisyTable((), ((), ()))


def a_plan_of(answer: AnswerTable, *measurements: Measurement) -> Plan:
    return Plan("people", measurements or (by_site(),), answer)


def a_spec(plan: Plan, mode: Mode = Mode.ZCDP, first: float = 2.0) -> MeasurementSpec:
    """Scales 2, 3, 4 …, so that every vector has its own."""
    return MeasurementSpec(
        mode, tuple(NoisyVector(1, (first + number).hex(), 10) for number, _ in enumerate(plan.primitives))
    )


def column(table: Measured, name: str) -> ColumnRef:
    """A column of a measured table, as expressions refer to it."""
    return ColumnRef(name, next(output_type(output) for output in table.columns if output.name == name))


def whole(value: int) -> Literal:
    return Literal(value, Type.INT)


def real(value: Fraction | int) -> Literal:
    return Literal(Fraction(value), Type.FLOAT)


def tree_of(tree: TreeCounts, leaves: Sequence[int]) -> tuple[int, ...]:
    """The counts of all nodes, level 1 first, where the leaves hold so many rows, without noise."""
    levels = [list(leaves) + [0] * (tree.leaves - len(leaves))]
    while len(levels[0]) > 16:
        below = levels[0]
        levels.insert(0, [sum(below[place : place + 16]) for place in range(0, len(below), 16)])
    return tuple(count for level in levels for count in level)


def quantiles(*fractions: tuple[str, Fraction, str], kind: Type = Type.INT, tree: int = 0) -> Measured:
    """A measured table of quantiles: (name, fraction, extreme)."""
    return Measured(0, tuple(QuantileOutput(name, tree, part, kind, extreme) for name, part, extreme in fractions))


def a_spread(function: str) -> tuple[Plan, SpreadOutput]:
    """A plan for a statistic of age and cost over all rows: sums of both, products, squares, and their count."""
    products = a_sum_of(high=10_000, step=Fraction(1))
    primitives = (
        a_sum_of(AGE, step=Fraction(1)),
        a_sum_of(high=60, step=Fraction(1)),
        products,
        a_sum_of(high=10_001, step=Fraction(1)),
        a_sum_of(high=3_600, step=Fraction(1)),
        CountRows(),
    )
    output = SpreadOutput("s", function, 0, 1, 2, 3, 4, 5)
    columns: tuple[MeasuredColumn, ...] = (output,)
    return a_plan_of(Measured(0, columns), measurement(*primitives, keys=())), output
