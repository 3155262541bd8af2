"""The log behind the `Ledger` port: order, checkpoints, inclusion and consistency proofs, and that it survives closing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_world import (
    ADAPTERS,
    ORIGIN,
    SIGNER,
    commit,
    entry,
    forfeit,
    reservation,
    reserved,
    reused,
    seed,
    spent,
)

from sandbox.adapters import books
from sandbox.proof import merkle
from sandbox.proof.checkpoint import open_checkpoint
from sandbox.proof.entry import read_entry
from sandbox.terms.refusal import AuditUnavailable, BudgetInsufficient, ProofFailed


@pytest.fixture(params=sorted(ADAPTERS))
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    opened = ADAPTERS[request.param](tmp_path)
    yield opened
    opened.close()


def note(number: int) -> Any:
    return entry("query.checked", {"text_tag": str(number)}, actor="ann")


def check(receipt: Any) -> None:
    signed = open_checkpoint(receipt.checkpoint, SIGNER.verifier, ORIGIN)
    proof = [bytes.fromhex(step) for step in receipt.proof]
    merkle.verify_inclusion(bytes.fromhex(receipt.leaf), receipt.index, signed.size, proof, signed.root)


def test_a_new_log_is_empty_and_signed(ledger: Any) -> None:
    signed = open_checkpoint(ledger.checkpoint(), SIGNER.verifier, ORIGIN)
    assert (ledger.size(), signed.size, signed.root) == (0, 0, merkle.EMPTY_ROOT)
    assert ledger.entries(0, 10) == []
    books.verify(ledger)


def test_every_receipt_proves_its_entry_under_the_newest_checkpoint(ledger: Any) -> None:
    roots = []
    for number in range(40):
        receipt = ledger.append(note(number))
        assert receipt.index == number
        assert receipt.checkpoint == ledger.checkpoint()
        check(receipt)
        roots.append(open_checkpoint(receipt.checkpoint, SIGNER.verifier, ORIGIN).root)
    bodies = ledger.entries(0, 40)
    assert [read_entry(body)["facts"]["text_tag"] for body in bodies] == [str(number) for number in range(40)]
    for number in range(40):
        receipt = ledger.receipt(number)
        assert receipt.leaf == merkle.leaf_hash(bodies[number]).hex()
        check(receipt)
    for old in range(1, 41):
        proof = [bytes.fromhex(step) for step in ledger.consistency(old, 40)]
        merkle.verify_consistency(old, roots[old - 1], 40, roots[39], proof)


def test_control_a_receipt_for_another_place_does_not_verify(ledger: Any) -> None:
    for number in range(10):
        ledger.append(note(number))
    receipt = ledger.receipt(3)
    signed = open_checkpoint(receipt.checkpoint, SIGNER.verifier, ORIGIN)
    proof = [bytes.fromhex(step) for step in receipt.proof]
    with pytest.raises(ProofFailed):
        merkle.verify_inclusion(bytes.fromhex(receipt.leaf), 4, signed.size, proof, signed.root)


def test_places_outside_the_log_are_refused(ledger: Any) -> None:
    ledger.append(note(0))
    for index in (-1, 1, 10**6):
        with pytest.raises(ValueError, match="leaf"):
            ledger.receipt(index)
    with pytest.raises(ValueError, match="long"):
        ledger.consistency(1, 2)
    with pytest.raises(ValueError, match="smaller"):
        ledger.consistency(1, 0)


def test_what_no_entry_may_hold_leaves_no_trace(ledger: Any) -> None:
    ledger.append(note(0))
    with pytest.raises(TypeError):
        ledger.append(entry("query.checked", {"share": 0.5}))
    assert ledger.size() == 1
    assert ledger.append(note(1)).index == 1
    books.verify(ledger)


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_everything_is_there_after_closing(adapter: str, tmp_path: Path) -> None:
    first = ADAPTERS[adapter](tmp_path)
    seed(first)
    first.reserve(reservation(1), reserved(1))
    commit(first, "o1")
    first.reserve(reservation(2), reserved(2))
    kept = (
        first.checkpoint(),
        first.entries(0, 99),
        first.queries(),
        first.unsettled(),
        spent(first),
        first.standings(),
    )
    first.close()
    with pytest.raises(AuditUnavailable):
        first.append(note(0))
    with pytest.raises(AuditUnavailable):
        first.size()
    again = ADAPTERS[adapter](tmp_path)
    books.verify(again)
    assert kept == (
        again.checkpoint(),
        again.entries(0, 99),
        again.queries(),
        again.unsettled(),
        spent(again),
        again.standings(),
    )
    again.close()


STEPS = st.lists(
    st.tuples(st.sampled_from(["reserve", "reuse", "commit", "forfeit"]), st.integers(0, 5), st.integers(1, 60)),
    max_size=25,
)


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_sequence_spends_what_a_plain_model_spends(
    adapter: str, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """The model: a dict of orders; what is granted is spent, nothing else ever is, and 100 is the end."""
    ledger = ADAPTERS[adapter](tmp_path_factory.mktemp("model"))
    seed(ledger, grant=100)
    states: dict[str, str] = {}
    total = 0
    for turn, (verb, number, units) in enumerate(steps):
        order = f"o{number}"
        if verb == "reserve" and order not in states:
            if total + units <= 100:
                ledger.reserve(reservation(number, units), reserved(number))
                states[order], total = "reserved", total + units
            else:
                with pytest.raises(BudgetInsufficient):
                    ledger.reserve(reservation(number, units), reserved(number))
        elif verb == "reuse":
            found = ledger.reuse(reservation(f"r{turn}", answer_key=f"question {number}"), reused(turn))
            assert (found is not None) == (states.get(order) == "committed")
        elif verb in ("commit", "forfeit"):
            settle = commit if verb == "commit" else forfeit
            if states.get(order) == "reserved":
                settle(ledger, order)
                states[order] = ledger.query(f"q{number}").state
                assert states[order].startswith(verb)
            else:
                with pytest.raises(ValueError, match="waits"):
                    settle(ledger, order)
    assert set(spent(ledger).values()) == {total}
    assert {record.order for record in ledger.unsettled()} == {o for o, state in states.items() if state == "reserved"}
    books.verify(ledger)
    ledger.close()
