"""Record and replay: with the mechanisms frozen, nothing outside the data plane tells neighbouring tables apart.

`replay_world` records all that can be seen of a whole enclave while questions are asked: every answer's status, headers and
body, the log's entries with their sizes, the sizes of messages on the engine's socket, log lines of both planes, when the
service means to wake, and the accounts. On the table with and without one unit's rows the records must be equal: the
only lines by which they may differ are the random ones, which are masked by length. Over a hundred of the questions would crash
on a row in other engines (security.md P5); the rest are the audited operators on the audited pairs (P4, P6-P8, P11).

Exact, so there is no power to state: what differs is noticed. The controls plant what would show.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import audit_line as audited
import audit_planted_noise as planted_noise
import crash_queries as crash
import numpy as np
import pytest
from audit_tables import BASE, KEYS, OPERATORS, PAIRS
from figures import record_figure
from replay_world import frozen_draw, record, visits

from workers import evaluate, scan
from workers.contribute import Bounding
from workers.noise import Mechanism
from workers.server import Server

SOURCE = "tests/privacy/test_record_replay.py"
SPACE = """
[unit_spaces.people]
accounting = "zcdp"
budget = { epsilon = "4000", delta = "1e-6" }
buckets = 2
"""
CLINIC = audited.DESCRIPTION.replace('"1000"', '"4000"') + SPACE
OPERATOR_QUESTIONS = [operator.sql(keys) for operator in OPERATORS.values() for keys in KEYS if operator.bounds is None]


def recorded(unit: tuple = (), queries: tuple[str, ...] = crash.FEW, draw: Any = frozen_draw) -> list[str]:
    return record(visits(crash.DESCRIPTION, crash.COLUMNS, crash.BASE + unit), queries, draw)


def operators_on(rows: tuple) -> list[str]:
    return record(visits(CLINIC, audited.COLUMNS, rows), OPERATOR_QUESTIONS)


def differences(one: list[str], two: list[str]) -> list[tuple[str, str]]:
    pairs = [pair for pair in zip(one, two, strict=False) if pair[0] != pair[1]]
    return pairs + ([] if len(one) == len(two) else [(f"{len(one)} lines", f"{len(two)} lines")])


@pytest.fixture(scope="module")
def quiet() -> list[str]:
    """What is seen without the unit."""
    return recorded()


@pytest.mark.parametrize("name", crash.UNITS)
def test_a_few_crashing_questions_show_nothing(quiet: list[str], name: str) -> None:
    assert differences(quiet, recorded(crash.UNITS[name])) == []


def test_what_is_recorded_is_what_there_is_to_see(quiet: list[str]) -> None:
    """The record is not empty in any of its parts: answers, refusals, sizes, entries, slots, log lines."""
    kinds = Counter(line.split(" ")[0].rstrip(":") for line in quiet)
    assert kinds["check"] == kinds["submit"] == kinds["accounts"] == len(crash.FEW)
    assert any("submit: 202" in line for line in quiet)
    assert any("submit: 422" in line for line in quiet)
    assert any("release before: 409" in line for line in quiet)
    assert any("release after: 200" in line for line in quiet)
    assert any("query.committed" in line for line in quiet)
    assert any("engine socket [(" in line for line in quiet)
    assert quiet[-1].startswith("stderr ")


@pytest.mark.slow
def test_a_hundred_crashing_questions_show_nothing() -> None:
    assert len(set(crash.QUERIES)) >= 125
    quiet = recorded(queries=crash.QUERIES)
    for unit in crash.UNITS.values():
        assert differences(quiet, recorded(unit, crash.QUERIES)) == []
    answered = sum("submit: 202" in line for line in quiet)
    assert answered >= 95
    assert not any("forfeited" in line for line in quiet)
    record_figure(
        "crash-on-row questions indistinguishable", len(crash.QUERIES), f"questions, {answered} answered", SOURCE
    )
    record_figure("record and replay: lines compared", len(quiet), f"lines on {len(crash.UNITS)} neighbours", SOURCE)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_operator_shows_nothing_on_every_pair() -> None:
    quiet = operators_on(BASE)
    for name, (base, unit) in PAIRS.items():
        one = quiet if base == BASE else operators_on(base)
        assert differences(one, operators_on(base + unit)) == [], name
    record_figure(
        "record and replay: neighbouring pairs", len(PAIRS), f"pairs, {len(OPERATOR_QUESTIONS)} questions", SOURCE
    )


@contextmanager
def _fails_quoting_rows() -> Iterator[None]:
    """A fault of our own, in every measurement, whose text holds what was read."""
    original = scan._scanned

    def scanned(measurement: Any, buckets: Any, secret: bytes) -> Any:
        relation, sums = measurement.relation, original(measurement, buckets, secret).sums.tolist()
        stream = scan.stream_of(relation, buckets[0])
        rows = [runs.tolist() for sources in buckets for runs, _ in scan._batches(relation, stream, sources)]
        raise ValueError(f"rows {rows}, sums {sums}")

    with mock.patch.object(scan, "_scanned", scanned):
        yield


LOSING = crash.NULLS[:2]


def lost(unit: tuple = ()) -> list[str]:
    """What is seen of measurements that are lost on every table, in words that differ."""
    with _fails_quoting_rows():
        return recorded(unit, LOSING)


def test_how_a_measurement_is_lost_shows_nothing() -> None:
    """Nothing above is ever forfeited; here all is, for a reason that quotes rows: event line, frame, entry, view and slot
    are one constant each."""
    quiet = lost()
    assert sum("engine measure-forfeited" in line for line in quiet) == len(LOSING)
    assert sum(line.startswith("entry query.forfeited") for line in quiet) == len(LOSING)
    assert all("release before: 409" in line for line in quiet if line.startswith("release before"))
    for unit in crash.UNITS.values():
        assert differences(quiet, lost(unit)) == []


@pytest.mark.parametrize("leak", ["an event line", "a frame"])
def test_control_a_failure_in_its_own_words_is_noticed(leak: str) -> None:
    original = Server._measure

    def measured(self: Server, message: Any) -> Any:
        try:
            order = self.admission.measure(message.get("body"), message.get("signature"))
            self.measurer.measure(order)
        except ValueError as error:
            if leak == "an event line":
                self.event(f"measure-forfeited {error}")
            return {"failure": "forfeited"} | ({"reason": str(error)} if leak == "a frame" else {})
        return original(self, message)

    with mock.patch.object(Server, "_measure", measured):
        assert differences(lost(), lost(crash.UNITS["one row alone in its group"])) != []


# -- controls: what would show ---------------------------------------------------------------------------------------------


@contextmanager
def _raises_on_zero() -> Iterator[None]:
    """Division by zero raises, as it does in most engines."""
    original = evaluate._arithmetic

    def arithmetic(node: Any, left: Any, right: Any) -> Any:
        step = original(node, left, right)

        def checked(block: Any) -> Any:
            if node.operator == "/" and (right(block).values == 0).any():
                raise ZeroDivisionError
            return step(block)

        return checked

    with mock.patch.object(evaluate, "_arithmetic", arithmetic):
        yield


@contextmanager
def _fails_on_many_rows() -> Iterator[None]:
    """A scan gives up on more rows than it likes."""
    original = Bounding.begin

    def begin(self: Any, runs: Any) -> None:
        if int(runs.max(initial=0)) > 200:
            raise MemoryError
        original(self, runs)

    with mock.patch.object(Bounding, "begin", begin):
        yield


@contextmanager
def _logs_row_counts() -> Iterator[None]:
    """A friendly log line: how many rows were read."""
    rows: list[int] = []
    original, answer = Bounding.begin, Server._measure

    def begin(self: Any, runs: Any) -> None:
        rows.append(int(runs.sum()))
        original(self, runs)

    def measured(self: Server, message: Any) -> Any:
        rows.clear()
        found = answer(self, message)
        self.event(f"measured {sum(rows)} rows")
        return found

    with mock.patch.object(Bounding, "begin", begin), mock.patch.object(Server, "_measure", measured):
        yield


CONTROLS: dict[str, tuple[Callable[[], Any], str, tuple[str, ...]]] = {
    "division by zero raises": (_raises_on_zero, "crashing rows", crash.DIVIDE[5:6]),
    "a status depends on the number of rows": (_fails_on_many_rows, "many rows", crash.NULLS[10:11]),
    "a log line counts rows": (_logs_row_counts, "one row alone in its group", crash.NULLS[10:11]),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_control_what_depends_on_rows_is_noticed(name: str) -> None:
    """The same questions on the same neighbours, without the fault, are among those above."""
    plant, unit, queries = CONTROLS[name]
    assert set(queries) <= set(crash.FEW)
    with plant():
        assert differences(recorded(queries=queries), recorded(crash.UNITS[unit], queries)) != []


WARDS = ("select ward, count(*) as n from clinic.visits group by ward",)


def test_control_an_answer_without_its_absent_groups_is_noticed() -> None:
    """The control plane takes no other groups than the plan's for an answer: it would be lost, and that would show."""

    def marked(self: Mechanism, exact: np.ndarray) -> np.ndarray:
        return np.where(exact == 0, planted_noise.ABSENT, frozen_draw(self, exact))

    unit = crash.UNITS["one row alone in its group"]
    with planted_noise.absent_groups_left_out():
        found = differences(recorded(queries=WARDS, draw=marked), recorded(unit, WARDS, marked))
    assert any("query.forfeited" in one and "query.committed" in two for one, two in found)


def test_control_an_answer_whose_size_depends_on_a_value_is_noticed() -> None:
    """Answers are sealed in classes of size: the number itself goes over the engine's socket, and its digits show there."""

    def bare(self: Mechanism, exact: np.ndarray) -> np.ndarray:
        del self
        return exact * 10**6

    unit = crash.UNITS["one row alone in its group"]
    found = differences(recorded(queries=WARDS, draw=bare), recorded(unit, WARDS, bare))
    assert any(one.startswith("engine socket") for one, _ in found)
