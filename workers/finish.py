"""Noisy tables → the answer's columns, from the closed plan alone. No row and no exact sum is here any more.

Measured columns are computed here; the tables above them by `sandbox.plan.finishing`. A column that comes through as it was
measured keeps its noisy integers, also when lines were dropped, sorted or joined; any other is shown as computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sandbox.plan.answers import (
    CountOutput,
    KeyOutput,
    Listed,
    MeanOutput,
    Measured,
    MeasuredColumn,
    QuantileOutput,
    SpreadOutput,
    SumOutput,
)
from sandbox.plan.finishing import Lines, interpret
from sandbox.plan.lineage import Labels, Lineage, Passed, Scaled, lineage, meaning_of, summed, vector_of
from sandbox.plan.measurement import Measurement
from sandbox.plan.primitives import TreeCounts, width
from sandbox.plan.query import Plan
from sandbox.privacy.accuracy import noise_of
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.terms.answer import (
    Answer,
    AnswerColumn,
    ComputedColumn,
    CountColumn,
    KeyColumn,
    MeanColumn,
    Noise,
    SumColumn,
)
from sandbox.terms.cells import Cell, cell_text, from_key, shown
from sandbox.terms.dataset import Type
from workers.noisy_table import NoisyTable
from workers.quantiles import Ranks, quantile, ranks
from workers.spreads import NoisySums, spread


def finish(
    order: str,
    plan: Plan,
    spec: MeasurementSpec,
    noisy: Sequence[NoisyTable],
    listed: Mapping[Listed, Lines] | None = None,
) -> Answer:
    """The answer to `order`, from one noisy table for each measurement of the plan, and the lines of its public rows.

    Raises:
        ValueError: the tables or the specification are not those of the plan.
    """
    if len(noisy) != len(plan.measurements) or len(spec.vectors) != len(plan.primitives):
        raise ValueError("the noisy tables do not fit the plan")
    for measurement, table in zip(plan.measurements, noisy, strict=True):
        _check(measurement, table)
    finishing = _Finishing(plan, spec, tuple(noisy), listed or {})
    lines = interpret(plan.answer, finishing.read)
    origins = lineage(plan)
    return Answer(
        order,
        tuple(
            finishing.column(name, kind, origins[name], lines, [row[place] for row in lines.rows])
            for place, (name, kind) in enumerate(plan.columns.items())
        ),
    )


def _check(measurement: Measurement, table: NoisyTable) -> None:
    lines = len(table.lines)
    if len(table.vectors) != len(measurement.primitives):
        raise ValueError("the noisy vectors do not fit the plan")
    if any(len(vector) != lines * wide for vector, wide in zip(table.vectors, measurement.widths, strict=True)):
        raise ValueError("the noisy vectors do not fit the plan")
    if any(len(line) != len(measurement.keys) for line in table.lines):
        raise ValueError("the lines do not fit the plan")
    if not measurement.selected and lines != measurement.groups:
        raise ValueError("the lines are not the declared groups")
    if lines > measurement.lines_max:
        raise ValueError("more lines than are shown")


@dataclass(frozen=True, slots=True)
class _Finishing:
    plan: Plan
    spec: MeasurementSpec
    noisy: tuple[NoisyTable, ...]
    listed: Mapping[Listed, Lines]

    def read(self, table: Measured | Listed) -> Lines:
        """All lines of a measured table, or of public rows."""
        if isinstance(table, Listed):
            return self._public(table)
        number = table.measurement
        places = range(len(self.noisy[number].lines))
        trees = {output.tree: self._ranks(number, output.tree) for output in _quantiles(table)}
        cells = [self._cells(output, number, places, trees) for output in table.columns]
        rows = tuple(zip(*cells, strict=True)) if cells else ((),) * len(places)
        return Lines(tuple(output.name for output in table.columns), rows, tuple((place,) for place in places))

    def _public(self, table: Listed) -> Lines:
        found = self.listed.get(table)
        if found is None or found.columns != tuple(column.name for column in table.columns):
            raise ValueError("the public lines are not those of the plan")
        return found

    def column(self, name: str, kind: Type, origin: Lineage, lines: Lines, cells: list[Cell]) -> AnswerColumn:
        """One column of the answer."""
        match origin:
            case Labels():
                return _key_column(name, kind, cells)
            case Passed(leaf, number, KeyOutput(_, key)):
                groups = self.noisy[number].lines
                return KeyColumn(name, kind, tuple(groups[place][key] for place in _places(lines, leaf)))
            case Passed(leaf, number, CountOutput() | SumOutput() | MeanOutput() as output):
                return self._noisy(name, output, number, _places(lines, leaf))
            case _:
                noise, step = None, Fraction(0)
                if isinstance(origin, Scaled):
                    noise = noise_of(self.spec, vector_of(self.plan, origin.measurement, origin.vector))
                    step = origin.step
                texts = tuple(cell_text(cell, kind) for cell in cells)
                return ComputedColumn(name, kind, texts, meaning_of(origin), noise, step)

    def _cells(
        self, output: MeasuredColumn, number: int, places: Sequence[int], trees: dict[int, list[Ranks]]
    ) -> Sequence[Cell]:
        match output:
            case KeyOutput(_, key, kind):
                values = [line[key] for line in self.noisy[number].lines]
                cells = {value: from_key(value, kind) for value in dict.fromkeys(values)}  # few differ, of many lines
                return [cells[value] for value in values]
            case CountOutput() | SumOutput() | MeanOutput():
                return self._noisy(output.name, output, number, places).numbers()
            case SpreadOutput():
                first, second = (
                    summed(self.plan.measurements[number], place) for place in (output.first, output.second)
                )
                return [spread(output.function, self._sums(output, number, place), first, second) for place in places]
            case QuantileOutput(_, tree, fraction, kind):
                return [quantile(found, fraction, kind) for found in trees[tree]]

    def _noisy(
        self, name: str, output: CountOutput | SumOutput | MeanOutput, number: int, places: Sequence[int]
    ) -> CountColumn | SumColumn | MeanColumn:
        """The column of noisy integers of these lines of measurement `number`."""
        measurement, vectors = self.plan.measurements[number], self.noisy[number].vectors

        def drawn(vector: int) -> tuple[int, ...]:
            return tuple(vectors[vector][place] for place in places)

        def noise(vector: int) -> Noise:
            return noise_of(self.spec, vector_of(self.plan, number, vector))

        match output:
            case CountOutput(_, count):
                return CountColumn(name, drawn(count), noise(count))
            case SumOutput(_, total, kind):
                return SumColumn(name, kind, drawn(total), summed(measurement, total).granularity, noise(total))
            case MeanOutput(_, total, count):
                sums = summed(measurement, total)
                return MeanColumn(
                    name,
                    drawn(total),
                    drawn(count),
                    sums.center,
                    sums.granularity,
                    sums.low,
                    sums.high,
                    noise(total),
                    noise(count),
                )

    def _sums(self, output: SpreadOutput, number: int, place: int) -> NoisySums:
        measurement, vectors = self.plan.measurements[number], self.noisy[number].vectors
        sums = (output.first, output.second, output.products, output.first_squares, output.second_squares)
        exact = [summed(measurement, vector).granularity * vectors[vector][place] for vector in sums]
        return NoisySums(vectors[output.count][place], *exact)

    def _ranks(self, number: int, vector: int) -> list[Ranks]:
        tree, drawn = self.plan.measurements[number].primitives[vector], self.noisy[number].vectors[vector]
        if not isinstance(tree, TreeCounts):
            raise ValueError("the output needs a tree")  # noqa: TRY004 - a plan that does not fit, not a wrong type
        wide = width(tree)
        return [ranks(tree, drawn[begin : begin + wide]) for begin in range(0, len(drawn), wide)]


def _places(lines: Lines, leaf: int) -> list[int]:
    """The line of measured table number `leaf` in each row."""
    return [mark for marks in lines.marks if (mark := marks[leaf]) is not None]


def _quantiles(table: Measured) -> list[QuantileOutput]:
    return [output for output in table.columns if isinstance(output, QuantileOutput)]


def _key_column(name: str, kind: Type, cells: Sequence[Cell]) -> KeyColumn:
    values = []
    for cell in cells:
        key = shown(cell, kind)
        if isinstance(key, float):
            raise ValueError("a key is no real number")  # noqa: TRY004 - a plan that does not fit, not a wrong type
        values.append(key)
    return KeyColumn(name, kind, tuple(values))
