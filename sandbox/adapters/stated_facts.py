"""What the log states of each record: the facts that a ledger writes itself, in the transaction that stores the record.

A caller's entry brings the facts that only the caller knows (tags, manifest, bundle). Those that restate the record are
laid over it here, so that table and log cannot differ; `sandbox.adapters.books` compares them at every start.
"""

import hashlib
from typing import Any

from sandbox.proof.entry import time_text
from sandbox.service.ports import Reservation
from sandbox.terms.dataset import Dataset, UnitSpace, Version
from sandbox.terms.loss import Loss
from sandbox.terms.people import Grant, Person

PERSON_ENROLLED = "person.enrolled"
DATASET_REGISTERED = "dataset.registered"
VERSION_LOADED = "version.loaded"
GRANT_GIVEN = "grant.given"
QUERY_RESERVED = "query.reserved"
QUERY_REUSED = "query.reused"
QUERY_COMMITTED = "query.committed"
QUERY_FORFEITED = "query.forfeited"

RECORD_KINDS = (
    PERSON_ENROLLED,
    DATASET_REGISTERED,
    VERSION_LOADED,
    GRANT_GIVEN,
    QUERY_RESERVED,
    QUERY_REUSED,
    QUERY_COMMITTED,
    QUERY_FORFEITED,
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
    return {"name": person.name, "organisation": person.organisation, "role": person.role.value}


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
        "unit_space": dataset.unit_space,
    }


def version_facts(version: Version) -> dict[str, Any]:
    return {"dataset": version.dataset, "version": version.number, "manifest": version.manifest}


def grant_facts(grant: Grant) -> dict[str, Any]:
    return {
        "grant": grant.id,
        "version": grant.version,
        "analyst": grant.analyst,
        "organisation": grant.organisation,
        "datasets": list(grant.datasets),
        "purpose": grant.purpose,
        "epsilon": str(grant.epsilon),
        "not_before": time_text(grant.not_before),
        "not_after": time_text(grant.not_after),
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
    }
    if reused_of is not None:
        return facts | {"of": reused_of}
    return facts | {"grant_version": reservation.grant_version, "loss": loss_facts(reservation.loss)}
