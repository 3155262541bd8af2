"""`sandbox audit search` and `audit show` as an officer types them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from client_world import CANARY, World
from test_cli_verbs import Shell


@pytest.fixture
def officer(tmp_path: Path, url: str):
    shell = Shell(tmp_path / "config", url)
    return lambda *arguments: shell("audit", *arguments, role="officer")


def test_search_prints_a_line_an_entry_and_how_to_go_on(officer, world: World) -> None:
    world.append("query.checked", {})
    found = officer("search", "--limit", "1")
    assert found.stdout.split("\t")[0::2] == ["1", "ann", "query.checked", "research"]
    assert found.stderr == "There are more: --before 1\n"
    rest = officer("search", "--limit", "1", "--before", "1", "--json")
    page = json.loads(rest.stdout)
    assert ([entry["index"] for entry in page["entries"]], page["next"], rest.stderr) == ([0], None, "")


def test_search_takes_times_and_how_long_ago(officer, world: World) -> None:
    asked = ["--actor", "ann", "--dataset", "clinic", "--decision", "refused", "--until", "2026-03-01T17:30+08:00"]
    assert officer("search", *asked, "--since", "7d").exit_code == 0
    _, wanted = world.calls[-1]
    assert (wanted["actor"], wanted["dataset"], wanted["decision"]) == ("ann", "clinic", "refused")
    assert abs(datetime.now(UTC) - timedelta(days=7) - datetime.fromisoformat(wanted["since"])) < timedelta(minutes=1)
    assert datetime.fromisoformat(wanted["until"]) == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    for wrong in ("7 days", "7y", "soon", "999999w", "-7d", ""):
        assert officer("search", "--since", wrong).exit_code == 2
    for wrong in ("0", "201", "x"):
        assert officer("search", "--limit", wrong).exit_code == 2


def test_show_keeps_the_seal_and_open_needs_a_reason(officer, world: World) -> None:
    shown = officer("show", "0")
    assert shown.stdout.startswith("index\t0\nkind\tenclave.created\n") and CANARY not in shown.output
    assert shown.stderr == "Entry 0 is in the log of 1 entries.\n"
    assert officer("show", "0", "--open").exit_code == 2
    assert officer("show", "0", "--reason", "Complaint 17 of the clinic").exit_code == 2
    assert officer("show", "0", "--open", "--reason", "short").exit_code == 2
    assert len(world.entries) == 1
    opened = officer("show", "0", "--open", "--reason", "Complaint 17 of the clinic")
    assert f"sql\tselect {CANARY}\\nfrom clinic.visits\n" in opened.stdout
    assert opened.stderr.endswith("Opened; entry 1 of the log keeps your reason.\n")
    document = json.loads(officer("show", "1", "--json").stdout)
    assert document["entry"]["facts"]["reason"] == "Complaint 17 of the clinic"
    assert officer("show", "7").exit_code == 3


def test_a_shown_entry_that_the_pinned_key_does_not_prove_fails(officer, world: World, monkeypatch) -> None:
    receipt = world.receipt
    monkeypatch.setattr(world, "receipt", lambda index: receipt(index) | {"leaf": "00" * 32})
    assert officer("show", "0").exit_code == 8


def test_an_opening_that_the_log_does_not_state_fails(officer, world: World, monkeypatch) -> None:
    append = world.append
    monkeypatch.setattr(world, "append", lambda kind, facts: append(kind, facts | {"reason": "another, kinder reason"}))
    assert officer("show", "0", "--open", "--reason", "Complaint 17 of the clinic").exit_code == 8


def test_only_officers(tmp_path: Path, url: str) -> None:
    shell = Shell(tmp_path / "config", url)
    for verb in (("search",), ("show", "0"), ("show", "0", "--open", "--reason", "Complaint 17 of the clinic")):
        assert shell("audit", *verb, role="analyst").exit_code == 3
