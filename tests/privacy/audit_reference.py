"""What one order must measure, row by row in plain Python: the description of design §5, not the engine's code.

Per unit, in stored order: a row counts if it passes the filter and has a group, while the unit brought fewer than R rows,
fewer than Linf to this group, and this group is among its first L0. Values are clamped, taken around the centre, divided
by the granularity and rounded half to even, each row alone; NULL and NaN add nothing.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.plan.measurement import ContributionBounds
from sandbox.plan.primitives import CountRows, CountUnits, Primitive, SumValues


@dataclass(frozen=True)
class PlainRow:
    """A row as the reference sees it: its group (None: no key), whether it passes the filter, and its value."""

    group: int | None
    passes: bool
    value: float | None


def reference_sums(
    units: Sequence[Sequence[PlainRow]], bounds: ContributionBounds, primitives: Sequence[Primitive], groups: int
) -> list[list[int]]:
    """The exact sums [primitive][group]."""
    sums = [[0] * groups for _ in primitives]
    adders = [_adder(primitive) for primitive in primitives]
    for unit in units:
        brought: Counter[int] = Counter()
        for row in unit:
            group = row.group
            if group is None or not row.passes or brought.total() == bounds.rows:
                continue
            if brought[group] == bounds.rows_per_group or (not brought[group] and len(+brought) == bounds.groups):
                continue
            brought[group] += 1
            for line, adder in enumerate(adders):
                sums[line][group] += adder(row.value)
        for line, primitive in enumerate(primitives):
            if isinstance(primitive, CountUnits):
                for group in +brought:
                    sums[line][group] += 1
    return sums


def _adder(primitive: Primitive) -> Callable[[float | None], int]:
    match primitive:
        case CountRows():
            return lambda _: 1
        case CountUnits():
            return lambda _: 0
        case SumValues(_, low, high, center, step):
            floats = (float(low), float(high), float(center), float(step))

            def add(value: float | None) -> int:
                if value is None or value != value:
                    return 0
                return round((min(max(value, floats[0]), floats[1]) - floats[2]) / floats[3])

            return add
        case _:
            return lambda value: int(value is not None and value == value)
