"""The seal of a ledger row takes every cell that a row can hold, and tells them apart."""

import pytest

from sandbox.adapters.row_seal import RowSeal
from sandbox.privacy.conversion import UNITS_LIMIT
from sandbox.terms.refusal import EnclaveSealed

SEAL = RowSeal(bytes(32))


@pytest.mark.parametrize("units", [0, 1, 2**53, 2**53 + 1, UNITS_LIMIT, -UNITS_LIMIT])
def test_losses_of_every_size_are_sealed(units: int) -> None:
    """A question may cost up to 9·10^18 units: beyond what a number in canonical JSON may be."""
    mac = SEAL.mac("queries", "q1", units, None, b"\x01")
    SEAL.check(mac, "queries", "q1", "q1", units, None, b"\x01")
    for other in (units + 1, units - 1):
        with pytest.raises(EnclaveSealed):
            SEAL.check(mac, "queries", "q1", "q1", other, None, b"\x01")


def test_seals_are_bound_to_table_and_key() -> None:
    mac = SEAL.mac("queries", "q1", 2**60)
    assert mac != SEAL.mac("people", "q1", 2**60)
    assert mac != RowSeal(bytes([1] * 32)).mac("queries", "q1", 2**60)
