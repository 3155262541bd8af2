"""The face's world, in memory, and one real server over it."""

from collections.abc import Iterator

import pytest
from face_world import World, new_world, served


@pytest.fixture(scope="session")
def face() -> Iterator[tuple[World, str]]:
    """One server for all tests of this folder, over one world that each test begins anew."""
    world = World()
    with served(world) as address:
        yield world, address


@pytest.fixture
def world(face: tuple[World, str], monkeypatch: pytest.MonkeyPatch) -> World:
    """A service in memory, as new."""
    return new_world(face[0], monkeypatch)


@pytest.fixture
def url(world: World, face: tuple[World, str]) -> str:
    """The address of the server over `world`."""
    return face[1]
