"""What a worker's process really has at most, over plans and rows chosen to hurt, against what was proved before it ran.

A worker that needs more is killed, and whether it is would depend on the texts of one unit.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from memory_child import asked

from sandbox.plan import text_sizes
from sandbox.service import memory_bound
from sandbox.service.memory_bound import ROW_GROUP, check_memory, worker_bytes
from sandbox.terms.refusal import MemoryBound

CHILD = Path(__file__).with_name("memory_child.py")
LIMIT = 8 * 2**30
BLOCK = (text_sizes.BLOCK_TEXTS, 1, 10)
CASES = {
    "a column": BLOCK,
    "padded": BLOCK,
    "a choice of padded": BLOCK,
    "many padded": BLOCK,
    "distinct texts": (400_000, 400_000, 60),
    "grouped by texts": (400_000, 400_000, 60),
    "sorted texts": (300_000, 300_000, 60),
    "united": (300_000, 300_000, 60),
    "distinct padded": (ROW_GROUP, ROW_GROUP, 10),
}
QUICK = ("a choice of padded",)


def peak(question: str) -> int:
    """Bytes that a process of its own had at most."""
    arguments = [sys.executable, str(CHILD), question, *(str(number) for number in CASES[question])]
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(arguments, capture_output=True, check=True, text=True, env=os.environ | {"PYTHONPATH": paths})
    return int(done.stdout)


def proved(question: str) -> int:
    plan, tables = asked(question, *CASES[question])
    check_memory(plan, tables, LIMIT)
    return worker_bytes(plan, tables)


@pytest.mark.parametrize("question", QUICK)
def test_a_worker_stays_below_what_was_proved(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = peak(question)
    assert found <= proved(question)
    # Control: without what a block's texts take, the worker would have been admitted to less than it needs.
    monkeypatch.setattr(memory_bound, "worked_bytes", lambda *_: 0)
    assert found > proved(question)


@pytest.mark.slow
@pytest.mark.parametrize("question", [name for name in CASES if name not in QUICK])
def test_no_rows_take_more_than_was_proved(question: str) -> None:
    assert peak(question) <= proved(question)


@pytest.mark.slow
def test_control_what_a_unit_of_many_rows_makes_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = peak("distinct padded")
    monkeypatch.setattr(memory_bound, "MADE_COPIES", 0)
    assert found > proved("distinct padded")


def test_a_choice_among_many_long_texts_is_refused() -> None:
    """Eight texts of 10,000 characters beside each other, of every row of a block: 5 GiB, and as much again put together."""
    plan, tables = asked("a choice of padded", *BLOCK)
    memory_bound.check_memory(plan, tables, LIMIT)
    with pytest.raises(MemoryBound):
        memory_bound.check_memory(plan, tables, 2**30)


def test_declared_texts_are_few_and_cost_little() -> None:
    plan, tables = asked("many padded", *BLOCK)
    (measurement,) = plan.measurements
    table = tables["clinic", "visits"]
    keyed = type(table)(
        table.name,
        table.unit,
        table.rows_max,
        table.max_rows_per_unit,
        table.max_groups_per_unit,
        tuple(
            type(column)(column.name, column.type, keys=("a", "b")) if column.name == "name" else column
            for column in table.columns
        ),
    )
    few = text_sizes.worked_bytes(measurement, {("clinic", "visits"): keyed})
    assert 0 < few < text_sizes.worked_bytes(measurement, tables) / 1_000
