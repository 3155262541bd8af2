"""A plan run in process with nothing but the noise left out: bind, check, write, read, scan, merge, finish."""

from collections.abc import Sequence

from language_worlds import LanguageWorld

from sandbox.plan.answers import listed_tables
from sandbox.plan.canonical import plan_json, read_plan
from sandbox.plan.compile import compile_query
from sandbox.plan.query import Plan
from sandbox.plan.soundness import check_plan
from sandbox.privacy.mechanism import measurement_spec
from sandbox.terms.answer import Answer
from sandbox.terms.loss import Mode
from workers.finish import finish
from workers.noise import Mechanism
from workers.noisy_lines import noisy_table
from workers.public_lines import public_lines
from workers.scan import scan
from workers.tally import Merger, Shape

UNITS = 10**24
DELTA = 10**16


def _exact(vector: object) -> object:
    return vector


def planned(sql: str, world: LanguageWorld) -> Plan:
    """The plan as a worker reads it, after every check."""
    plan = compile_query(sql, world.datasets)
    check_plan(plan)
    return read_plan(plan_json(plan))


def exact_answer(plan: Plan, world: LanguageWorld) -> Answer:
    """The answer with noise of zero; every group with a unit shows."""
    tallies = [scan(plan, [sources], b"s" * 32) for sources in world.buckets]
    tables = []
    for place, measurement in enumerate(plan.measurements):
        merger = Merger(Shape.of(measurement))
        for tally in tallies:
            merger.add(tally[place])
        silent = [Mechanism(None, 0 if measurement.selected else None, _exact) for _ in measurement.primitives]
        tables.append(noisy_table(measurement, silent, merger.total()))
    spec = measurement_spec(plan, Mode.ZCDP, UNITS, DELTA if any(m.selected for m in plan.measurements) else 0)
    listed = {table: public_lines(table, world.buckets[0]) for table in listed_tables(plan.answer)}
    answer = finish("exact", plan, spec, tables, listed)
    return Answer.from_json(answer.to_json())


def lines_of(answer: Answer) -> list[tuple[object, ...]]:
    """The answer's lines."""
    columns: Sequence[Sequence[object]] = [column.numbers() for column in answer.columns]
    return list(zip(*columns, strict=True))
