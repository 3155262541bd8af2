"""A noisy answer: integers that left the mechanism, what they stand for, and what was computed from such integers.

Numbers of counts, sums and means are computed from the noisy integers by exact arithmetic, here and nowhere else, so that
every reader of the same answer sees the same numbers; all else comes as the engine computed it, as canonical text.
`to_json` is the canonical, signed form; integers in it are strings. An answer may have no rows.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from sandbox.terms.cells import Cell, double, read_cell
from sandbox.terms.dataset import KeyValue, Type
from sandbox.terms.exact_numbers import read_fraction

FORMAT = "sandbox/answer/v2"


@dataclass(frozen=True, slots=True)
class Noise:
    """`mechanism` is "discrete gaussian" or "discrete laplace"; `scale` its σ or b in units of the integers, as hex."""

    mechanism: str
    scale: str


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """The group keys, one a row: they carry no noise. None where an outer join found no line."""

    name: str
    type: Type
    values: tuple[KeyValue | None, ...]

    def numbers(self) -> tuple[KeyValue | None, ...]:
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
        return tuple(int(value) if self.type is Type.INT else double(value) for value in exact)


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
            double(min(max(self.center + self.granularity * total / max(count, 1), self.low), self.high))
            for total, count in zip(self.totals, self.counts, strict=True)
        )


@dataclass(frozen=True, slots=True)
class ComputedColumn:
    """Values computed after the noise, as canonical text (`sandbox.terms.cells`), None for NULL.

    `meaning` says what of, in words. A value that is a multiple of one noisy integer, plus what carries no noise, has the
    `noise` of that integer, times `step`; of others the noise is None and nobody knows their intervals.
    """

    name: str
    type: Type
    values: tuple[str | None, ...]
    meaning: str
    noise: Noise | None = None
    step: Fraction = Fraction(0)

    def numbers(self) -> tuple[Cell, ...]:
        """What a reader sees in each row; dates and times as ISO 8601 text.

        Raises:
            ValueError: a text is not one of the type.
        """
        return tuple(read_cell(text, self.type) for text in self.values)


AnswerColumn: TypeAlias = KeyColumn | CountColumn | SumColumn | MeanColumn | ComputedColumn


@dataclass(frozen=True, slots=True)
class Answer:
    """The noisy table that answers one order."""

    order: str
    columns: tuple[AnswerColumn, ...]

    @property
    def rows(self) -> int:
        """How many lines: as the plan says, or as many as selection, HAVING and joins left of the noisy ones."""
        first = self.columns[0]
        return len(first.values if isinstance(first, KeyColumn | ComputedColumn) else first.numbers())

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
        case ComputedColumn():
            return {
                "kind": "computed",
                "name": column.name,
                "type": column.type.value,
                "values": list(column.values),
                "meaning": column.meaning,
                "noise": None if column.noise is None else _noise_json(column.noise),
                "step": str(column.step),
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
        case "computed":
            return _computed(name, value)
        case _:
            raise ValueError("unknown column kind")


def _computed(name: str, value: dict[str, Any]) -> ComputedColumn:
    noise, step = value["noise"], read_fraction(value["step"])
    if (noise is None) != (step == 0) or step < 0:
        raise ValueError("noise comes with a positive step")
    texts = tuple(None if text is None else str(text) for text in value["values"])
    column = ComputedColumn(
        name, Type(value["type"]), texts, str(value["meaning"]), None if noise is None else _noise(noise), step
    )
    column.numbers()  # raises where a text is not of the type
    return column
