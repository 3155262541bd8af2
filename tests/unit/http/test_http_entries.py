"""Searching, showing and opening entries over HTTP: strict parameters, the officer's role, nothing opened unasked."""

from datetime import UTC, datetime

import httpx
import pytest
from face_world import CANARY, World

from sandbox.service.found_entries import EntryFilter

OFFICER = {"Authorization": "Bearer token-of-officer"}
REASON = {"reason": "Complaint 17 of the clinic"}


@pytest.fixture
def client(url: str):
    with httpx.Client(base_url=url, trust_env=False, headers=OFFICER) as opened:
        yield opened


def test_a_search_without_words_asks_for_the_newest_fifty(client: httpx.Client, world: World) -> None:
    response = client.post("/v1/log/search", json={})
    assert (response.status_code, response.json()["entries"][0]["kind"]) == (200, "enclave.created")
    assert world.calls[-1] == ("search", (EntryFilter(),), {"text": None, "before": None, "limit": 50})


def test_every_word_reaches_the_service(client: httpx.Client, world: World) -> None:
    words = {
        "actor": "ann@acme.example",
        "organisation": "Acme & Söhne",
        "dataset": "clinic",
        "purpose": "研究",
        "decision": "refused",
        "kind": "query.refused",
        "text_tag": "ab" * 32,
    }
    sent = words | {"since": "2026-03-01T17:30:00+08:00", "until": "2026-03-02T00:00:00Z", "before": 9, "limit": 3}
    assert client.post("/v1/log/search", json=sent).status_code == 200
    since, until = datetime(2026, 3, 1, 9, 30, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    wanted = EntryFilter(**words, since=since, until=until)
    assert world.calls[-1] == ("search", (wanted,), {"text": None, "before": 9, "limit": 3})
    sql = "select 1\nfrom t -- 東 & +"
    assert client.post("/v1/log/search", json={"text": sql}).status_code == 200
    assert world.calls[-1] == ("search", (EntryFilter(),), {"text": sql, "before": None, "limit": 50})


@pytest.mark.parametrize(
    "body",
    [
        {"actor": ""},
        {"person": "ann"},
        {"since": "yesterday"},
        {"since": "2026-03-01"},
        {"until": "0001-01-01T00:00:00+14:00"},
        {"limit": "many"},
        {"limit": -1},
        {"before": 1.5},
        {"before": True},
        {"before": 9999999999999999},
        {"kind": "a\0b"},
        {"purpose": "\u200bresearch"},
        {"text": ""},
        {"dataset": "x" * 201},
    ],
)
def test_what_is_not_well_formed_is_refused(client: httpx.Client, world: World, body: dict) -> None:
    response = client.post("/v1/log/search", json=body)
    assert (response.status_code, response.json()["code"]) == (400, "malformed-request")
    assert world.calls == []


def test_show_and_open(client: httpx.Client, world: World) -> None:
    shown = client.get("/v1/log/entries/0").json()
    assert shown["index"] == 0 and '"enclave.created"' in shown["entry"] and len(world.entries) == 1
    opened = client.post("/v1/log/entries/0/open", json=REASON).json()
    assert CANARY in opened["request"]["sql"] and opened["opened"]["index"] == 1
    assert world.read_entry(1)["facts"] == {"index": 0} | REASON
    for index, status in (("7", 404), ("-1", 400), ("x", 400)):
        assert client.get(f"/v1/log/entries/{index}").status_code == status
        assert client.post(f"/v1/log/entries/{index}/open", json=REASON).status_code == status


@pytest.mark.parametrize(
    "body", [{}, {"reason": "short"}, {"reason": "x" * 501}, {"reason": "two\nlines of it"}, {"reason": 7}]
)
def test_opening_takes_a_reason(client: httpx.Client, world: World, body: dict) -> None:
    response = client.post("/v1/log/entries/0/open", json=body)
    assert (response.status_code, response.json()["fields"]) == (400, ["reason"])
    assert client.get("/v1/log/entries/0/open", params=REASON).status_code == 405
    assert len(world.entries) == 1


def test_a_sealed_enclave_shows_entries_and_writes_none(client: httpx.Client, world: World) -> None:
    world.state = "sealed"
    assert client.get("/v1/log/entries/0").status_code == 200
    assert client.post("/v1/log/search", json={}).json()["code"] == "enclave-sealed"
    assert client.post("/v1/log/entries/0/open", json=REASON).json()["code"] == "enclave-sealed"
    assert len(world.entries) == 1
