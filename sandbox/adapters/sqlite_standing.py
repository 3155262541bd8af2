"""What must still hold in the very transaction that records a query: its grants, that nothing is frozen, its keys."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.adapters import sqlite_freezes, sqlite_grants, sqlite_records
from sandbox.adapters.sqlite_grants import Grants
from sandbox.adapters.stated_facts import also_facts
from sandbox.proof.entry import time_text
from sandbox.service.ports import Reservation
from sandbox.terms.dataset import Grade
from sandbox.terms.people import Grant, UnderGrant
from sandbox.terms.refusal import CoreGrade, GrantNotInForce, GrantRevoked, GrantUsedUp, KeysRequired


def check_uses(connection: sqlite3.Connection, grants: Grants, asked: Reservation) -> list[int]:
    """The numbers of the uses that this query makes of its grants, in their order.

    Each grant must be the one the caller decided by, this person's, name something that is read, be in force, not revoked, not
    used up; together they name all datasets with units, for one purpose; nothing is frozen; the keys are the person's.

    Raises:
        GrantNotInForce, GrantRevoked, GrantUsedUp, Frozen, KeysRequired, CoreGrade: it is not.
        ValueError: a dataset is of another unit space, or a version of a further one was never loaded; the grants are not listed
            in order, each once, or are for several purposes.
    """
    further = [under.grant for under in asked.also_under]
    if further != sorted(set(further) - {asked.grant}):
        raise ValueError("further grants are sorted, each once")
    given = [_in_force(connection, grants, asked, under) for under in asked.grants]
    if asked.dataset not in given[0].datasets:
        raise _changed()
    if len({grant.purpose for grant in given}) != 1:
        raise ValueError("the grants of one query are for one purpose")
    _check_also(connection, given, asked)
    uses = [_next_use(connection, grant) for grant in given]
    keys = sqlite_records.key(connection, asked.key)
    if keys is None or keys.person != asked.person:
        raise KeysRequired("The keys that this query names are not registered to you.")
    found = sqlite_records.dataset(connection, asked.dataset)
    if found is None or found[0].unit_space != asked.space:
        raise ValueError("the dataset is of another unit space")
    if found[0].grade is Grade.CORE:
        raise CoreGrade(f"The dataset {asked.dataset} is of the core grade.", dataset=asked.dataset)
    return uses


def _changed() -> GrantNotInForce:
    return GrantNotInForce("The grant was changed or ended while the query was being prepared.")


def _in_force(connection: sqlite3.Connection, grants: Grants, asked: Reservation, under: UnderGrant) -> Grant:
    """One of the grants, as it stands now."""
    grant = grants.grant(connection, under.grant)
    datasets = (asked.dataset, *(source.dataset for source in asked.also))
    if grant is None or grant.version != under.version or grant.analyst != asked.person:
        raise _changed()
    if not set(datasets) & set(grant.datasets):
        raise _changed()
    if sqlite_grants.is_revoked(connection, grant.id):
        raise GrantRevoked(f"The grant {grant.id} was revoked.", grant=grant.id)
    if not grant.not_before <= asked.accepted_at < grant.not_after:
        raise GrantNotInForce(
            "The grant's term has not begun or is over.",
            not_before=time_text(grant.not_before),
            not_after=time_text(grant.not_after),
        )
    sqlite_freezes.check_free(connection, person=asked.person, grant=grant.id, datasets=datasets)
    return grant


def _next_use(connection: sqlite3.Connection, grant: Grant) -> int:
    used = sqlite_grants.used(connection, grant.id)
    if grant.uses is not None and used >= grant.uses:
        raise GrantUsedUp(f"All {grant.uses} uses of the grant {grant.id} are used.", grant=grant.id, uses=grant.uses)
    return used + 1


def _check_also(connection: sqlite3.Connection, given: Sequence[Grant], asked: Reservation) -> None:
    """That further datasets are public, or named by a grant and of the space; that none is of grade core, and each was loaded."""
    names = [source.dataset for source in asked.also]
    if names != sorted(set(names) - {asked.dataset}):
        raise ValueError("further datasets are sorted, each once")
    for name, source in zip(names, also_facts(asked.also), strict=True):
        found = sqlite_records.dataset(connection, name)
        if found is None or (not found[0].public and found[0].unit_space != asked.space):
            raise ValueError("a further dataset is of another unit space")
        if not found[0].public and not any(name in grant.datasets for grant in given):
            raise _changed()
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
