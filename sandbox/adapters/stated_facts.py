"""What the log states of each record: the facts that a ledger writes itself, in the transaction that stores the record.

A caller's entry brings the facts that only the caller knows (tags, manifest, bundle). Those that restate the record are
laid over it here, so that table and log cannot differ; `sandbox.adapters.books` compares them at every start.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from sandbox.proof.entry import time_text
from sandbox.service.ports import Reservation, ReviewOpening, VoteRecord
from sandbox.terms.dataset import Dataset, UnitSpace, Version
from sandbox.terms.loss import Loss
from sandbox.terms.order import SourceVersion
from sandbox.terms.people import Freeze, Grant, GrantRequest, Person, PublicKeys, UnderGrant

PERSON_ENROLLED = "person.enrolled"
KEYS_REGISTERED = "keys.registered"
DATASET_REGISTERED = "dataset.registered"
VERSION_LOADED = "version.loaded"
GRANT_REQUESTED = "grant.requested"
GRANT_DECLINED = "grant.declined"
GRANT_GIVEN = "grant.given"
GRANT_REVOKED = "grant.revoked"
FREEZE_SET = "freeze.set"
LIFT_ASKED = "freeze.lift-asked"
LIFTED = "freeze.lifted"
QUERY_RESERVED = "query.reserved"
QUERY_REUSED = "query.reused"
QUERY_COMMITTED = "query.committed"
QUERY_FORFEITED = "query.forfeited"
REVIEW_VOTED = "review.voted"
REVIEW_CLOSED = "review.closed"
RELEASED = "release.released"

RECORD_KINDS = (
    PERSON_ENROLLED,
    KEYS_REGISTERED,
    DATASET_REGISTERED,
    VERSION_LOADED,
    GRANT_REQUESTED,
    GRANT_DECLINED,
    GRANT_GIVEN,
    GRANT_REVOKED,
    FREEZE_SET,
    LIFT_ASKED,
    LIFTED,
    QUERY_RESERVED,
    QUERY_REUSED,
    QUERY_COMMITTED,
    QUERY_FORFEITED,
    REVIEW_VOTED,
    REVIEW_CLOSED,
    RELEASED,
)
"""Kinds of entry that stand for a change of records or accounts: none may be written without its change."""

LARGEST_AMOUNT = 9 * 10**18
"""Amounts are signed 64-bit integers in the database: the largest limit or loss an account takes, in units."""


def loss_facts(loss: Loss) -> dict[str, str]:
    """A loss in facts: amounts are strings.

    Raises:
        ValueError: an amount beyond what the database counts.
    """
    if max(loss.units, loss.delta) > LARGEST_AMOUNT:
        raise ValueError("an amount beyond 9e18 units cannot be kept")
    return {"mode": loss.mode.value, "units": str(loss.units), "delta": str(loss.delta)}


def person_facts(person: Person) -> dict[str, Any]:
    return {
        "name": person.name,
        "organisation": person.organisation,
        "role": person.role.value,
        "identity": person.identity,
    }


def keys_facts(keys: PublicKeys) -> dict[str, Any]:
    """Public halves, in Base64."""
    return {
        "person": keys.person,
        "key": keys.id,
        "sealing": b64encode(keys.sealing).decode(),
        "signing": b64encode(keys.signing).decode(),
    }


def space_facts(space: UnitSpace) -> dict[str, Any]:
    """A unit space's definition; ε and δ as exact fractions."""
    return {
        "name": space.name,
        "mode": space.mode.value,
        "epsilon": str(space.epsilon),
        "delta": str(space.delta),
        "buckets": space.buckets,
    }


def description_digest(text: str) -> str:
    """SHA-256 of a description's TOML text."""
    return hashlib.sha256(text.encode()).hexdigest()


def dataset_facts(dataset: Dataset, text: str) -> dict[str, Any]:
    """A registration; the description is stated by the digest of its TOML text."""
    return {
        "dataset": dataset.name,
        "description": description_digest(text),
        "grade": dataset.grade.value,
        "unit_space": dataset.unit_space or None,
    }


def also_facts(also: Sequence[SourceVersion]) -> list[dict[str, Any]]:
    """Versions of further datasets that a query reads."""
    return [{"dataset": item.dataset, "data_version": item.version, "manifest": item.manifest} for item in also]


def under_facts(also: Sequence[UnderGrant]) -> list[dict[str, Any]]:
    """Further grants that a query is asked under."""
    return [{"grant": item.grant, "grant_version": item.version} for item in also]


def version_facts(version: Version) -> dict[str, Any]:
    return {
        "dataset": version.dataset,
        "version": version.number,
        "manifest": version.manifest,
        "segments": version.segments,
    }


def request_facts(request: GrantRequest) -> dict[str, Any]:
    """What was asked for, with the reason given. When it was asked is the entry's own time."""
    return {
        "request": request.id,
        "analyst": request.analyst,
        "organisation": request.organisation,
        "datasets": list(request.datasets),
        "tables": list(request.tables),
        "columns": list(request.columns),
        "aggregates": [aggregate.value for aggregate in request.aggregates],
        "purpose": request.purpose,
        "epsilon": str(request.epsilon),
        "uses": request.uses,
        "not_before": time_text(request.not_before) if request.not_before is not None else None,
        "not_after": time_text(request.not_after),
        "reason": request.reason,
    }


def grant_facts(grant: Grant) -> dict[str, Any]:
    """All terms. Who gave it is the entry's actor."""
    return {
        "grant": grant.id,
        "version": grant.version,
        "request": grant.request,
        "analyst": grant.analyst,
        "organisation": grant.organisation,
        "datasets": list(grant.datasets),
        "tables": list(grant.tables),
        "columns": list(grant.columns),
        "aggregates": [aggregate.value for aggregate in grant.aggregates],
        "purpose": grant.purpose,
        "epsilon": str(grant.epsilon),
        "uses": grant.uses,
        "review": grant.review.value,
        "not_before": time_text(grant.not_before),
        "not_after": time_text(grant.not_after),
        "signature": grant.signature,
    }


def freeze_facts(freeze: Freeze) -> dict[str, Any]:
    """Who set it, and when, are the entry's."""
    return {"freeze": freeze.id, "subject": freeze.subject.value, "name": freeze.name, "reason": freeze.reason}


def opening_facts(opening: ReviewOpening) -> dict[str, Any]:
    """How the rules ruled: the part `review` of a committed query's entry."""
    return {
        "id": opening.id,
        "outcome": opening.outcome,
        "votes": opening.votes,
        "reasons": list(opening.reasons),
        "profile": opening.profile,
        "digest": opening.digest,
    }


def vote_facts(vote: VoteRecord, query: str, decision: str | None) -> dict[str, Any]:
    """A vote on the release of `query`, and the decision it brought about, if any."""
    return {
        "review": vote.review,
        "query": query,
        "verdict": vote.verdict,
        "round": vote.round,
        "reason": vote.reason,
        "digest": vote.digest,
        "decision": decision,
    }


def release_facts(order: str, query: str, review: str, key: str, certificate: bytes, envelope: bytes) -> dict[str, Any]:
    """What left, by the digests of the certificate's canonical bytes and of the envelope."""
    return {
        "query": query,
        "order": order,
        "review": review,
        "key": key,
        "certificate": hashlib.sha256(certificate).hexdigest(),
        "envelope": hashlib.sha256(envelope).hexdigest(),
    }


def query_facts(reservation: Reservation, reused_of: str | None) -> dict[str, Any]:
    """A reservation, or a query that returns the answer of `reused_of` for nothing."""
    facts: dict[str, Any] = {
        "query": reservation.query,
        "order": reservation.order,
        "person": reservation.person,
        "grant": reservation.grant,
        "dataset": reservation.dataset,
        "space": reservation.space,
        "also": also_facts(reservation.also),
        "also_under": under_facts(reservation.also_under),
        "key": reservation.key,
    }
    if reused_of is not None:
        return facts | {"of": reused_of}
    return facts | {"grant_version": reservation.grant_version, "loss": loss_facts(reservation.loss)}
