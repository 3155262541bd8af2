"""Noisy vectors → the answer's columns, from the closed plan alone. No row and no exact sum is here any more."""

from collections.abc import Sequence
from itertools import product

from sandbox.plan.nodes import CountOutput, KeyOutput, MeanOutput, Output, Plan, SumOutput, SumValues
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.terms.answer import Answer, AnswerColumn, CountColumn, KeyColumn, MeanColumn, Noise, SumColumn
from sandbox.terms.dataset import KeyValue
from sandbox.terms.loss import Mode

MECHANISMS = {Mode.ZCDP: "discrete gaussian", Mode.PURE: "discrete laplace"}


def finish(order: str, plan: Plan, spec: MeasurementSpec, noisy: Sequence[Sequence[int]]) -> Answer:
    """The answer to `order`: one row for each product of the plan's keys, in their order.

    Args:
        noisy: for each primitive of the plan, its noisy integers, one a group.

    Raises:
        ValueError: the vectors are not those of the plan.
    """
    if len(noisy) != len(plan.primitives) or any(len(vector) != plan.groups for vector in noisy):
        raise ValueError("the noisy vectors do not fit the plan")
    vectors = [tuple(int(integer) for integer in vector) for vector in noisy]
    noises = [Noise(MECHANISMS[spec.mode], vector.scale) for vector in spec.vectors]
    rows = list(product(*(key.values for key in plan.keys)))
    return Answer(order, tuple(_column(output, plan, rows, vectors, noises) for output in plan.outputs))


def _column(
    output: Output,
    plan: Plan,
    rows: list[tuple[KeyValue, ...]],
    vectors: list[tuple[int, ...]],
    noises: list[Noise],
) -> AnswerColumn:
    match output:
        case KeyOutput(name, key):
            return KeyColumn(name, plan.keys[key].type, tuple(row[key] for row in rows))
        case CountOutput(name, count):
            return CountColumn(name, vectors[count], noises[count])
        case SumOutput(name, total, kind):
            return SumColumn(name, kind, vectors[total], _sum(plan, total).granularity, noises[total])
        case MeanOutput(name, total, count):
            summed = _sum(plan, total)
            return MeanColumn(
                name,
                vectors[total],
                vectors[count],
                summed.center,
                summed.granularity,
                summed.low,
                summed.high,
                noises[total],
                noises[count],
            )


def _sum(plan: Plan, index: int) -> SumValues:
    primitive = plan.primitives[index]
    if not isinstance(primitive, SumValues):
        raise ValueError("the output needs a sum")  # noqa: TRY004 - a plan that does not fit, not a wrong type
    return primitive
