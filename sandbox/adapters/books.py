"""The books: at every start all records and accounts are recomputed from the log and laid beside the tables.

The log is the ledger; tables are what can be looked up quickly. `verify` walks the log once: every entry is canonical and
in its place, the stored hashes and the signed checkpoint are those of these entries, every record is the one that its
entry states and every stating entry has its record, and every account's limit and spending follow from the entries. The
law of the books (orders settled once, no account over its limit) is the offline verifier's, `sandbox.proof.books`: what it
would refuse, the enclave does not start on. On any difference the enclave stays sealed.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from sandbox.adapters.entry_facts import EntryFacts, EntryIndex
from sandbox.proof.books import Books
from sandbox.proof.checkpoint import open_checkpoint
from sandbox.proof.entry import read_entry
from sandbox.proof.merkle import leaf_hash, stored_hashes, tree_root
from sandbox.proof.signing import VerifyingKey
from sandbox.terms.dataset import Account
from sandbox.terms.refusal import EnclaveSealed, ProofFailed


@dataclass(frozen=True, slots=True)
class Statement:
    """A stored record, as facts that the entry at index `entry` must state, and who must have acted, where it says."""

    table: str
    owner: str
    entry: int
    facts: dict[str, Any]
    actor: str | None = None


class Tables(Protocol):
    """One snapshot of a ledger's tables; every iterator is in order of entries."""

    def checkpoint(self) -> tuple[int, str]:
        """The stored size, and the signed note."""

    def bodies(self) -> Iterator[tuple[int, bytes]]:
        """Entries with their indexes."""

    def hashes(self) -> Iterator[tuple[int, bytes]]:
        """Stored Merkle hashes with theirs."""

    def entry_facts(self) -> Iterator[tuple[int, EntryFacts]]:
        """The rows of the log's index, by entry."""

    def accounts(self) -> Iterator[Account]: ...

    def statements(self) -> dict[str, Iterator[Statement]]:
        """By kind of entry. Raises EnclaveSealed or ProofFailed at a row whose own seal is broken."""


class Audited(Protocol):
    """A ledger whose books can be verified."""

    @property
    def origin(self) -> str: ...

    @property
    def verifier(self) -> VerifyingKey: ...

    def tables(self) -> AbstractContextManager[Tables]:
        """A snapshot to read."""


def verify(ledger: Audited) -> None:
    """Recompute the books from the log and compare.

    Raises:
        EnclaveSealed: they differ; facts name what differs (`table` and `owner`, or `account` and `owner`, or `entry`).
        AuditUnavailable: the ledger cannot be read.
    """
    with ledger.tables() as tables:
        try:
            _compare_accounts(_walk(ledger, tables), tables)
        except ProofFailed:
            _seal("A sealed or signed part of the ledger was changed.")
        except (KeyError, ValueError, TypeError, IndexError):
            _seal("A part of the ledger is not of the form in which it was written.")


def _walk(ledger: Audited, tables: Tables) -> Books:
    law, tree = Books(), _Tree(tables.hashes())
    index_of, indexed = EntryIndex(), tables.entry_facts()
    records = {kind: _Cursor(kind, rows) for kind, rows in tables.statements().items()}
    for index, body in tables.bodies():
        if index != tree.size:
            _seal("The log has a gap.", entry=tree.size)
        tree.add(body)
        try:
            entry = read_entry(body)
        except ProofFailed:
            _seal("An entry of the log is not canonical.", entry=index)
        if entry["kind"] in records:
            records[entry["kind"]].match(index, entry["facts"], entry["actor"])
        try:
            law.take(index, entry)
        except ProofFailed as broken:
            _seal(f"The log breaks the rules of its books. {broken.detail}", entry=index)
        if next(indexed, None) != (index, index_of.take(entry)):
            _seal("The log's index differs from its entries.", table="entry_facts", entry=index)
    if next(indexed, None) is not None:
        _seal("The log's index has more rows than the log has entries.", table="entry_facts")
    for cursor in records.values():
        cursor.finish()
    tree.finish()
    _compare_checkpoint(ledger, tables, tree)
    return law


class _Tree:
    """The Merkle tree over the entries read so far, compared hash by hash with the stored one."""

    def __init__(self, stored: Iterator[tuple[int, bytes]]) -> None:
        self.size = 0
        self._stored = stored
        self._next = 0
        self._edge: dict[int, bytes] = {}

    def add(self, body: bytes) -> None:
        hashes = stored_hashes(self.size, leaf_hash(body), lambda wanted: [self._edge.pop(index) for index in wanted])
        for computed in hashes:
            if next(self._stored, None) != (self._next, computed):
                _seal("The stored hashes are not those of the log's entries.", entry=self.size)
            self._next += 1
        # The last hash of each batch is the largest complete subtree that ends here: all that later batches read.
        self._edge[self._next - 1] = hashes[-1]
        self.size += 1

    def root(self) -> bytes:
        return tree_root(self.size, lambda wanted: [self._edge[index] for index in wanted])

    def finish(self) -> None:
        if next(self._stored, None) is not None:
            _seal("More hashes are stored than the log's entries have.", entry=self.size)


class _Cursor:
    """The records of one kind, each due at the entry that states it."""

    def __init__(self, kind: str, rows: Iterator[Statement]) -> None:
        self._kind = kind
        self._rows = rows

    def match(self, index: int, facts: dict[str, Any], actor: str) -> None:
        record = next(self._rows, None)
        if record is None:
            _seal("A record that the log states is missing from the tables.", entry=index, kind=self._kind)
        if record.entry != index:
            _seal(
                "A record stands for another entry than the log says.",
                table=record.table,
                owner=record.owner,
                entry=index,
            )
        if record.actor not in (None, actor):
            _seal(
                "A record names somebody else than the log says.",
                table=record.table,
                owner=record.owner,
                entry=index,
            )
        for name, value in record.facts.items():
            if name not in facts or facts[name] != value:
                _seal(
                    "A record differs from what the log states.",
                    table=record.table,
                    owner=record.owner,
                    field=name,
                    entry=index,
                )

    def finish(self) -> None:
        record = next(self._rows, None)
        if record is not None:
            _seal("The tables hold a record that the log does not state.", table=record.table, owner=record.owner)


def _compare_checkpoint(ledger: Audited, tables: Tables, tree: _Tree) -> None:
    size, note = tables.checkpoint()
    try:
        signed = open_checkpoint(note, ledger.verifier, ledger.origin)
    except ProofFailed:
        _seal("The stored checkpoint is not signed by the log's key.", table="checkpoint")
    if (signed.size, size) != (tree.size, tree.size) or signed.root != tree.root():
        _seal("The signed checkpoint is not that of the log's entries.", table="checkpoint")


def _compare_accounts(law: Books, tables: Tables) -> None:
    expected = {(account.space, account.kind, account.owner): account for account in law.accounts()}
    for found in tables.accounts():
        recounted = expected.pop((found.space, found.kind, found.owner), None)
        if recounted is None:
            _seal("The tables hold an account that the log never opened.", account=found.kind, owner=found.owner)
        if found != recounted:
            _seal("An account differs from what the log's entries add up to.", account=found.kind, owner=found.owner)
    for _, kind, owner in expected:
        _seal("An account that the log opens is missing from the tables.", account=kind, owner=owner)


def _seal(
    detail: str,
    *,
    entry: int | None = None,
    kind: str | None = None,
    table: str | None = None,
    owner: str | None = None,
    field: str | None = None,
    account: str | None = None,
) -> NoReturn:
    facts = {"kind": kind, "table": table, "owner": owner, "field": field, "account": account}
    refusal = EnclaveSealed(detail, entry=entry)
    refusal.facts.update(facts)
    raise refusal from None
