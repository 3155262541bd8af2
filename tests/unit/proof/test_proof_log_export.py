"""The offline verifier: whatever is changed in an export is found and named."""

import io
import json
import time

import pytest
from made_lives import lived, opened, small
from made_logs import KEY, ORIGIN, MadeLog, limit

from sandbox.proof.checkpoint import Checkpoint, sign_checkpoint
from sandbox.proof.log_export import export_lines, verify_export
from sandbox.proof.merkle import leaf_hash, root_of
from sandbox.proof.signing import SigningKey
from sandbox.terms.refusal import ProofFailed

VKEY = KEY.verifier.text


def found(lines, key=VKEY) -> ProofFailed:
    with pytest.raises(ProofFailed) as caught:
        verify_export(lines, key)
    return caught.value


def lines_of(entries: list[bytes], key: SigningKey = KEY) -> list[str]:
    """A consistent, freshly signed export of any entries: what an operator who holds the log key could make."""
    checkpoint = sign_checkpoint(Checkpoint(ORIGIN, len(entries), root_of(map(leaf_hash, entries))), key)
    return list(export_lines(ORIGIN, key.verifier.text, entries, checkpoint))


def test_a_true_log_verifies():
    log = lived()
    for lines in (log.lines(), io.BytesIO(log.data()), io.StringIO(log.data().decode(), newline="\n")):
        report = verify_export(lines, VKEY)
        assert report.size == len(log.entries) == 105
        assert report.origin == ORIGIN
        assert report.root == root_of(map(leaf_hash, log.entries)).hex()
        assert report.kinds["query.reserved"] == 15
        assert sum(report.kinds.values()) == 105
        spent = {(account.kind, account.owner): account.spent.units for account in report.accounts}
        assert (spent["space", "people"], spent["grant", "g2"]) == (172, 15)
        assert {"forfeited", "unsettled", "released-held"} <= {finding.code for finding in report.findings}


def test_the_report_speaks_plainly_in_two_languages():
    log = lived()
    log.started(on=False, network="shared")
    log.add("grant.forgotten", "sue", grant="g1")
    report = verify_export(log.lines(), VKEY)
    english, chinese = report.words(), report.words("zh")
    assert len(english) == len(chinese)
    assert english[0].startswith(f"The log {ORIGIN} holds 107 entries")
    assert "analyst ann · people: spent ρ 0.000000157 of 0.0000005" in english
    assert "分析者 ann · people：已花费 ρ 0.000000157，限额 0.0000005" in chinese
    assert any("kinds that this verifier does not know" in line for line in english)
    assert any("release clock off" in line for line in english)
    assert any("without a private network" in line for line in english)
    assert any("neither committed nor forfeited" in line for line in english)
    assert all(
        any("\u4e00" <= letter <= "\u9fff" for letter in line) for line in chinese if "." not in line.split("：")[0]
    )


def test_a_log_without_entries_verifies_and_says_so():
    report = verify_export(MadeLog().lines(), VKEY)
    assert report.size == 0
    assert [finding.code for finding in report.findings] == ["log-empty"]


def test_every_changed_byte_is_found():
    """Each byte of an export, one random-looking change each; control: the unchanged export verifies."""
    data = small().data()
    verify_export(io.BytesIO(data), VKEY)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        if place == len(data) - 1:
            continue  # the last line feed may be anything that is no line: looked at below
        refusal = found(io.BytesIO(bytes(changed)))
        assert refusal.detail


def test_the_last_line_end_may_be_missing_but_not_another():
    data = opened().data()
    verify_export(io.BytesIO(data[:-1]), VKEY)
    for end in (b"\r", b"\r\n", b" ", b"\n\n", b"\n{}\n"):
        found(io.BytesIO(data[:-1] + end))


def test_line_ends_are_not_translated():
    found(io.BytesIO(lived().data().replace(b"\n", b"\r\n")))


def test_every_removed_doubled_or_swapped_line_is_found():
    lines = lived().lines()
    for place in range(len(lines)):
        found(lines[:place] + lines[place + 1 :])
        found([*lines[:place], lines[place], *lines[place:]])
        if place:
            found([*lines[: place - 1], lines[place], lines[place - 1], *lines[place + 1 :]])
        found(lines[:place])


def test_what_is_wrong_is_named_with_its_place():
    log = lived()
    lines = log.lines()
    place = log.labels["reserve 1"]
    edited = lines.copy()
    edited[place + 1] = edited[place + 1].replace('\\"units\\":\\"100\\"', '\\"units\\":\\"101\\"')
    assert edited != lines
    assert "signed root" in found(edited).detail
    edited = lines.copy()
    edited[place + 1] = edited[place + 1].replace('\\"units\\":\\"100\\"', '\\"units\\":\\"901\\"')
    refusal = found(edited)
    assert refusal.facts == {"entry": place}
    assert refusal.detail == f"Entry {place} (query.reserved) takes the grant account of g1 over its limit."
    edited = lines.copy()
    edited[3] = edited[3].replace("sandbox/entry/v1", "sandbox/entry/v2")
    assert "Entry 2 is not an audit entry" in found(edited).detail
    assert "Line 4 should hold entry 2" in found(lines[:3] + lines[4:]).detail
    assert "cut short" in found(lines[:-1]).detail
    assert "something follows" in found([*lines, lines[-1]]).detail
    assert "Line 2" in found([lines[0], "nonsense"]).detail
    assert found([]).facts == {"line": 1}


def test_moved_and_renumbered_entries_are_found():
    """An edit that keeps every line well formed still misses the signed root."""
    log = lived()
    swapped, place = log.entries.copy(), log.labels["checked"]
    swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
    lines = list(export_lines(ORIGIN, VKEY, swapped, log.checkpoint()))
    assert "signed root" in found(lines).detail
    shorter = list(export_lines(ORIGIN, VKEY, log.entries[:-1], log.checkpoint()))
    assert "covers 105 entries, but the export holds 104" in found(shorter).detail


def test_another_signer_is_found():
    log = lived()
    other = SigningKey(ORIGIN, bytes(32))
    assert "another log key" in found(lines_of(log.entries, other)).detail
    mixed = log.lines()
    mixed[-1] = lines_of(log.entries, other)[-1]
    assert "not signed by the key" in found(mixed).detail
    assert "another log key" in found(log.lines(), other.verifier.text).detail
    found(log.lines(), "nonsense")


def test_the_first_entry_creates_this_log():
    log = MadeLog()
    log.started()
    assert found(log.lines()).facts == {"entry": 0}
    log = MadeLog()
    log.add("enclave.created", name="enclave", origin="elsewhere", log_key=VKEY)
    assert found(log.lines()).facts == {"entry": 0}
    log = MadeLog()
    log.add("enclave.created", name="enclave", origin=ORIGIN, log_key=SigningKey(ORIGIN, bytes(32)).verifier.text)
    assert found(log.lines()).facts == {"entry": 0}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "null",
        "{",
        '{"entry":"x","index":1.0}',
        '{"entry":"x","index":true}',
        '{"entry":1,"index":1}',
        '{"entry":"x","index":1,"more":1}',
        '{"index":1}',
        '{"checkpoint":1}',
        '{"checkpoint":"x"}',
        '{"checkpoint":"x","index":1}',
        '{"entry":"\\ud800","index":1}',
        '{"a":' * 100_000,
        '{"index":' + "9" * 5000 + "}",
        "\ud800",
    ],
    ids=range(16),
)
def test_lines_of_other_shapes_are_refused(line):
    lines = lived().lines()
    found([*lines[:2], line, *lines[3:]])
    found([line, *lines[1:]])


def test_a_hostile_export_is_refused_before_it_is_parsed():
    start = time.perf_counter()
    found([lived().lines()[0], '{"entry":"' + "x" * 20_000_000 + '","index":0}'])
    assert time.perf_counter() - start < 5


def test_text_that_is_not_utf_8_is_refused_in_either_form():
    data = lived().data().replace(b"research", b"resea\xffch", 1)
    assert "not UTF-8" in found(io.BytesIO(data)).detail
    wrapped = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="\n")
    assert "not UTF-8" in found(wrapped).detail


def test_control_the_books_are_found_wrong_even_when_freshly_signed():
    """An operator with the log key re-signs a log that overspends: tree and signature hold, the books do not."""
    log = opened()
    log.reserved(1, 400)
    verify_export(lines_of(log.entries), VKEY)
    log.reserved(2, 101)
    assert found(lines_of(log.entries)).facts == {"entry": len(log.entries) - 1}


def test_a_cut_with_its_old_checkpoint_verifies():
    """What this verifier cannot see alone, pinned down: only who remembers the newer checkpoint can."""
    log = lived()
    assert verify_export(lines_of(log.entries[:10]), VKEY).size == 10


def long_log(queries: int) -> MadeLog:
    """Each query is reserved, committed and released."""
    log = MadeLog()
    log.created()
    log.started()
    log.enrolled("sue")
    log.enrolled("ann")
    log.keys("ann")
    log.registered(limit=limit(10**12), space={"name": "people", "limit": limit(10**12)})
    log.loaded()
    log.requested(uses=None)
    log.given(uses=None, limits={"people": {"grant": limit(10**12), "analyst": limit(10**12)}})
    for number in range(queries):
        log.asked(number, units=17)
        log.released(number)
    return log


def test_thousands_of_entries_take_no_time():
    """The rate that makes 10^5 entries a matter of seconds; the slow test takes them all."""
    log = long_log(1_700)
    lines = log.lines()
    start = time.perf_counter()
    report = verify_export(iter(lines), VKEY)
    assert time.perf_counter() - start < 5
    assert report.accounts[0].spent.units == 1_700 * 17


@pytest.mark.slow
def test_a_hundred_thousand_entries_take_seconds():
    lines = long_log(33_333).lines()
    start = time.perf_counter()
    assert verify_export(iter(lines), VKEY).size == 9 + 3 * 33_333
    assert time.perf_counter() - start < 60


@pytest.mark.slow
def test_every_bit_of_every_byte():
    data = small().data()[:-1]
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            found(io.BytesIO(bytes(changed)))


def test_entries_with_control_characters_travel_in_one_line():
    log = opened()
    log.add("query.refused", "ann", text_tag="x\n\r\u2028\x00\x1b", code="unknown-table", purpose="研究\u202e")
    data = log.data()
    assert len(data.split(b"\n")) == len(log.entries) + 3
    size = len(log.entries)
    assert verify_export(io.BytesIO(data), VKEY).size == size
    assert json.loads(data.split(b"\n")[size])["index"] == size - 1
