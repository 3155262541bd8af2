"""The client's parts alone: amounts, the sign-in file, and how little importing it takes."""

import json
import os
import stat
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.client import credentials
from sandbox.client.amounts import exact_text
from sandbox.client.credentials import Login, Pins, current, save, saved
from sandbox.terms.loss import parse_decimal
from sandbox.terms.refusal import SignInRequired

HEAVY = {
    "fastapi",
    "starlette",
    "pydantic",
    "pyarrow",
    "ray",
    "numpy",
    "pandas",
    "sqlglot",
    "opendp",
    "numba",
    "uvicorn",
}
HEAVY |= {"msgpack", "ulid", "duckdb", "workers", "policies", "sandbox.service", "sandbox.adapters"}


@given(st.integers(0, 10**12), st.integers(0, 9))
def test_amounts_keep_their_value_in_every_type(number: int, places: int) -> None:
    exact = Fraction(number, 10**places)
    if exact >= 10**9:
        return
    text = exact_text(exact)
    assert parse_decimal(text, "epsilon") == exact
    assert exact_text(text) == exact_text(Decimal(text)) == text
    if exact.denominator == 1:
        assert exact_text(int(exact)) == text


def test_one_amount_has_one_spelling() -> None:
    assert {exact_text(value) for value in ("1", "1.0", "01.00", "10e-1", Decimal("1.000"), 1, Fraction(2, 2))} == {"1"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SANDBOX_URL", "SANDBOX_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


LOGIN = Login("http://127.0.0.1:1", "secret-token", Pins("log", "log+k", "rel+k"))


def test_a_sign_in_is_kept_for_its_owner_alone(home: Path) -> None:
    old = os.umask(0)
    try:
        path = save(LOGIN)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert saved() == LOGIN
    assert [item.name for item in path.parent.iterdir()] == ["login.json"]
    assert "secret-token" not in repr(LOGIN)
    save(Login("http://127.0.0.1:2", "other-token"))
    assert current() == Login("http://127.0.0.1:2", "other-token")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"url": "x"}', '{"url":"x","token":"y","pins":{"a":1}}', "\xff"])
def test_a_broken_sign_in_file_is_named(home: Path, content: str) -> None:
    path = credentials.login_file()
    path.parent.mkdir()
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SignInRequired, match=r"login\.json"):
        current()


def test_the_environment_goes_before_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SignInRequired):
        current()
    save(LOGIN)
    assert current() == LOGIN
    monkeypatch.setenv("SANDBOX_TOKEN", "other-token")
    assert current().token == "other-token"
    assert current().pins == LOGIN.pins
    monkeypatch.setenv("SANDBOX_URL", "http://127.0.0.1:9")
    assert current() == Login("http://127.0.0.1:9", "other-token")


def test_the_files_token_goes_to_the_files_address_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(LOGIN)
    assert current("http://127.0.0.1:1/") == Login("http://127.0.0.1:1/", "secret-token", LOGIN.pins)
    with pytest.raises(SignInRequired):
        current("http://127.0.0.1:2")
    monkeypatch.setenv("SANDBOX_URL", "https://evil.example")
    with pytest.raises(SignInRequired):
        current()


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout))


def test_the_light_client_imports_nothing_heavy() -> None:
    loaded = modules_after("import sandbox, sandbox.client, sandbox.faces.cli.main")
    assert loaded & HEAVY == set()
    verbs = [
        "audit",
        "budget",
        "catalogue",
        "dataset",
        "freeze",
        "grant",
        "key",
        "login",
        "person",
        "policy",
        "query",
        "release",
        "review",
    ]
    loaded = modules_after("; ".join(f"import sandbox.faces.cli.{verb}" for verb in verbs))
    assert loaded & HEAVY == set()


def test_importing_the_package_alone_imports_no_client() -> None:
    assert not any(name.startswith(("httpx", "sandbox.client", "rich")) for name in modules_after("import sandbox"))


def test_the_control_heavy_imports_are_seen() -> None:
    assert "fastapi" in modules_after("import fastapi")
