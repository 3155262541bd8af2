"""Whether an answer has one of the forms that its order allows: everything but the noise follows from the plan.

So a confused engine cannot put another table, other groups, or less noise than was ordered under a certificate. What was
computed from noisy integers that are not shown themselves cannot be computed again here: its form is checked.
"""

from itertools import product

from sandbox.plan.answer_lines import lines_between
from sandbox.plan.answers import AnswerTable, CountOutput, Derived, KeyOutput, MeanOutput, Measured, SumOutput
from sandbox.plan.lineage import Labels, Lineage, Passed, Scaled, lineage, meaning_of, summed, vector_of
from sandbox.plan.measurement import GroupKey
from sandbox.plan.query import Plan
from sandbox.privacy.accuracy import noise_of
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.terms.answer import Answer, AnswerColumn, ComputedColumn, CountColumn, KeyColumn, MeanColumn, SumColumn
from sandbox.terms.cells import from_key, in_int64, read_cell
from sandbox.terms.dataset import KeyValue, Type

_KEY_TYPES = {Type.BOOL: bool, Type.INT: int}


def check_answer(answer: Answer, order: str, plan: Plan, spec: MeasurementSpec) -> None:
    """Raises ValueError, without detail, where the answer is not of an ordered form."""
    expected = plan.columns
    if answer.order != order or [column.name for column in answer.columns] != list(expected):
        raise ValueError("an answer to something else")
    lengths = {_length(column) for column in answer.columns}
    least, most = lines_between(plan)
    if len(lengths) != 1 or not least <= next(iter(lengths)) <= most:
        raise ValueError("lines that were not ordered")
    origins = lineage(plan)
    for column in answer.columns:
        if not _fits(column, expected[column.name], origins[column.name], plan, spec):
            raise ValueError("a column that was not ordered")
    _check_groups(answer, plan, origins)


def _length(column: AnswerColumn) -> int:
    match column:
        case KeyColumn(values=values) | ComputedColumn(values=values):
            return len(values)
        case CountColumn(integers=integers) | SumColumn(integers=integers):
            return len(integers)
        case MeanColumn(totals=totals, counts=counts):
            return len(totals) if len(totals) == len(counts) else -1


def _fits(column: AnswerColumn, kind: Type, origin: Lineage, plan: Plan, spec: MeasurementSpec) -> bool:
    match column, origin:
        case KeyColumn(), Passed(_, number, KeyOutput(_, key)):
            return column.type is kind and _are_keys(column.values, plan.measurements[number].keys[key])
        case KeyColumn(), Labels():
            return column.type is kind and all(value is None or _is_key(value, kind) for value in column.values)
        case CountColumn(), Passed(_, number, CountOutput(_, count)):
            return _in_range(column.integers) and column.noise == noise_of(spec, vector_of(plan, number, count))
        case SumColumn(), Passed(_, number, SumOutput(_, total, of)):
            return (
                column.type is of
                and column.granularity == summed(plan.measurements[number], total).granularity
                and _in_range(column.integers)
                and column.noise == noise_of(spec, vector_of(plan, number, total))
            )
        case MeanColumn(), Passed(_, number, MeanOutput(_, total, count)):
            sums = summed(plan.measurements[number], total)
            return (
                (column.center, column.granularity) == (sums.center, sums.granularity)
                and (column.low, column.high) == (sums.low, sums.high)
                and _in_range(column.totals)
                and _in_range(column.counts)
                and column.total_noise == noise_of(spec, vector_of(plan, number, total))
                and column.count_noise == noise_of(spec, vector_of(plan, number, count))
            )
        case ComputedColumn(), _ if not isinstance(origin, Passed | Labels):
            return (
                column.type is kind and column.meaning == meaning_of(origin) and _is_noised(column, origin, plan, spec)
            )
        case _:
            return False


def _is_noised(column: ComputedColumn, origin: Lineage, plan: Plan, spec: MeasurementSpec) -> bool:
    """Whether a computed column states the noise it has, and holds values of its type."""
    if isinstance(origin, Scaled):
        same = column.noise == noise_of(spec, vector_of(plan, origin.measurement, origin.vector))
        same = same and column.step == origin.step
    else:
        same = column.noise is None and column.step == 0
    try:
        column.numbers()
    except ValueError:
        return False
    return same


def _are_keys(values: tuple[KeyValue | None, ...], key: GroupKey) -> bool:
    if key.values is not None:
        declared = {(type(value), value) for value in key.values}  # True is no 1
        return all((type(value), value) in declared for value in values)
    if any(value is None or not _is_key(value, key.type) for value in values):
        return False
    return key.type is not Type.STRING or all(len(str(value)) <= key.max_length for value in values)


def _is_key(value: KeyValue, kind: Type) -> bool:
    """Whether a value is one that a key of that type can have, in its one spelling."""
    if type(value) is not _KEY_TYPES.get(kind, str):
        return False
    if isinstance(value, int):
        return kind is Type.BOOL or in_int64(value)
    try:
        from_key(value, kind)
        return kind not in (Type.DATE, Type.TIMESTAMP) or read_cell(str(value), kind) == value
    except ValueError:
        return False


def _in_range(integers: tuple[int, ...]) -> bool:
    return all(in_int64(integer) for integer in integers)


def _check_groups(answer: Answer, plan: Plan, origins: dict[str, Lineage]) -> None:
    """Where lines are neither dropped nor moved: declared groups come all, in their order; selected ones each once."""
    table = _plain(plan.answer)
    if table is None:
        return
    keys = plan.measurements[table.measurement].keys
    shown = {
        origin.output.key: column.values
        for column in answer.columns
        if isinstance(column, KeyColumn)
        and isinstance(origin := origins[column.name], Passed)
        and isinstance(origin.output, KeyOutput)
    }
    if plan.measurements[table.measurement].selected:
        lines = list(zip(*(shown[key] for key in sorted(shown)), strict=True))
        if len(shown) == len(keys) and len(set(lines)) != len(lines):
            raise ValueError("a group twice")
        return
    groups = list(product(*(key.values or () for key in keys)))
    for key, values in shown.items():
        if list(values) != [group[key] for group in groups]:
            raise ValueError("groups that were not ordered")


def _plain(table: AnswerTable) -> Measured | None:
    """The one measured table whose lines are the answer's."""
    while isinstance(table, Derived):
        table = table.source
    return table if isinstance(table, Measured) else None
