"""The import contracts hold, and each planted leak breaks one: a contract that cannot fail would prove nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LEAKS = [
    ("sandbox/service/enclave.py", "import pyarrow"),
    ("sandbox/faces/http/app.py", "import workers.bucket"),
    ("sandbox/adapters/engine_socket.py", "import numpy"),
    ("sandbox/terms/loss.py", "import time"),
    ("sandbox/plan/bind.py", "import sqlite3"),
    ("sandbox/privacy/conversion.py", "import sandbox.service.ports"),
    ("policies/decide.py", "import sandbox.adapters.sqlite_ledger"),
    ("workers/scan.py", "import sandbox.service.ports"),
    ("workers/finish.py", "import opendp"),
    ("workers/engine.py", "import ray"),
    ("sandbox/client/query.py", "import fastapi"),
    ("sandbox/wiring.py", "import opendp"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).parent / "lint-imports"
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        [str(tool), "--no-cache"], check=False, cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    for package in ("sandbox", "workers", "policies"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_the_contracts_hold(tree: Path) -> None:
    result = lint(tree)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("file", "leak"), LEAKS)
def test_a_planted_leak_is_found(tree: Path, file: str, leak: str) -> None:
    path = tree / file
    whole = path.read_text("utf-8")
    path.write_text(f"{whole}\n{leak}\n", "utf-8")
    try:
        assert lint(tree).returncode != 0
    finally:
        path.write_text(whole, "utf-8")
