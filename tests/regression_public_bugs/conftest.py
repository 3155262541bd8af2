"""Where the made worlds of other suites are found, and one line that the whole suite measures on."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / part) for part in ("privacy", "unit/plan", "unit/workers", "unit/service")]


@pytest.fixture(scope="session")
def bugs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Questions measured in this process, without Ray."""
    from bug_world import Bench

    yield Bench(tmp_path_factory.mktemp("bugs") / "home")
