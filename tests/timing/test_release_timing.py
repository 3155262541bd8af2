"""Timing (P1): two neighbouring data sets cannot be told apart by when and how an answer comes, over HTTP.

500 runs a side and pair. With the release clock the area under the curve of a classifier is at most 0.55 over all pairs;
where nothing leaks that fails with probability 10⁻⁶ (standard error 0.0105), and an area of 0.60 passes with the same.
A single pair is held to 0.59 (4.75 standard errors). The control runs the same pairs without the clock: at least 0.9.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from classifier import area_of, interval, null_error, told_apart
from figures import record_figure
from neighbour_pairs import PAIRS, Pair, epsilons
from observed_runs import Client, observe

from sandbox.testing import Enclave, start_enclave

EACH, EACH_CONTROL = 500, 150
CLIENTS, PEOPLE = 8, 4
WORKERS = 8  # as many as queries may run: then a slot has no room for the rows of others
POOLED, SINGLE, CONTROL = 0.55, 0.59, 0.90
SEED = 20
SOURCE = "tests/timing/test_release_timing.py"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("neighbours")
    for pair in PAIRS:
        for side in (0, 1):
            pair.write(side, folder)
    return folder


def load(enclave: Enclave, files: Path) -> Iterator[Pair]:
    for pair in PAIRS:
        for side in (0, 1):
            enclave.load(pair.description(side), {"visits": files / f"{pair.dataset(side)}.parquet"})
        yield pair


def close(clients: list[Client]) -> None:
    for client in clients:
        client.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_clock_hides_how_long_the_engine_took(files: Path) -> None:
    areas = {}
    with start_enclave(tick_ms=50, workers=WORKERS) as enclave:
        for pair in load(enclave, files):
            clients = [Client(enclave, f"{pair.name}-{place % PEOPLE}", pair) for place in range(CLIENTS)]
            waits = [
                enclave.person(f"{pair.name}-0", org="acme", role="analyst")
                .query(pair.question(side), purpose="research", epsilon="0.5")
                .check()
                .wait_ms
                for side in (0, 1)
            ]
            assert waits[0] == waits[1], "the slot follows from plan and description"
            spacing = (waits[0] / 1000 + 0.08) / CLIENTS
            losses = epsilons()
            observe(clients, CLIENTS, losses, spacing, SEED)  # warm
            runs = observe(clients, EACH, losses, spacing, SEED + 1)
            close(clients)
            areas[pair.name] = told_apart(runs.features, runs.sides, SEED)
            record_figure(f"timing AUC with the clock, {pair.name}", str(areas[pair.name]), "", SOURCE)
    pooled = interval(float(np.mean([area.value for area in areas.values()])), EACH * len(PAIRS), EACH * len(PAIRS))
    record_figure("timing AUC with the clock, all pairs", str(pooled), "", SOURCE)
    assert {name: str(area) for name, area in areas.items() if area.value > SINGLE} == {}
    assert pooled.value <= POOLED


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_control_without_the_clock_the_pairs_are_told_apart(files: Path) -> None:
    areas = {}
    with start_enclave(tick_ms=50, workers=WORKERS, clock=False) as enclave:
        for pair in load(enclave, files):
            clients = [Client(enclave, f"{pair.name}-0", pair)]
            losses = epsilons()
            observe(clients, 10, losses, seed=SEED)  # warm
            runs = observe(clients, EACH_CONTROL, losses, seed=SEED + 1)
            close(clients)
            areas[pair.name] = told_apart(runs.features, runs.sides, SEED)
            record_figure(f"timing AUC without the clock, {pair.name}", str(areas[pair.name]), "", SOURCE)
    assert {name: str(area) for name, area in areas.items() if area.value < CONTROL} == {}


def test_the_classifier_finds_a_shift_and_nothing_else() -> None:
    source = np.random.default_rng(SEED)
    sides = source.permutation(np.repeat([0, 1], EACH))
    noise = source.normal(size=(2 * EACH, 10))
    alike = told_apart(noise, sides, SEED)
    assert abs(alike.value - 0.5) < 4.75 * null_error(EACH, EACH)
    shifted = noise.copy()
    shifted[:, 3] += 2.0 * sides
    assert told_apart(shifted, sides, SEED).value > CONTROL
    late = noise.copy()
    late[:, 2] += 50.0 * (sides & (source.random(2 * EACH) < 0.25))  # one side misses a slot in a quarter of its runs
    assert told_apart(late, sides, SEED).value > SINGLE


def test_the_area_is_the_probability_of_the_right_order() -> None:
    assert area_of(np.asarray([1.0, 2.0, 3.0, 4.0]), np.asarray([0, 0, 1, 1])) == 1
    assert area_of(np.asarray([1.0, 1.0, 1.0, 1.0]), np.asarray([0, 1, 0, 1])) == 0.5
    assert area_of(np.asarray([1.0, 2.0, 3.0, 4.0]), np.asarray([1, 0, 0, 1])) == 0.5
