"""Worlds for the use cases."""

import pytest
from service_world import World


@pytest.fixture
def make_world(tmp_path):
    """Makes worlds, each with a ledger of its own, and closes them."""
    made = []

    def make(**settings) -> World:
        folder = tmp_path / f"world{len(made)}"
        folder.mkdir(mode=0o700)
        made.append(World(folder / "ledger.sqlite", **settings))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def bare(make_world) -> World:
    """People, no data."""
    return make_world()


@pytest.fixture
def world(bare) -> World:
    """Two loaded datasets; ann holds a grant for one of them."""
    bare.register()
    bare.grant()
    return bare
