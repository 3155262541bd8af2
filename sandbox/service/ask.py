"""From a text to a priced question: the part of the straight line that `check` and `submit` share.

Nothing here touches data or spends; what it depends on is the request, the caller's own grants, and public metadata.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from policies.roles import Action
from sandbox.plan.canonical import plan_digest
from sandbox.plan.compile import compile_query
from sandbox.plan.nodes import Plan
from sandbox.privacy.conversion import request_loss
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.privacy.mechanism import measurement_spec
from sandbox.service.access import datasets_of, own_grants, require, require_grant
from sandbox.service.audit import PURPOSE_LIMIT, is_label
from sandbox.service.enclave import Enclave
from sandbox.service.memory_bound import check_memory
from sandbox.terms.canonical import digest
from sandbox.terms.dataset import Account, Table, UnitSpace, Version
from sandbox.terms.loss import decimal_text, parse_decimal
from sandbox.terms.people import Grant, Person
from sandbox.terms.refusal import DatasetNotLoaded, Fault, MalformedRequest, RequestTooLarge

SQL_LIMIT = 65_536
"""Characters. The plan room has its own, finer limits; this one keeps work before them small."""


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """What an analyst sends: the text, what for, and the ε to spend, a decimal in a string."""

    sql: str
    purpose: str
    epsilon: str

    @property
    def body_digest(self) -> str:
        """What an idempotency key is bound to."""
        return digest({"sql": self.sql, "purpose": self.purpose, "epsilon": self.epsilon})


@dataclass(frozen=True, slots=True)
class Question:
    """A question that can be answered and paid for by any of `grants`, the one with most left first.

    `epsilon` is the canonical text of what was asked; `spec` fixes the noise and the exact cost.
    """

    plan: Plan
    plan_digest: str
    table: Table
    space: UnitSpace
    version: Version
    grants: tuple[Grant, ...]
    spec: MeasurementSpec
    epsilon: str

    def answer_key(self, grant: Grant) -> str:
        """Names the question: grant, plan, data version, asked-for loss. Asked again, it has the same answer."""
        return digest(
            {
                "grant": grant.id,
                "plan": self.plan_digest,
                "version": self.version.number,
                "manifest": self.version.manifest,
                "epsilon": self.epsilon,
            }
        )


def check_form(request: QueryRequest) -> None:
    """Raises MalformedRequest or RequestTooLarge for what is not worth reading further."""
    if len(request.sql) > SQL_LIMIT:
        raise RequestTooLarge(f"The query text has more than {SQL_LIMIT} characters.", field="sql")
    if not is_unicode(request.sql):
        raise MalformedRequest("The query text is not valid Unicode.", field="sql")
    if not is_label(request.purpose, PURPOSE_LIMIT):
        raise MalformedRequest(f"purpose takes 1 to {PURPOSE_LIMIT} printable characters.", field="purpose")
    parse_decimal(request.epsilon, "epsilon")


def is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogates, which JSON lets through and UTF-8 cannot write."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def ask(enclave: Enclave, actor: Person, action: Action, request: QueryRequest) -> Question:
    """Compile, authorise and price.

    The order matters: the text is compiled over only those datasets that the actor's grants name, so unknown and not
    granted are one refusal; purpose and term come next, then what the data's state and the price say.

    Raises:
        Refusal: any that the plan, the policies or the price give.
    """
    require(enclave, actor, action)
    check_form(request)
    epsilon = parse_decimal(request.epsilon, "epsilon")
    grants = own_grants(enclave, actor)
    known = {dataset.name: dataset for dataset in datasets_of(enclave, actor, grants)}
    plan = compile_query(request.sql, known)
    fitting = require_grant(enclave, actor, action, plan.dataset, request.purpose, grants)
    space, table = enclave.ledger.space(plan.unit_space), known[plan.dataset].table(plan.table)
    if space is None or table is None:
        raise Fault
    version = enclave.ledger.version(plan.dataset)
    if version is None:
        raise DatasetNotLoaded
    asked = request_loss(space, epsilon)
    spec = measurement_spec(plan, space.mode, asked.units)
    check_memory(plan, table, enclave.settings.worker_memory)
    return Question(
        plan,
        plan_digest(plan),
        table,
        space,
        version,
        _most_left_first(enclave, space.name, fitting),
        spec,
        decimal_text(epsilon),
    )


def own_accounts(enclave: Enclave, space: str, grant: str, analyst: str) -> tuple[Account, ...]:
    """The grant's and the analyst's accounts, outermost first."""
    found = enclave.ledger.accounts(space, grant=grant, analyst=analyst)
    return tuple(account for account in found if is_own(account.kind))


def is_own(kind: str) -> bool:
    """Whether an account moves by its analyst's questions alone. The others would show what rivals spend, and when."""
    return kind in ("grant", "analyst")


def _most_left_first(enclave: Enclave, space: str, grants: Sequence[Grant]) -> tuple[Grant, ...]:
    """Ties go to the lower id, so that the choice is a function of the books."""

    def left(grant: Grant) -> int:
        accounts = enclave.ledger.accounts(space, grant=grant.id)
        return next((account.left for account in accounts if account.kind == "grant"), 0)

    return tuple(sorted(grants, key=lambda grant: (-left(grant), grant.id)))
