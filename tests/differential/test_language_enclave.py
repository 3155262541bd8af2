"""A few dozen generated questions through a real enclave: at a huge ε it answers as the plan run in process, and as DuckDB."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from exact_answers import exact_answer, lines_of, planned
from language_blocks import COUNTS, RANKS
from language_compared import compare, plain, styles_of, their_lines
from language_questions import Asker
from language_worlds import LanguageWorld, language_world
from world_descriptions import WORLD_TEXTS

from sandbox.terms.refusal import NotAnswerable, ReviewPending
from sandbox.testing import Enclave, start_enclave

EPSILON = "50000000"
EACH = 12
WORLDS = ("clinic", "linked", "two-datasets")


def tight(text: str, name: str) -> str:
    """The description with bounds that the rows still keep, so that noise is small, in a unit space of its own."""
    return text.replace("= 4000", "= 400").replace("= 50", "= 1").replace("people", f"people-{name}")


@pytest.fixture(scope="module")
def enclave_of_worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Enclave, dict[str, LanguageWorld]]]:
    worlds = {name: language_world(name) for name in WORLDS}
    folder = tmp_path_factory.mktemp("worlds")
    with start_enclave(clock=False) as enclave:
        for name, world in worlds.items():
            for text, dataset in zip(WORLD_TEXTS[name], world.datasets.values(), strict=True):
                files: dict[str, Path] = {}
                for table in dataset.tables:
                    files[table.name] = folder / f"{dataset.name}-{table.name}.parquet"
                    pq.write_table(world.rows(dataset.name, table.name), files[table.name])
                enclave.load(tight(text, name), files)
        yield enclave, worlds


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_an_enclave_answers_as_duckdb(enclave_of_worlds: tuple[Enclave, dict[str, LanguageWorld]], name: str) -> None:
    enclave, worlds = enclave_of_worlds
    world = worlds[name]
    analyst = enclave.analyst(
        f"asker-{name}", org="acme", datasets=sorted(world.datasets), purpose="research", epsilon="900000000"
    )
    asked = number = 0
    while asked < EACH:
        number += 1
        question = Asker(random.Random(f"enclave {name} {number}"), world, Counter()).question()
        try:
            plan = planned(question.ours, world)
        except NotAnswerable:
            continue
        kinds = list(plan.columns.values())
        styles = styles_of(question, len(kinds))
        certain = all(style in (COUNTS, RANKS) for style in styles[question.keys :])
        if any(measurement.selected for measurement in plan.measurements) or not certain:
            continue  # small groups are rightly hidden; sums under noise have their own test
        running = analyst.query(question.ours, purpose="research", epsilon=EPSILON).run()
        try:
            release = running.result(timeout=60, review=False)
        except ReviewPending:
            continue  # held by a rule of the profile
        lines = [
            tuple(plain(cell, kind) for cell, kind in zip(row.values(), kinds, strict=True))
            for row in release.to_pylist()
        ]
        exact = [
            tuple(plain(cell, kind) for cell, kind in zip(line, kinds, strict=True))
            for line in lines_of(exact_answer(plan, world))
        ]
        theirs = their_lines(question, plan, world)
        compare(question, plan, exact, theirs)
        compare(question, plan, lines, theirs)
        asked += 1
    assert asked == EACH
