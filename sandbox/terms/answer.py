"""A noisy answer: integers that left the mechanism, and what they stand for.

Displayed numbers are computed from the noisy integers by exact arithmetic, here and nowhere else, so that every reader
of the same answer sees the same numbers. `to_json` is the canonical, signed form; integers in it are strings.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from sandbox.terms.dataset import KeyValue, Type
from sandbox.terms.exact_numbers import read_fraction

FORMAT = "sandbox/answer/v1"


@dataclass(frozen=True, slots=True)
class Noise:
    """`mechanism` is "discrete gaussian" or "discrete laplace"; `scale` its σ or b in units of the integers, as hex."""

    mechanism: str
    scale: str


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """The group keys, one a row."""

    name: str
    type: Type
    values: tuple[KeyValue, ...]

    def numbers(self) -> tuple[KeyValue, ...]:
        """What a reader sees in each row."""
        return self.values


@dataclass(frozen=True, slots=True)
class CountColumn:
    """Noisy counts, as drawn: they may be negative."""

    name: str
    integers: tuple[int, ...]
    noise: Noise

    def numbers(self) -> tuple[int, ...]:
        """What a reader sees in each row."""
        return self.integers


@dataclass(frozen=True, slots=True)
class SumColumn:
    """Noisy sums: integer times granularity."""

    name: str
    type: Type
    integers: tuple[int, ...]
    granularity: Fraction
    noise: Noise

    def numbers(self) -> tuple[int | float, ...]:
        """What a reader sees in each row."""
        exact = (integer * self.granularity for integer in self.integers)
        return tuple(int(value) if self.type is Type.INT else float(value) for value in exact)


@dataclass(frozen=True, slots=True)
class MeanColumn:
    """Noisy means: center + granularity · total / max(count, 1), kept within [low, high]."""

    name: str
    totals: tuple[int, ...]
    counts: tuple[int, ...]
    center: Fraction
    granularity: Fraction
    low: Fraction
    high: Fraction
    total_noise: Noise
    count_noise: Noise

    def numbers(self) -> tuple[float, ...]:
        """What a reader sees in each row."""
        return tuple(
            float(min(max(self.center + self.granularity * total / max(count, 1), self.low), self.high))
            for total, count in zip(self.totals, self.counts, strict=True)
        )


AnswerColumn: TypeAlias = KeyColumn | CountColumn | SumColumn | MeanColumn


@dataclass(frozen=True, slots=True)
class Answer:
    """The noisy table that answers one order."""

    order: str
    columns: tuple[AnswerColumn, ...]

    @property
    def rows(self) -> int:
        """How many groups; the plan decides it, never the data."""
        first = self.columns[0]
        return len(first.numbers())

    def to_json(self) -> dict[str, Any]:
        """The canonical form."""
        return {"format": FORMAT, "order": self.order, "columns": [_column_json(column) for column in self.columns]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Answer":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        if value["format"] != FORMAT:
            raise ValueError("unknown answer format")
        return cls(str(value["order"]), tuple(_column_from_json(item) for item in value["columns"]))


def _strings(integers: tuple[int, ...]) -> list[str]:
    return [str(integer) for integer in integers]


def _integers(strings: list[str]) -> tuple[int, ...]:
    return tuple(int(text) for text in strings)


def _noise_json(noise: Noise) -> dict[str, str]:
    return {"mechanism": noise.mechanism, "scale": noise.scale}


def _noise(value: dict[str, str]) -> Noise:
    return Noise(str(value["mechanism"]), str(value["scale"]))


def _column_json(column: AnswerColumn) -> dict[str, Any]:
    match column:
        case KeyColumn():
            return {"kind": "key", "name": column.name, "type": column.type.value, "values": list(column.values)}
        case CountColumn():
            return {
                "kind": "count",
                "name": column.name,
                "integers": _strings(column.integers),
                "noise": _noise_json(column.noise),
            }
        case SumColumn():
            return {
                "kind": "sum",
                "name": column.name,
                "type": column.type.value,
                "integers": _strings(column.integers),
                "granularity": str(column.granularity),
                "noise": _noise_json(column.noise),
            }
        case MeanColumn():
            return {
                "kind": "mean",
                "name": column.name,
                "totals": _strings(column.totals),
                "counts": _strings(column.counts),
                "center": str(column.center),
                "granularity": str(column.granularity),
                "low": str(column.low),
                "high": str(column.high),
                "total_noise": _noise_json(column.total_noise),
                "count_noise": _noise_json(column.count_noise),
            }


def _column_from_json(value: dict[str, Any]) -> AnswerColumn:
    name = str(value["name"])
    match value["kind"]:
        case "key":
            return KeyColumn(name, Type(value["type"]), tuple(value["values"]))
        case "count":
            return CountColumn(name, _integers(value["integers"]), _noise(value["noise"]))
        case "sum":
            return SumColumn(
                name,
                Type(value["type"]),
                _integers(value["integers"]),
                read_fraction(value["granularity"]),
                _noise(value["noise"]),
            )
        case "mean":
            return MeanColumn(
                name,
                _integers(value["totals"]),
                _integers(value["counts"]),
                read_fraction(value["center"]),
                read_fraction(value["granularity"]),
                read_fraction(value["low"]),
                read_fraction(value["high"]),
                _noise(value["total_noise"]),
                _noise(value["count_noise"]),
            )
        case _:
            raise ValueError("unknown column kind")
