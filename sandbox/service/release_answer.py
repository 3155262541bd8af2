"""Letting an approved answer out: sealed to the analyst's keys, certified, and stated in the log, once.

Whoever approves calls this, and so does whoever lifts a freeze, and every start: an approved answer that a crash, a freeze
or an unwritable ledger held up goes out then. The ledger rechecks decision, grant and freezes in its own transaction.
"""

import json
from contextlib import suppress
from typing import Any

from sandbox.proof.bundle import make_bundle
from sandbox.review.rules import Outcome
from sandbox.review.votes import Verdict
from sandbox.service.amounts import MECHANISMS
from sandbox.service.audit import entry, loss_facts, stated
from sandbox.service.enclave import Enclave
from sandbox.service.ports import QueryRecord, ReleaseRecord, ReviewRecord
from sandbox.service.signed_request import submission_of
from sandbox.terms.people import PublicKeys, Subject
from sandbox.terms.refusal import AlreadyDecided, AuditUnavailable, Fault, Frozen, GrantRevoked

ASSURANCE = "software"
"""No attestation by hardware yet: every release says so."""

APPROVED, LAPSED = "approved", "lapsed"

_RESERVED_FACTS = (
    "order",
    "text_tag",
    "dataset",
    "data_version",
    "manifest",
    "also",
    "grant",
    "grant_version",
    "also_under",
    "person",
    "key",
    "bundle",
)
"""Certified as the reserving entry states them."""


def release(enclave: Enclave, review: ReviewRecord) -> bool:
    """Seal, certify and let out the answer of an approved review; whether it is out now. Doing it again changes nothing.

    False where a grant was revoked, the person, a grant or a dataset is frozen, or the ledger cannot be written.
    """
    if review.released_entry is not None:
        return True
    if review.decision != APPROVED or is_revoked(enclave, review) or is_stopped(enclave, review):
        return False
    record = enclave.ledger.query(review.query)
    if record is None or record.answer is None:
        raise Fault
    submission, signature = submission_of(record)
    certificate, envelope = make_bundle(
        record.answer,
        submission,
        signature,
        _facts(enclave, review, record),
        _keys(enclave, record),
        enclave.release_key,
    )
    made = ReleaseRecord(review.order, record.id, review.opening.id, record.key, certificate, envelope, 0)
    try:
        enclave.ledger.release(made, entry(enclave, None, "release.released", {}))
    except (GrantRevoked, Frozen, AuditUnavailable):
        return False
    return True


def release_pending(enclave: Enclave) -> int:
    """Let out whatever is approved and was held up; how many went out."""
    return sum(release(enclave, review) for review in enclave.ledger.unreleased())


def lapse(enclave: Enclave, review: ReviewRecord) -> ReviewRecord:
    """The review as it is now: an open one of which a grant was revoked is closed here, at the first look after that."""
    if review.decision is not None or not is_revoked(enclave, review):
        return review
    # Somebody may be faster; or it is closed at a later look, and meanwhile nothing of a revoked grant is released.
    with suppress(AlreadyDecided, AuditUnavailable):
        enclave.ledger.close_review(review.opening.id, LAPSED, entry(enclave, None, "review.closed", {}))
    return enclave.ledger.review(review.opening.id) or review


def is_revoked(enclave: Enclave, review: ReviewRecord) -> bool:
    """Whether any of the grants that paid was revoked."""
    standings = [enclave.ledger.standing(grant) for grant in review.grants]
    return any(standing is None or standing.revoked for standing in standings)


def is_stopped(enclave: Enclave, review: ReviewRecord) -> bool:
    """Whether an officer has frozen the author, a grant or a dataset that was read."""
    datasets = ((Subject.DATASET, name) for name in review.datasets)
    grants = ((Subject.GRANT, name) for name in review.grants)
    subjects = ((Subject.PERSON, review.author), *grants, *datasets)
    return any(enclave.ledger.frozen(subject, name) for subject, name in subjects)


def _keys(enclave: Enclave, record: QueryRecord) -> PublicKeys:
    """The keys that the submission names; later ones of the same person do not matter."""
    found = next((keys for keys in enclave.ledger.keys(record.person) if keys.id == record.key), None)
    if found is None:
        raise Fault
    return found


def _approvals(review: ReviewRecord) -> list[dict[str, Any]]:
    """The votes that decided, by their places in the log; who cast them is not for the analyst. Earlier votes, and those on
    what is no longer bound, decided nothing."""
    if review.opening.outcome != Outcome.HELD or not review.votes:
        return []
    last = review.votes[-1]
    return [
        {"entry": vote.entry, "round": vote.round}
        for vote in review.votes
        if (vote.round, vote.digest, vote.verdict) == (last.round, last.digest, Verdict.APPROVE)
    ]


def _facts(enclave: Enclave, review: ReviewRecord, record: QueryRecord) -> dict[str, Any]:
    if record.settled_entry is None:
        raise Fault
    reserved = json.loads(stated(enclave, record.entry).entry)["facts"]
    committed = enclave.ledger.receipt(record.settled_entry)
    measured, opening = record.request["measured"], review.opening
    return {name: reserved[name] for name in _RESERVED_FACTS} | {
        "query": record.id,
        "plan_digest": measured["plan_digest"],
        "mechanism": MECHANISMS[record.loss.mode],
        "loss": loss_facts(record.loss),
        "purpose": record.request["purpose"],
        "organisation": review.organisation,
        "review": {
            "id": opening.id,
            "outcome": opening.outcome,
            "votes": opening.votes,
            "decision": APPROVED,
            "digest": opening.digest,
            "profile": opening.profile,
            "approvals": _approvals(review),
        },
        "clock": measured["clock"],
        "assurance": ASSURANCE,
        "network": measured["network"],
        "log": {
            "origin": enclave.settings.origin,
            "reserved": record.entry,
            "committed": record.settled_entry,
            "checkpoint": committed.checkpoint,
            "proof": list(committed.proof),
        },
    }
