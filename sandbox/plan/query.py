"""The closed set of answerable plans: measurements of private relations, and one answer made from their noisy integers."""

from dataclasses import dataclass

from sandbox.plan.answers import AnswerTable, answer_columns, listed_tables
from sandbox.plan.measurement import Measurement
from sandbox.plan.primitives import Primitive
from sandbox.plan.relations import Scan, scans_of
from sandbox.terms.dataset import Type


@dataclass(frozen=True, slots=True)
class Plan:
    """One answerable question. `answer`'s columns are those that the analyst sees, by name.

    Every measurement is used by the answer, and costs once, however often it is used.
    """

    unit_space: str
    measurements: tuple[Measurement, ...]
    answer: AnswerTable

    def __post_init__(self) -> None:
        if not self.measurements:
            raise ValueError("a plan measures something")

    @property
    def scans(self) -> tuple[Scan, ...]:
        """Every scan of a stored table: those of the measurements in their order, then those of the answer's public rows."""
        listed = (scan for table in listed_tables(self.answer) for scan in scans_of(table.relation))
        return (*self.measured_scans, *listed)

    @property
    def measured_scans(self) -> tuple[Scan, ...]:
        """The scans that a measurement needs, in the order of the measurements."""
        return tuple(scan for measurement in self.measurements for scan in scans_of(measurement.relation))

    @property
    def tables(self) -> tuple[tuple[str, str], ...]:
        """(dataset, table) of all scans, sorted, each once; public ones too."""
        return tuple(sorted({(scan.dataset, scan.table) for scan in self.scans}))

    @property
    def datasets(self) -> tuple[str, ...]:
        """The private datasets, sorted."""
        return tuple(sorted({scan.dataset for scan in self.scans if not scan.public}))

    @property
    def public_datasets(self) -> tuple[str, ...]:
        return tuple(sorted({scan.dataset for scan in self.scans if scan.public}))

    @property
    def primitives(self) -> tuple[Primitive, ...]:
        """All primitives in the order of the specification's vectors: those of the first measurement first."""
        return tuple(primitive for measurement in self.measurements for primitive in measurement.primitives)

    @property
    def columns(self) -> dict[str, Type]:
        """The answer's columns."""
        return answer_columns(self.answer)
