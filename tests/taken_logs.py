"""Made logs taken into the books, and what the books then say."""

import pytest

from sandbox.proof.books import Books
from sandbox.proof.entry import read_entry
from sandbox.terms.refusal import ProofFailed


def kept(log) -> Books:
    books = Books()
    for index, data in enumerate(log.entries):
        books.take(index, read_entry(data))
    return books


def broken(log, words: str) -> None:
    """The last entry breaks the books, and those before do not."""
    books = Books()
    for index, data in enumerate(log.entries[:-1]):
        books.take(index, read_entry(data))
    with pytest.raises(ProofFailed, match=words) as caught:
        books.take(len(log.entries) - 1, read_entry(log.entries[-1]))
    assert caught.value.facts["entry"] == len(log.entries) - 1


def codes(log) -> dict[str, tuple[int, int]]:
    return {finding.code: (finding.count, finding.first) for finding in kept(log).findings()}


def spent(log) -> dict[tuple[str, str], int]:
    """Accounts that were debited."""
    accounts = kept(log).accounts()
    return {(account.kind, account.owner): account.spent.units for account in accounts if account.spent.units}
