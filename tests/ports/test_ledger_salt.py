"""Leaf hashes are shown to everybody signed in: they must not tell, even to somebody who can guess, what an entry says."""

from pathlib import Path

from ledger_world import ORIGIN, SIGNER, T0

from sandbox.adapters.sqlite_ledger import SqliteLedger
from sandbox.proof.entry import entry_bytes, read_entry
from sandbox.proof.merkle import leaf_hash
from sandbox.service.ports import Entry


def test_an_entry_cannot_be_found_by_guessing_its_words(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite", origin=ORIGIN, signer=SIGNER, state_key=b"s" * 32)
    facts = {"dataset": "clinic", "code": "file-not-usable"}
    receipts = [ledger.append(Entry("load.refused", T0, "sue", facts)) for _ in range(2)]
    guess = leaf_hash(entry_bytes("load.refused", T0, "sue", facts)).hex()
    assert guess not in {receipt.leaf for receipt in receipts}
    salts = {read_entry(body)["facts"]["salt"] for body in ledger.entries(receipts[0].index, receipts[1].index + 1)}
    assert len(salts) == 2 and all(len(bytes.fromhex(salt)) == 16 for salt in salts)
    ledger.close()
