"""What is audited: operators and neighbouring pairs. A new operator or pair adds one line to a table here.

A pair is the base table with and without one unit, `x`, with all its rows. The base has 25 people with five visits each in
the north and 20 with three in the vale, at costs on the declared grid that are all different, and nobody elsewhere.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from audit_line import WARDS, Row

from sandbox.plan.measurement import ContributionBounds

BOUNDS = ContributionBounds(12, 2, 12)
"""Those of the description: R, L0, Linf."""
TIGHT = ContributionBounds(12, 2, 3)


@dataclass(frozen=True)
class Operator:
    """One question: its select list, its keys and filter. `sharp` names the pair that reaches its sensitivity."""

    aggregates: str
    sharp: str = "heavy"
    where: str = ""
    bounds: ContributionBounds | None = None

    def sql(self, keys: str) -> str:
        listed = f"{keys}, {self.aggregates}" if keys else self.aggregates
        text = f"select {listed} from clinic.visits" + (f" where {self.where}" if self.where else "")
        return text + (f" group by {keys}" if keys else "")


OPERATORS: dict[str, Operator] = {
    "rows": Operator("count(*) as a"),
    "values": Operator("count(cost) as a"),
    "sum": Operator("sum(cost) as a"),
    "whole sum": Operator("sum(age) as a"),
    "mean": Operator("avg(cost) as a"),
    "units": Operator("count(distinct person) as a", sharp="spread"),
    "expression": Operator("sum(2 * cost - age) as a", sharp="low"),
    "ratio": Operator("sum(cost / weight) as a"),
    "filtered rows": Operator("count(*) as a", where="age >= 40", sharp="partly filtered"),
    "two counts": Operator("count(*) as a, count(cost) as b"),
    "five counts": Operator("count(*) as a, count(cost) as b, count(age) as c, count(weight) as d, count(wealth) as e"),
    "all": Operator("count(*) as a, count(distinct person) as b, sum(cost) as c, avg(age) as d"),
    "tight rows": Operator("count(*) as a", bounds=TIGHT, sharp="spread"),
    "wealth": Operator("sum(wealth) as a"),
}

KEYS = ("", "ward")
"""Not grouped, and grouped by a public key of eight values, of which one unit may touch two."""


def _base() -> list[Row]:
    people = [(f"n{number // 5}", "north") for number in range(125)]
    people += [(f"v{number // 3}", "vale") for number in range(60)]
    return [
        (name, ward, 30 + 0.375 * number, 20 + number % 60, 1 + number % 13 / 4, 2.0**50 - 3 - 7919 * number**2)
        for number, (name, ward) in enumerate(people)
    ]


BASE: tuple[Row, ...] = tuple(_base())


def _unit(
    count: int,
    ward: Callable[[int], str | None],
    cost: Callable[[int], float | None],
    age: Callable[[int], int | None] = lambda _: 110,
    weight: float = 1.0,
    wealth: float = 2.0**50,
) -> tuple[Row, ...]:
    return tuple(("x", ward(n), cost(n), age(n), weight, wealth) for n in range(count))


def _north(_: int) -> str:
    return "north"


PAIRS: dict[str, tuple[tuple[Row, ...], tuple[Row, ...]]] = {  # name: base, the unit's rows
    "heavy": (BASE, _unit(50, _north, lambda _: 100.0)),
    "spread": (BASE, _unit(48, lambda n: WARDS[n % 8], lambda _: 100.0)),
    "alone": (BASE, _unit(12, lambda _: "east", lambda _: 100.0)),
    "low": (BASE, _unit(50, _north, lambda _: -1e300)),
    "high": (BASE, _unit(50, _north, lambda n: 1e6 if n % 2 else 1e308)),
    "infinite": (BASE, _unit(50, _north, lambda n: math.inf if n % 5 else -math.inf, wealth=math.inf)),
    "nan": (BASE, _unit(50, _north, lambda _: math.nan, weight=math.nan, wealth=math.nan)),
    "null": (BASE, _unit(50, _north, lambda _: None, lambda n: None if n % 2 else 3)),
    "duplicated": (BASE, tuple(("x", *row[1:]) for row in BASE)),
    "one row": (BASE, _unit(1, _north, lambda _: 100.0)),
    "partly filtered": (BASE, _unit(50, _north, lambda _: 100.0, lambda n: 110 if n % 2 else 5)),
    "no ward": (BASE, _unit(50, lambda n: None if n % 2 else "nowhere", lambda _: 100.0)),
    "empty table": ((), _unit(50, _north, lambda _: 100.0)),
}
