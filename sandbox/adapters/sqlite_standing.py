"""What must still hold in the very transaction that records a query: its grant, that nothing is frozen, its keys."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from sandbox.adapters import sqlite_freezes, sqlite_grants, sqlite_records
from sandbox.adapters.sqlite_grants import Grants
from sandbox.adapters.stated_facts import also_facts
from sandbox.proof.entry import time_text
from sandbox.service.ports import Reservation
from sandbox.terms.dataset import Grade
from sandbox.terms.people import Grant
from sandbox.terms.refusal import CoreGrade, GrantNotInForce, GrantRevoked, GrantUsedUp, KeysRequired


def check_use(connection: sqlite3.Connection, grants: Grants, asked: Reservation) -> int:
    """The number of the use that this query makes of its grant.

    The grant must be the one the caller decided by, cover this person and the datasets with units, be in force, not revoked, not used up;
    nothing frozen; the keys the person's.

    Raises:
        GrantNotInForce, GrantRevoked, GrantUsedUp, Frozen, KeysRequired, CoreGrade: it is not.
        ValueError: a dataset is of another unit space, or a version of a further one was never loaded.
    """
    grant = grants.grant(connection, asked.grant)
    if (
        grant is None
        or grant.version != asked.grant_version
        or grant.analyst != asked.person
        or asked.dataset not in grant.datasets
    ):
        raise GrantNotInForce("The grant was changed or ended while the query was being prepared.")
    if sqlite_grants.is_revoked(connection, grant.id):
        raise GrantRevoked(f"The grant {grant.id} was revoked.", grant=grant.id)
    if not grant.not_before <= asked.accepted_at < grant.not_after:
        raise GrantNotInForce(
            "The grant's term has not begun or is over.",
            not_before=time_text(grant.not_before),
            not_after=time_text(grant.not_after),
        )
    datasets = (asked.dataset, *(source.dataset for source in asked.also))
    sqlite_freezes.check_free(connection, person=asked.person, grant=grant.id, datasets=datasets)
    _check_also(connection, grant, asked)
    used = sqlite_grants.used(connection, grant.id)
    if grant.uses is not None and used >= grant.uses:
        raise GrantUsedUp(f"All {grant.uses} uses of the grant {grant.id} are used.", grant=grant.id, uses=grant.uses)
    keys = sqlite_records.key(connection, asked.key)
    if keys is None or keys.person != asked.person:
        raise KeysRequired("The keys that this query names are not registered to you.")
    found = sqlite_records.dataset(connection, asked.dataset)
    if found is None or found[0].unit_space != asked.space:
        raise ValueError("the dataset is of another unit space")
    if found[0].grade is Grade.CORE:
        raise CoreGrade(f"The dataset {asked.dataset} is of the core grade.", dataset=asked.dataset)
    return used + 1


def _check_also(connection: sqlite3.Connection, grant: Grant, asked: Reservation) -> None:
    """That further datasets are public, or of the same grant and space; that none is of grade core, and each was loaded."""
    names = [source.dataset for source in asked.also]
    if names != sorted(set(names) - {asked.dataset}):
        raise ValueError("further datasets are sorted, each once")
    for name, source in zip(names, also_facts(asked.also), strict=True):
        found = sqlite_records.dataset(connection, name)
        if found is None or (not found[0].public and found[0].unit_space != asked.space):
            raise ValueError("a further dataset is of another unit space")
        if not found[0].public and name not in grant.datasets:
            raise GrantNotInForce("The grant was changed or ended while the query was being prepared.")
        if found[0].grade is Grade.CORE:
            raise CoreGrade(f"The dataset {name} is of the core grade.", dataset=name)
        check_version(connection, name, source)


def check_version(connection: sqlite3.Connection, dataset: str, facts: Mapping[str, Any]) -> None:
    """That an entry names a version of the dataset as it was loaded, by number and manifest.

    Raises:
        ValueError: it does not.
    """
    row = connection.execute(
        "SELECT 1 FROM versions WHERE dataset = ? AND number = ? AND manifest = ?",
        (dataset, facts.get("data_version"), facts.get("manifest")),
    ).fetchone()
    if row is None:
        raise ValueError("a reservation measures a version that was loaded")
