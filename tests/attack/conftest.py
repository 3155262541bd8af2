"""One enclave's service under attack: real ledger, real signatures, real HTTP face; the engine does as told."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "service"))

from forged_world import Attacked
from service_world import World


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    world = Attacked(tmp_path_factory.mktemp("attacked") / "ledger.sqlite")
    yield world
    world.close()


@pytest.fixture
def make_world(tmp_path):
    """Makes worlds, each with a ledger of its own, and closes them."""
    made = []

    def make(**settings) -> World:
        made.append(World(tmp_path / f"ledger{len(made)}.sqlite", **settings))
        return made[-1]

    yield make
    for world in made:
        world.close()
