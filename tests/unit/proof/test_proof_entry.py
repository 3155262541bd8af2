"""Audit entries: one byte string each, read back strictly."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sandbox.proof.entry import BYTES_LIMIT, entry_bytes, read_entry, read_time, time_text
from sandbox.terms.refusal import ProofFailed

AT = datetime(2026, 3, 1, 12, 30, 15, 123456, UTC)
GOOD = entry_bytes(
    "query.refused", AT, "ann", {"code": "unknown-table", "n": 1, "note": "名\n\u202e", "nested": {"b": [], "a": True}}
)


def changed(**fields) -> bytes:
    """A canonical document with other fields."""
    value = {**json.loads(GOOD), **fields}
    value = {name: item for name, item in value.items() if item is not ...}
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_it_reads_back():
    entry = read_entry(GOOD)
    assert entry["kind"] == "query.refused"
    assert entry["at"] == "2026-03-01T12:30:15.123456Z"
    assert entry["actor"] == "ann"
    assert entry["facts"]["note"] == "名\n\u202e"
    assert changed() == GOOD


def test_times_have_one_spelling():
    east = timezone(timedelta(hours=8))
    assert time_text(datetime(2026, 1, 1, 8, tzinfo=east)) == "2026-01-01T00:00:00.000000Z"
    assert read_time("2026-01-01T00:00:00.000000Z") == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="zone"):
        time_text(datetime(2026, 1, 1))  # noqa: DTZ001
    for text in ("2026-01-01T00:00:00Z", "2026-01-01 00:00:00.000000Z", "2026-13-01T00:00:00.000000Z", "x"):
        with pytest.raises(ValueError, match=r"time|month"):
            read_time(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        GOOD + b"\n",
        b" " + GOOD,
        GOOD.replace(b'"n":1', b'"n":1.0'),
        GOOD.replace(b'"n":1', b'"n":01'),
        GOOD.replace(b'"n":1', b'"n":1e0'),
        GOOD.replace(b'"n":1', b'"n":NaN'),
        GOOD.replace(b'"n":1', b'"n":' + b"9" * 17),
        GOOD.replace(b'"n":1', b'"n":' + b"9" * 5000),
        GOOD.replace(b'"n":1', b'"n":1,"n":1'),
        GOOD.replace(b'"n":1', b'"n":2,"n":1'),
        GOOD.replace(b'"n":1', b'"n": 1'),
        GOOD.replace("名".encode(), b"\\u540d"),
        GOOD.replace("名".encode(), b"\\ud800"),
        GOOD.replace(b"query", b"qu\\u0065ry"),
        GOOD.replace(b'{"a":true,"b":[]}', b'{"b":[],"a":true}'),
        changed(format="sandbox/entry/v2"),
        changed(format=...),
        changed(extra=1),
        changed(facts=[]),
        changed(facts=None),
        changed(actor=""),
        changed(actor=7),
        changed(actor="x" * 257),
        changed(kind="Query.Refused"),
        changed(kind="query"),
        changed(kind=None),
        changed(kind="query.refused\n"),
        changed(at="2026-03-01T12:30:15Z"),
        changed(at="2026-03-01T12:30:15.123456+00:00"),
        changed(at="2026-02-30T12:30:15.123456Z"),
        changed(at=1),
        b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
        b"[" * 500_000,
        b" " * (BYTES_LIMIT + 1),
    ],
    ids=range(39),
)
def test_anything_else_is_refused(data):
    assert data != GOOD
    with pytest.raises(ProofFailed):
        read_entry(data)


def test_no_changed_byte_goes_unnoticed_or_raises_another_error():
    """A changed byte either breaks the form, or gives other canonical bytes, which another leaf hash shows."""
    for place in range(len(GOOD)):
        for bit in range(8):
            data = bytearray(GOOD)
            data[place] ^= 1 << bit
            try:
                entry = read_entry(bytes(data))
            except ProofFailed:
                continue
            assert entry != read_entry(GOOD)


@pytest.mark.parametrize(
    ("kind", "at", "actor", "facts"),
    [
        ("query", AT, "ann", {}),
        ("query.refused", AT.replace(tzinfo=None), "ann", {}),
        ("query.refused", AT, "", {}),
        ("query.refused", AT, "ann", {"x": 1.5}),
        ("query.refused", AT, "ann", {"x": 2**60}),
        ("query.refused", AT, "ann", {"x": "\ud800"}),
        ("query.refused", AT, "ann", {"名": 1}),
        ("query.refused", AT, "ann", {"x": (1,)}),
        ("query.refused", AT, "ann", {"x": "y" * BYTES_LIMIT}),
    ],
)
def test_entries_that_could_not_be_read_are_not_written(kind, at, actor, facts):
    with pytest.raises((ValueError, TypeError)):
        entry_bytes(kind, at, actor, facts)
