"""What the ledger's contract tests share: a seeded ledger of each adapter, whose books must agree in the end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ledger_world import ADAPTERS, seed

from sandbox.adapters import books


@pytest.fixture(params=sorted(ADAPTERS))
def unseeded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    opened = ADAPTERS[request.param](tmp_path)
    yield opened
    books.verify(opened)
    opened.close()


@pytest.fixture(params=sorted(ADAPTERS))
def governed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    opened = ADAPTERS[request.param](tmp_path)
    seed(opened)
    yield opened
    books.verify(opened)
    opened.close()
