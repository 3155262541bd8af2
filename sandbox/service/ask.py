"""From a text to a priced question: the part of the straight line that `check` and `submit` share.

Nothing here touches data or spends; what it depends on is the request, the caller's own grants, and public metadata.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from policies.roles import Action
from sandbox.plan.canonical import plan_digest
from sandbox.plan.compile import compile_query
from sandbox.plan.nodes import CountOutput, CountUnits, KeyOutput, MeanOutput, Output, Plan, SumOutput
from sandbox.privacy.conversion import request_loss
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.privacy.mechanism import measurement_spec
from sandbox.review.profile import Profile
from sandbox.review.rules import Asked, Ruling, before
from sandbox.service import ruling
from sandbox.service.access import datasets_of, own_standings, require, require_grant
from sandbox.service.audit import PURPOSE_LIMIT, is_label
from sandbox.service.enclave import Enclave
from sandbox.service.memory_bound import check_memory
from sandbox.service.release_clock import columns_read
from sandbox.terms.canonical import digest
from sandbox.terms.dataset import Account, Grade, Table, UnitSpace, Version
from sandbox.terms.loss import decimal_text, parse_decimal
from sandbox.terms.people import Aggregate, Grant, Person
from sandbox.terms.refusal import CoreGrade, DatasetNotLoaded, Fault, MalformedRequest, RequestTooLarge

NEED_LIMIT = 500
"""Characters of a declared need."""

SQL_LIMIT = 65_536
"""Characters. The plan room has its own, finer limits; this one keeps work before them small."""


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """What an analyst sends: the text, what for, the ε to spend (a decimal in a string), and why it is needed.

    `key` names the registered keys that the answer will be sealed to, `signature` is theirs over the submission
    (Base64); both are empty in what is only checked.
    """

    sql: str
    purpose: str
    epsilon: str
    need: str = ""
    key: str = ""
    signature: str = ""

    @property
    def body_digest(self) -> str:
        """What an idempotency key is bound to."""
        return digest({"sql": self.sql, "purpose": self.purpose, "epsilon": self.epsilon, "need": self.need})


@dataclass(frozen=True, slots=True)
class Question:
    """A question that can be answered and paid for by any of `grants`, the one with most left first.

    `epsilon` is the canonical text of what was asked; `spec` fixes the noise and the exact cost. `policies` are the ids
    of those that permit it; `ruling` is what the review rules of `profile` say of `asked`, from the plan alone.
    """

    plan: Plan
    plan_digest: str
    table: Table
    space: UnitSpace
    version: Version
    grants: tuple[Grant, ...]
    policies: tuple[str, ...]
    spec: MeasurementSpec
    epsilon: str
    profile: Profile
    asked: Asked
    ruling: Ruling

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
    if request.need and not is_label(request.need, NEED_LIMIT):
        raise MalformedRequest(f"need takes at most {NEED_LIMIT} printable characters on one line.", field="need")
    parse_decimal(request.epsilon, "epsilon")


def is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogates, which JSON lets through and UTF-8 cannot write."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def ask(enclave: Enclave, actor: Person, action: Action, request: QueryRequest) -> Question:
    """Compile, authorise and price.

    The order matters: the text is compiled over the tables and columns that the actor's own grants name and no others, so
    unknown and not granted are one refusal; what the grants say of it comes next, then the data's state, the price, the
    memory, and the review.

    Raises:
        Refusal: any that the plan, the policies, the price or the review rules give.
    """
    require(enclave, actor, action)
    check_form(request)
    epsilon = parse_decimal(request.epsilon, "epsilon")
    standings = own_standings(enclave, actor)
    known = {dataset.name: dataset for dataset in datasets_of(enclave, actor, standings)}
    plan = compile_query(request.sql, known)
    dataset = known[plan.dataset]
    if dataset.grade is Grade.CORE:
        raise CoreGrade
    permit = require_grant(
        enclave,
        actor,
        action,
        standings,
        dataset=plan.dataset,
        purpose=request.purpose,
        tables=(f"{plan.dataset}.{plan.table}",),
        columns=columns_of(plan),
        aggregates=aggregates_of(plan),
    )
    space, table = enclave.ledger.space(plan.unit_space), dataset.table(plan.table)
    if space is None or table is None or not permit.grants:
        raise Fault
    version = enclave.ledger.version(plan.dataset)
    if version is None:
        raise DatasetNotLoaded
    spec = measurement_spec(plan, space.mode, request_loss(space, epsilon).units)
    check_memory(plan, table, enclave.settings.worker_memory)
    grants = _most_left_first(enclave, space.name, permit.grants)
    profile = ruling.profile_for(dataset.grade)
    asked = ruling.asked(plan, dataset, grants[0], epsilon, request.need)
    return Question(
        plan=plan,
        plan_digest=plan_digest(plan),
        table=table,
        space=space,
        version=version,
        grants=grants,
        policies=permit.policies,
        spec=spec,
        epsilon=decimal_text(epsilon),
        profile=profile,
        asked=asked,
        ruling=before(asked, profile),
    )


def columns_of(plan: Plan) -> tuple[str, ...]:
    """The columns that a plan reads, as grants name them. The unit column is in none: any granted table's may be counted."""
    return tuple(f"{plan.dataset}.{plan.table}.{column}" for column in sorted(columns_read(plan)))


def aggregates_of(plan: Plan) -> tuple[Aggregate, ...]:
    """What a plan computes, as grants name it."""
    return tuple(sorted({found for output in plan.outputs if (found := _aggregate(plan, output)) is not None}))


def _aggregate(plan: Plan, output: Output) -> Aggregate | None:
    match output:
        case KeyOutput():
            return None
        case CountOutput(count=count):
            units = isinstance(plan.primitives[count], CountUnits)
            return Aggregate.COUNT_UNITS if units else Aggregate.COUNT
        case SumOutput():
            return Aggregate.SUM
        case MeanOutput():
            return Aggregate.MEAN


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
