"""What binds cells that the log does not state: a keyed hash over them, under a key of the ledger's own.

A bearer token's digest, an idempotency key's digest, the time at which an answer may be seen: none belongs in a log that
others read, and none may be changed in the table by somebody without the enclave's keys.
"""

import hmac

from sandbox.proof.sealing import derive, tag
from sandbox.terms.canonical import INTEGER_LIMIT, canonical_bytes
from sandbox.terms.refusal import EnclaveSealed


class RowSeal:
    """Makes and checks the `mac` cells."""

    def __init__(self, state_key: bytes) -> None:
        self._key = derive(state_key, "ledger rows")

    def mac(self, table: str, *cells: str | int | bytes | None) -> str:
        """The keyed hash of a row's cells, bound to its table."""
        return tag(self._key, canonical_bytes([table, *map(_stated, cells)]).decode())

    def check(self, found: str, table: str, owner: str, *cells: str | int | bytes | None) -> None:
        """That a stored mac is the one of its row.

        Raises:
            EnclaveSealed: it is not; facts `table` and `owner` name the row.
        """
        if not hmac.compare_digest(found.encode(), self.mac(table, *cells).encode()):
            raise EnclaveSealed(
                f"A row of the ledger's table {table} was changed past the ledger.", table=table, owner=owner
            )


def _stated(cell: str | int | bytes | None) -> str | int | None:
    """The cell as canonical JSON takes it: bytes in hex, and the units of a very large loss as text."""
    if isinstance(cell, bytes):
        return cell.hex()
    return str(cell) if isinstance(cell, int) and abs(cell) > INTEGER_LIMIT else cell
