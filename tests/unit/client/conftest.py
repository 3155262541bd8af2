"""An enclave in memory, and one real server over it."""

from collections.abc import Iterator

import pytest
from client_world import World, renewed, served


@pytest.fixture(scope="session")
def face() -> Iterator[tuple[World, str]]:
    """One server for all tests of this folder, over one world that each test begins anew."""
    world = World()
    with served(world) as address:
        yield world, address


@pytest.fixture
def world(face: tuple[World, str]) -> World:
    """An enclave in memory, as new."""
    return renewed(face[0])


@pytest.fixture
def url(world: World, face: tuple[World, str]) -> str:
    """The address of the server over `world`."""
    return face[1]
