"""Writes to the ledger's registers on SQLite: people and keys, datasets and versions, grants, and what stops them."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from sandbox.adapters import (
    sqlite_accounts,
    sqlite_freezes,
    sqlite_grants,
    sqlite_log,
    sqlite_records,
    stated_facts,
)
from sandbox.adapters.grant_terms import check_within
from sandbox.adapters.sqlite_log import LogWriter
from sandbox.adapters.sqlite_reads import LedgerReads
from sandbox.proof.key_pairs import key_id
from sandbox.service.ports import Entry, Receipt
from sandbox.terms.dataset import Dataset, UnitSpace, Version
from sandbox.terms.loss import Loss
from sandbox.terms.people import Freeze, Grant, GrantRequest, Person, PublicKeys, RequestState, Role
from sandbox.terms.refusal import (
    AlreadyDecided,
    DatasetExists,
    GrantRevoked,
    NameTaken,
    NotFound,
    OwnRequest,
    RoleConflict,
    UnitSpaceConflict,
)

_GO_TOGETHER = {Role.STEWARD, Role.REVIEWER}


class LedgerRegisters(LedgerReads):
    """The half of the `Ledger` port's writes that no query needs."""

    _write: Callable[[], AbstractContextManager[sqlite3.Connection]]
    _log: LogWriter

    def add_person(self, person: Person, token_digest: bytes, entry: Entry) -> Receipt:
        """Also raises RoleConflict: this human holds a role that does not go together with this one."""
        expect(entry, stated_facts.PERSON_ENROLLED)
        with self._write() as connection:
            if sqlite_records.person(connection, person.name) is not None:
                raise NameTaken("A person of this name is enrolled already.", name=person.name)
            if sqlite_log.is_enclave(connection, person.name):
                raise NameTaken("This is the enclave's own name.", name=person.name)
            held = sqlite_records.roles_of(connection, person.human) - {person.role}
            if held and not held | {person.role} <= _GO_TOGETHER:
                raise RoleConflict
            index = self._log.append(connection, entry, stated_facts.person_facts(person))
            sqlite_records.add_person(connection, person, token_digest, index, self._seal)
            return sqlite_log.receipt(connection, index)

    def add_keys(self, keys: PublicKeys, entry: Entry) -> Receipt:
        expect(entry, stated_facts.KEYS_REGISTERED, keys.person)
        if keys.id != key_id(keys.person, keys.sealing, keys.signing):
            raise ValueError("the id of keys follows from them and their person")
        with self._write() as connection:
            _person(connection, keys.person)
            if sqlite_records.key(connection, keys.id) is not None:
                raise NameTaken("These keys are registered already.", name=keys.id)
            index = self._log.append(connection, entry, stated_facts.keys_facts(keys))
            sqlite_records.add_keys(connection, keys, index)
            return sqlite_log.receipt(connection, index)

    def add_dataset(
        self,
        dataset: Dataset,
        text: str,
        space: UnitSpace | None,
        space_limit: Loss | None,
        limit: Loss | None,
        entry: Entry,
    ) -> Receipt:
        expect(entry, stated_facts.DATASET_REGISTERED)
        if sqlite_records.described(text) != dataset or (space.name if space else "") != dataset.unit_space:
            raise ValueError("the text, the dataset and its unit space belong together")
        if space is None or space_limit is None or limit is None:
            if space is not None or space_limit is not None or limit is not None:
                raise ValueError("a public dataset has no unit space and no limits")
            return self._add_public(dataset, text, entry)
        if not space_limit.mode is limit.mode is space.mode:
            raise ValueError("limits are counted as their unit space counts")
        with self._write() as connection:
            if sqlite_records.dataset(connection, dataset.name) is not None:
                raise DatasetExists(f"A dataset named {dataset.name} is registered already.", dataset=dataset.name)
            registered = sqlite_records.space(connection, space.name)
            if registered not in (None, space):
                raise UnitSpaceConflict(
                    f"The unit space {space.name} is registered with another definition.", unit_space=space.name
                )
            facts = stated_facts.dataset_facts(dataset, text) | {
                "limit": stated_facts.loss_facts(limit),
                "space": None
                if registered
                else stated_facts.space_facts(space) | {"limit": stated_facts.loss_facts(space_limit)},
            }
            index = self._log.append(connection, entry, facts)
            if registered is None:
                sqlite_records.add_space(connection, space, index)
                sqlite_accounts.add_account(connection, space.name, "space", space.name, space_limit)
            sqlite_records.add_dataset(connection, dataset, text, index)
            sqlite_accounts.add_account(connection, space.name, "dataset", dataset.name, limit)
            return sqlite_log.receipt(connection, index)

    def _add_public(self, dataset: Dataset, text: str, entry: Entry) -> Receipt:
        with self._write() as connection:
            if sqlite_records.dataset(connection, dataset.name) is not None:
                raise DatasetExists(f"A dataset named {dataset.name} is registered already.", dataset=dataset.name)
            facts = stated_facts.dataset_facts(dataset, text) | {"limit": None, "space": None}
            index = self._log.append(connection, entry, facts)
            sqlite_records.add_dataset(connection, dataset, text, index)
            return sqlite_log.receipt(connection, index)

    def add_version(self, version: Version, entry: Entry) -> Receipt:
        expect(entry, stated_facts.VERSION_LOADED)
        with self._write() as connection:
            _space_of(connection, version.dataset)
            current = sqlite_records.version(connection, version.dataset)
            if version.number <= (current.number if current is not None else 0):
                raise ValueError("a version's number is above the current one's")
            index = self._log.append(connection, entry, stated_facts.version_facts(version))
            sqlite_records.add_version(connection, version, index)
            return sqlite_log.receipt(connection, index)

    # -- grants --------------------------------------------------------------------------------------------------------

    def add_grant_request(self, request: GrantRequest, entry: Entry) -> Receipt:
        """Raises NotFound (the analyst or a dataset), NameTaken (the id)."""
        expect(entry, stated_facts.GRANT_REQUESTED, request.analyst)
        _expect_reason(request.reason)
        if not request.datasets:
            raise ValueError("a request names a dataset")
        with self._write() as connection:
            analyst = _person(connection, request.analyst)
            if (analyst.role, analyst.organisation) != (Role.ANALYST, request.organisation):
                raise ValueError("a request is by an analyst, for the organisation they are enrolled in")
            if "" in {_space_of(connection, name) for name in request.datasets}:
                raise ValueError("a request names datasets with units: public ones need no grant")
            if sqlite_grants.request(connection, request.id) is not None:
                raise NameTaken("A request of this id is recorded already.", name=request.id)
            index = self._log.append(connection, entry, stated_facts.request_facts(request))
            sqlite_grants.add_request(connection, request, index, self._seal)
            return sqlite_log.receipt(connection, index)

    def decline_grant_request(self, request: str, reason: str, entry: Entry) -> Receipt:
        """Also raises OwnRequest: the decider is the same human as the analyst."""
        expect(entry, stated_facts.GRANT_DECLINED)
        _expect_reason(reason)
        with self._write() as connection:
            _decides(connection, entry.actor, _undecided(connection, request))
            index = self._log.append(connection, entry, {"request": request, "reason": reason})
            sqlite_grants.add_decline(connection, request, reason, entry.actor, index)
            return sqlite_log.receipt(connection, index)

    def add_grant(self, grant: Grant, limits: dict[str, tuple[Loss, Loss]], entry: Entry) -> Receipt:
        """Also raises OwnRequest (the giver is the same human as the analyst), Frozen (the giver)."""
        expect(entry, stated_facts.GRANT_GIVEN, grant.given_by)
        with self._write() as connection:
            asked = _undecided(connection, grant.request)
            check_within(grant, asked)
            _decides(connection, grant.given_by, asked)
            sqlite_freezes.check_free(connection, person=grant.given_by)
            if self._grants.grant(connection, grant.id) is not None:
                raise NameTaken("A grant of this id is recorded already.", name=grant.id)
            spaces = {_space_of(connection, name) for name in grant.datasets}
            if spaces != set(limits):
                raise ValueError("a grant has limits for the unit spaces of its datasets, and no others")
            stated: dict[str, Any] = {}
            for space, (own, total) in limits.items():
                known = sqlite_accounts.account(connection, space, "analyst", grant.analyst) is not None
                stated[space] = {
                    "grant": stated_facts.loss_facts(own),
                    "analyst": None if known else stated_facts.loss_facts(total),
                }
            facts = stated_facts.grant_facts(grant) | {"limits": stated}
            index = self._log.append(connection, entry, facts)
            sqlite_grants.add_grant(connection, grant, index)
            for space, (own, total) in limits.items():
                sqlite_accounts.add_account(connection, space, "grant", grant.id, own)
                if stated[space]["analyst"] is not None:
                    sqlite_accounts.add_account(connection, space, "analyst", grant.analyst, total)
            return sqlite_log.receipt(connection, index)

    def revoke_grant(self, grant: str, reason: str, entry: Entry) -> Receipt:
        expect(entry, stated_facts.GRANT_REVOKED)
        _expect_reason(reason)
        with self._write() as connection:
            _in_role(connection, entry.actor, Role.STEWARD)
            if self._grants.grant(connection, grant) is None:
                raise NotFound(f"There is no grant {grant}.")
            if sqlite_grants.is_revoked(connection, grant):
                raise GrantRevoked("The grant was revoked before.", grant=grant)
            index = self._log.append(connection, entry, {"grant": grant, "reason": reason})
            sqlite_grants.add_revocation(connection, grant, reason, index)
            return sqlite_log.receipt(connection, index)

    # -- freezes -------------------------------------------------------------------------------------------------------

    def freeze(self, freeze: Freeze, entry: Entry) -> Receipt:
        expect(entry, stated_facts.FREEZE_SET, freeze.by)
        _expect_reason(freeze.reason)
        with self._write() as connection:
            if not sqlite_log.is_enclave(connection, freeze.by):
                _in_role(connection, freeze.by, Role.OFFICER)
            if sqlite_freezes.freeze(connection, freeze.id) is not None:
                raise NameTaken("A freeze of this id is recorded already.", name=freeze.id)
            if not sqlite_freezes.is_there(connection, freeze.subject, freeze.name):
                raise NotFound(f"There is no {freeze.subject.value} {freeze.name}.")
            if sqlite_freezes.is_frozen(connection, freeze.subject.value, freeze.name):
                raise AlreadyDecided(f"The {freeze.subject.value} {freeze.name} is frozen already.")
            index = self._log.append(connection, entry, stated_facts.freeze_facts(freeze))
            sqlite_freezes.add_freeze(connection, freeze, index, self._seal)
            return sqlite_log.receipt(connection, index)

    def lift(self, freeze: str, officer: Person, reason: str, entry: Entry) -> tuple[Freeze, Receipt]:
        expect(entry, stated_facts.LIFT_ASKED, officer.name)
        _expect_reason(reason)
        with self._write() as connection:
            found = sqlite_freezes.freeze(connection, freeze)
            if found is None:
                raise NotFound(f"There is no freeze {freeze}.")
            if found.lifted:
                raise AlreadyDecided(f"The freeze {freeze} is lifted already.")
            human = _in_role(connection, officer.name, Role.OFFICER).human
            if found.lift_asked_by is not None:
                if _person(connection, found.lift_asked_by).human == human:
                    raise OwnRequest("You asked for this freeze to be lifted: another officer must agree.")
                entry = replace(entry, kind=stated_facts.LIFTED)
            index = self._log.append(connection, entry, {"freeze": freeze, "reason": reason})
            sqlite_freezes.add_lift(connection, found, officer.name, reason, index)
            lifted = sqlite_freezes.freeze(connection, freeze)
            assert lifted is not None, "nothing removes a freeze"
            return lifted, sqlite_log.receipt(connection, index)


def expect(entry: Entry, kind: str, actor: str | None = None) -> None:
    """That a change comes with the kind of entry that states it, by whom it says.

    Raises:
        ValueError: it does not.
    """
    if entry.kind != kind:
        raise ValueError(f"this change is stated by an entry {kind}")
    if actor is not None and entry.actor != actor:
        raise ValueError(f"whoever does this is the actor of the entry {kind}")


def _person(connection: sqlite3.Connection, name: str) -> Person:
    found = sqlite_records.person(connection, name)
    if found is None:
        raise NotFound(f"Nobody is enrolled as {name}.")
    return found


def _in_role(connection: sqlite3.Connection, name: str, role: Role) -> Person:
    found = sqlite_records.person(connection, name)
    if found is None or found.role is not role:
        raise ValueError(f"only somebody enrolled as {role.value} does this")
    return found


def _decides(connection: sqlite3.Connection, name: str, asked: GrantRequest) -> None:
    steward = _in_role(connection, name, Role.STEWARD)
    if steward.human == _person(connection, asked.analyst).human:
        raise OwnRequest


def _expect_reason(reason: str) -> None:
    if not reason:
        raise ValueError("this change has a reason")


def _space_of(connection: sqlite3.Connection, dataset: str) -> str:
    found = sqlite_records.space_of(connection, dataset)
    if found is None:
        raise NotFound(f"No dataset is named {dataset}.")
    return found


def _undecided(connection: sqlite3.Connection, request: str) -> GrantRequest:
    found = sqlite_grants.request(connection, request)
    if found is None:
        raise NotFound(f"There is no request {request}.")
    if found.state is not RequestState.ASKED:
        raise AlreadyDecided(f"The request {request} is {found.state.value} already.")
    return found.request
