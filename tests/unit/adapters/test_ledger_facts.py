"""The facts that the ledger writes into the log, as golden JSON, and the seal over cells that the log does not state."""

import json
import sys
from pathlib import Path

import pytest

from sandbox.adapters import stated_facts
from sandbox.adapters.row_seal import RowSeal
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.dataset import Version
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.people import Freeze, Person, Role, Subject
from sandbox.terms.refusal import EnclaveSealed

TESTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS / "ports"))

from ledger_world import (  # noqa: E402
    SPACE,
    T0,
    a_grant,
    a_release,
    a_request,
    a_vote,
    description,
    keys_of,
    loss,
    opening,
    parse_description,
    reservation,
)

GOLDEN = TESTS / "golden" / "ledger-facts.json"


def made() -> dict[str, object]:
    text, released = description("clinic"), a_release(1)
    return {
        stated_facts.PERSON_ENROLLED: stated_facts.person_facts(Person("ann", "acme", Role.ANALYST, "staff 7")),
        stated_facts.KEYS_REGISTERED: stated_facts.keys_facts(keys_of("ann")),
        stated_facts.DATASET_REGISTERED: stated_facts.dataset_facts(parse_description(text), text),
        "space": stated_facts.space_facts(SPACE),
        stated_facts.VERSION_LOADED: stated_facts.version_facts(Version("clinic", 1, "ab" * 32)),
        stated_facts.GRANT_REQUESTED: stated_facts.request_facts(a_request(uses=7)),
        stated_facts.GRANT_GIVEN: stated_facts.grant_facts(a_grant()),
        stated_facts.FREEZE_SET: stated_facts.freeze_facts(
            Freeze("f1", Subject.DATASET, "clinic", "olga", "Something is odd.", T0)
        ),
        stated_facts.QUERY_RESERVED: stated_facts.query_facts(reservation(1, loss=loss(10, 3)), None),
        stated_facts.QUERY_REUSED: stated_facts.query_facts(reservation(2), "q1"),
        "review": stated_facts.opening_facts(opening("o1", "held")),
        stated_facts.REVIEW_VOTED: stated_facts.vote_facts(a_vote("rr-o1", "rita"), "q1", None),
        stated_facts.RELEASED: stated_facts.release_facts(
            released.order, released.query, released.review, released.key, b"{}", released.envelope
        ),
    }


def test_facts_are_golden() -> None:
    """A change here is a change of the log's format: a decision, not an accident."""
    assert made() == json.loads(GOLDEN.read_text("utf-8"))


def test_facts_are_canonical() -> None:
    for facts in made().values():
        canonical_bytes(facts)


@pytest.mark.parametrize("units", [stated_facts.LARGEST_AMOUNT + 1, 2**63, 10**30])
def test_amounts_beyond_the_database_are_refused(units: int) -> None:
    for beyond in (Loss(Mode.PURE, units), Loss(Mode.PURE, 1, units)):
        with pytest.raises(ValueError, match="9e18"):
            stated_facts.loss_facts(beyond)
    assert stated_facts.loss_facts(Loss(Mode.PURE, stated_facts.LARGEST_AMOUNT))["units"] == "9" + "0" * 18


def test_a_seal_holds_for_its_row_alone() -> None:
    seal = RowSeal(b"k" * 32)
    mac = seal.mac("people", "ann", b"\x01", 5, None)
    seal.check(mac, "people", "ann", "ann", b"\x01", 5, None)
    for table, cells in [
        ("people", ("ann", b"\x02", 5, None)),
        ("people", ("ann", b"\x01", 6, None)),
        ("people", ("ann", b"\x01", 5, "")),
        ("people", ("ann", b"\x01", 5)),
        ("grants", ("ann", b"\x01", 5, None)),
    ]:
        with pytest.raises(EnclaveSealed):
            seal.check(mac, table, "ann", *cells)
    with pytest.raises(EnclaveSealed):
        RowSeal(b"l" * 32).check(mac, "people", "ann", "ann", b"\x01", 5, None)
