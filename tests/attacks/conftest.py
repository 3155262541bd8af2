"""What the attacks share: the session's enclave, an analyst who may ask of its clinic, and an HTTP client of theirs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "ports"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "service"))

from forged_world import Attacked
from raw_http import plain_uvicorn, standard_server
from service_world import World

from sandbox.client.connection import Connection
from sandbox.testing import Enclave


@pytest.fixture(scope="session")
def mallory(enclave: Enclave) -> Connection:
    """An analyst with a small grant and bad intentions."""
    return enclave.analyst("mallory", org="acme", datasets=["clinic"], purpose="research", epsilon="1")


@pytest.fixture(scope="session")
def http(enclave: Enclave, mallory: Connection) -> Iterator[httpx.Client]:
    """The analyst's HTTP client."""
    headers = {"Authorization": f"Bearer {enclave.token('mallory')}"}
    with httpx.Client(base_url=enclave.url, headers=headers, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def plain() -> Iterator[str]:
    """A server without any defence but its library's."""
    with plain_uvicorn() as url:
        yield url


@pytest.fixture(scope="session")
def standard() -> Iterator[str]:
    """The standard library's server, which defends itself against little."""
    with standard_server() as url:
        yield url


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """One enclave's service under attack: real ledger, real signatures, real HTTP face; the engine does as told."""
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
