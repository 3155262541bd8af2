"""Why somebody may, or may not: the policies that decide, in words. Nothing is done and no data is touched."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from policies.decide import explain as explain_decision
from policies.decide import speaks_for
from policies.request import AccessRequest
from policies.roles import ASKS, Action
from sandbox.service.access import frozen_datasets, is_frozen, require
from sandbox.service.audit import entry, purpose_fact
from sandbox.service.enclave import Enclave
from sandbox.service.grant_scope import narrowed, offered
from sandbox.terms.dataset import Dataset
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import MalformedRequest, NotFound

ALLOWED = "allowed"


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """`policies` are the deciding policies' ids, each with its words in English and Chinese; `code` is the refusal's, None
    where it is allowed; `bundle` is the digest of the policies in force."""

    allowed: bool
    policies: tuple[tuple[str, str, str], ...]
    code: str | None
    bundle: str

    def to_json(self) -> dict[str, Any]:
        return {
            "allowed": self.allowed,
            "policies": [{"id": name, "words": {"en": en, "zh": zh}} for name, en, zh in self.policies],
            "code": self.code,
            "bundle": self.bundle,
        }


def explain(
    enclave: Enclave,
    actor: Person,
    *,
    subject: str,
    action: str,
    dataset: str | None = None,
    purpose: str = "",
    columns: Sequence[str] = (),
) -> ExplanationView:
    """What the policies say of the person `subject` taking `action` now, on `dataset` for `purpose`, with `columns`
    ("dataset.table.column"). A steward asks about their own datasets only. The question leaves an audit entry.

    Raises:
        RoleNotPermitted, Frozen, NotFound (no such person; no such dataset, or not the actor's), MalformedRequest (an
        unknown action or column; a question of public data), AuditUnavailable (nothing is told).
    """
    require(enclave, actor, Action.EXPLAIN_POLICY)
    if action not in set(Action):
        raise MalformedRequest("There is no such action.", field="action", allowed=[item.value for item in Action])
    person = enclave.ledger.person(subject)
    if person is None:
        raise NotFound("There is nobody of this name.")
    described = _dataset(enclave, actor, dataset) if dataset is not None else None
    if described is not None and described.public and action in ASKS:
        raise MalformedRequest(
            "This dataset is public: no grant decides who may read it. Ask about the data that it is joined with.",
            field="dataset",
        )
    if columns and described is None:
        raise MalformedRequest("columns belong to a dataset: name it.", field="columns")
    # Of a person's grants those that name the dataset count: no others are the asking steward's business.
    standings = [item for item in enclave.ledger.standings(person.name) if dataset in item.grant.datasets]
    told = explain_decision(_request(enclave, person, Action(action), described, purpose, columns), standings)
    verdict = ALLOWED if told.allowed else told.refusal_code
    facts = {
        "person": person.name,
        "action": action,
        "dataset": dataset,
        "purpose": purpose_fact(purpose),
        "verdict": verdict,
    }
    enclave.ledger.append(entry(enclave, actor, "policy.explained", facts))
    words = tuple(zip(told.policies, told.words_en, told.words_zh, strict=True))
    return ExplanationView(told.allowed, words, told.refusal_code, enclave.bundle)


def _dataset(enclave: Enclave, actor: Person, name: str) -> Dataset:
    found = enclave.ledger.dataset(name)
    if found is None or (actor.role is Role.STEWARD and not speaks_for(actor, found[0].steward)):
        raise NotFound("There is no such dataset that concerns you.")
    return found[0]


def _request(
    enclave: Enclave, person: Person, action: Action, dataset: Dataset | None, purpose: str, columns: Sequence[str]
) -> AccessRequest:
    if dataset is None:
        return AccessRequest(person, action, enclave.clock.now(), frozen_person=is_frozen(enclave, person))
    named = narrowed(offered([dataset]), None, columns, None, "is not a column that grants name").columns
    return AccessRequest(
        person,
        action,
        enclave.clock.now(),
        datasets=(dataset.name,),
        tables=tuple(sorted({column.rpartition(".")[0] for column in named})),
        columns=named,
        purpose=purpose,
        stewards=(dataset.steward,),
        frozen_person=is_frozen(enclave, person),
        frozen_datasets=frozen_datasets(enclave, (dataset.name,)),
    )
