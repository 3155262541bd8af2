"""Whether an answer has the one form that its order allows: everything but the noisy integers follows from the plan.

So a confused engine cannot put another table, other groups, or less noise than was ordered under a certificate.
"""

from itertools import product

from sandbox.plan.nodes import CountOutput, KeyOutput, MeanOutput, Output, Plan, SumOutput, SumValues
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.terms.answer import Answer, AnswerColumn, CountColumn, KeyColumn, MeanColumn, Noise, SumColumn
from sandbox.terms.loss import Mode

_INT64 = range(-(2**63), 2**63)
_MECHANISM = {Mode.ZCDP: "discrete gaussian", Mode.PURE: "discrete laplace"}


def check_answer(answer: Answer, order: str, plan: Plan, spec: MeasurementSpec) -> None:
    """Raises ValueError, without detail, where the answer is not of the ordered form."""
    if answer.order != order or len(answer.columns) != len(plan.outputs):
        raise ValueError("an answer to something else")
    for column, output in zip(answer.columns, plan.outputs, strict=True):
        if not _fits(column, output, plan, spec):
            raise ValueError("a column that was not ordered")


def _fits(column: AnswerColumn, output: Output, plan: Plan, spec: MeasurementSpec) -> bool:
    if column.name != output.name:
        return False
    match column, output:
        case KeyColumn(), KeyOutput(key=number):
            key = plan.keys[number]
            expected = [row[number] for row in product(*(each.values for each in plan.keys))]
            same_types = all(type(a) is type(b) for a, b in zip(column.values, expected, strict=False))
            return column.type is key.type and list(column.values) == expected and same_types
        case CountColumn(), CountOutput(count=number):
            return _integers(plan, column.integers) and column.noise == _noise(spec, number)
        case SumColumn(), SumOutput(total=number, type=type_):
            primitive = plan.primitives[number]
            return (
                isinstance(primitive, SumValues)
                and column.type is type_
                and column.granularity == primitive.granularity
                and _integers(plan, column.integers)
                and column.noise == _noise(spec, number)
            )
        case MeanColumn(), MeanOutput(total=total, count=count):
            primitive = plan.primitives[total]
            return (
                isinstance(primitive, SumValues)
                and (column.center, column.granularity) == (primitive.center, primitive.granularity)
                and (column.low, column.high) == (primitive.low, primitive.high)
                and _integers(plan, column.totals)
                and _integers(plan, column.counts)
                and (column.total_noise, column.count_noise) == (_noise(spec, total), _noise(spec, count))
            )
        case _:
            return False


def _integers(plan: Plan, integers: tuple[int, ...]) -> bool:
    return len(integers) == plan.groups and all(integer in _INT64 for integer in integers)


def _noise(spec: MeasurementSpec, number: int) -> Noise:
    return Noise(_MECHANISM[spec.mode], spec.vectors[number].scale)
