"""From a text to a priced question: the part of the straight line that `check` and `submit` share.

Nothing here touches data or spends; what it depends on is the request, the caller's own grants, and public metadata.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies.roles import Action
from sandbox.plan.answers import (
    CountOutput,
    KeyOutput,
    MeanOutput,
    MeasuredColumn,
    QuantileOutput,
    SpreadOutput,
    SumOutput,
    measured_tables,
)
from sandbox.plan.canonical import plan_digest
from sandbox.plan.compile import compile_query
from sandbox.plan.measurement import Measurement
from sandbox.plan.primitives import CountDistinct, CountUnits
from sandbox.plan.query import Plan
from sandbox.privacy.conversion import request_loss, selection_delta
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.privacy.mechanism import measurement_spec
from sandbox.review.profile import Profile
from sandbox.review.rules import Asked, Ruling, before
from sandbox.service import ruling
from sandbox.service.access import datasets_of, own_standings, require_free, require_grants
from sandbox.service.audit import PURPOSE_LIMIT, is_label
from sandbox.service.enclave import Enclave
from sandbox.service.memory_bound import check_memory
from sandbox.service.release_clock import columns_read, slot_ms
from sandbox.terms.canonical import digest
from sandbox.terms.dataset import Account, Dataset, Grade, Table, UnitSpace, Version
from sandbox.terms.loss import Loss, decimal_text, parse_decimal
from sandbox.terms.order import SourceVersion
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
    """A question that can be asked under any of `choices`, each a set of grants that cover it together, the best first.

    `epsilon` is the canonical text of what was asked; `spec` fixes the noise and the exact cost. `policies` are the ids
    of those that permit it; `ruling` is what the review rules of `profile` say of `asked`, from the plan alone.
    """

    plan: Plan
    plan_digest: str
    tables: Mapping[tuple[str, str], Table]
    space: UnitSpace
    version: Version
    also: tuple[SourceVersion, ...]
    merged: bool
    choices: tuple[tuple[Grant, ...], ...]
    policies: tuple[str, ...]
    spec: MeasurementSpec
    epsilon: str
    profile: Profile
    asked: Asked
    ruling: Ruling

    @property
    def grants(self) -> tuple[Grant, ...]:
        """Those that it will be asked under: all of them are used and charged."""
        return self.choices[0]

    @property
    def sources(self) -> tuple[SourceVersion, ...]:
        """The versions of all datasets that are read, sorted by name."""
        return tuple(sorted((self.primary, *self.also), key=lambda source: source.dataset))

    @property
    def primary(self) -> SourceVersion:
        """The version of the first dataset with units, by name."""
        return SourceVersion(self.version.dataset, self.version.number, self.version.manifest)

    def slot_ms(self, tick_ms: int, turns: int) -> int:
        """When the answer comes, in milliseconds after acceptance."""
        return slot_ms(self.plan, self.tables, tick_ms, turns, self.space.buckets, merged=self.merged)

    def answer_key(self, grants: Sequence[Grant]) -> str:
        """Names the question: grants, plan, data version, asked-for loss. Asked again, it has the same answer."""
        return digest(
            {
                "grant": grants[0].id,
                "also_under": [grant.id for grant in grants[1:]],
                "plan": self.plan_digest,
                "version": self.version.number,
                "manifest": self.version.manifest,
                "also": [also_fact(source) for source in self.also],
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
    """Compile, authorise and price what has passed `require` and `check_form`.

    The order matters: the text is compiled over the tables and columns that the actor's own grants name and no others, so
    unknown and not granted are one refusal; what the grants say of it comes next, then the data's state, the price, the
    memory, and the review.

    Raises:
        Refusal: any that the plan, the policies, the price or the review rules give.
    """
    epsilon = parse_decimal(request.epsilon, "epsilon")
    standings = own_standings(enclave, actor)
    known = {dataset.name: dataset for dataset in datasets_of(enclave, actor, standings)}
    plan = compile_query(request.sql, known)
    primary = plan.datasets[0]
    grade = ruling.strictest(known[name] for name in plan.datasets)
    if grade is Grade.CORE or _reads_core(plan, known):
        raise CoreGrade
    covered = require_grants(
        enclave,
        actor,
        action,
        standings,
        purpose=request.purpose,
        tables=tuple(f"{name}.{table}" for name, table in plan.tables if not known[name].public),
        columns=columns_of(plan),
        datasets=plan.datasets,
        aggregates=aggregates_of(plan),
    )
    require_free(enclave, plan.public_datasets)
    space = enclave.ledger.space(plan.unit_space)
    if space is None or not covered.choices:
        raise Fault
    version, *also = (_version(enclave, name) for name in (primary, *_further(plan, primary)))
    tables = _tables(plan, known)
    loss = request_loss(space, epsilon)
    spec = measurement_spec(plan, space.mode, loss.units, selection_delta(space))
    merged = any(item.segments > 1 for item in (version, *also))
    check_memory(plan, tables, enclave.settings.worker_memory, merged=merged)
    choices = _best_first(enclave, space.name, covered.choices, spec.cost)
    profile = ruling.profile_for(grade)
    asked = ruling.asked(plan, grade, choices[0], epsilon, request.need)
    return Question(
        plan=plan,
        plan_digest=plan_digest(plan),
        tables=tables,
        space=space,
        version=version,
        also=tuple(SourceVersion(item.dataset, item.number, item.manifest) for item in also),
        merged=merged,
        choices=choices,
        policies=covered.policies,
        spec=spec,
        epsilon=decimal_text(epsilon),
        profile=profile,
        asked=asked,
        ruling=before(asked, profile),
    )


def _reads_core(plan: Plan, known: Mapping[str, Dataset]) -> bool:
    """Whether the plan reads a column whose own grade is core."""
    for scan in plan.scans:
        table = known[scan.dataset].table(scan.table)
        for name, _ in scan.columns:
            column = None if table is None else table.column(name)
            if column is not None and column.grade is Grade.CORE:
                return True
    return False


def _further(plan: Plan, primary: str) -> list[str]:
    """The other datasets that a plan reads, sorted."""
    return sorted({*plan.datasets, *plan.public_datasets} - {primary})


def _version(enclave: Enclave, dataset: str) -> Version:
    version = enclave.ledger.version(dataset)
    if version is None:
        raise DatasetNotLoaded(f"The dataset {dataset} has no data yet.", dataset=dataset)
    return version


def also_fact(source: SourceVersion) -> dict[str, Any]:
    """How entries and sealed requests name the version of a further dataset."""
    return {"dataset": source.dataset, "data_version": source.version, "manifest": source.manifest}


def _tables(plan: Plan, known: Mapping[str, Dataset]) -> dict[tuple[str, str], Table]:
    found = {(dataset, table): known[dataset].table(table) for dataset, table in plan.tables}
    return {name: table for name, table in found.items() if table is not None}


def columns_of(plan: Plan) -> tuple[str, ...]:
    """The columns that a plan reads, as grants name them. The unit column is in none: any granted table's may be counted.
    Columns of public tables need no grant."""
    return tuple(sorted(".".join(place) for place in columns_read(plan) if place[0] not in plan.public_datasets))


def aggregates_of(plan: Plan) -> tuple[Aggregate, ...]:
    """What a plan computes, as grants name it."""
    found = {
        kind
        for table in measured_tables(plan.answer)
        for column in table.columns
        if (kind := _aggregate(plan.measurements[table.measurement], column)) is not None
    }
    return tuple(sorted(found))


def _aggregate(measurement: Measurement, column: MeasuredColumn) -> Aggregate | None:
    match column:
        case KeyOutput():
            return None
        case CountOutput(count=count):
            if isinstance(measurement.primitives[count], CountDistinct):
                return Aggregate.COUNT_DISTINCT
            units = isinstance(measurement.primitives[count], CountUnits)
            return Aggregate.COUNT_UNITS if units else Aggregate.COUNT
        case SumOutput():
            return Aggregate.SUM
        case MeanOutput():
            return Aggregate.MEAN
        case SpreadOutput():
            return Aggregate.SPREAD
        case QuantileOutput():
            return Aggregate.QUANTILE


def own_accounts(enclave: Enclave, space: str, grant: str, analyst: str) -> tuple[Account, ...]:
    """The grant's and the analyst's accounts, outermost first."""
    found = enclave.ledger.accounts(space, grant=grant, analyst=analyst)
    return tuple(account for account in found if is_own(account.kind))


def is_own(kind: str) -> bool:
    """Whether an account moves by its analyst's questions alone. The others would show what rivals spend, and when."""
    return kind in ("grant", "analyst")


def _best_first(
    enclave: Enclave, space: str, choices: Sequence[tuple[Grant, ...]], cost: Loss
) -> tuple[tuple[Grant, ...], ...]:
    """Those that can pay, then the fewest grants, then the most left in the one with least. Ties go to the lower ids, so
    that the choice is a function of the books. A grant's δ is never short before its analyst's."""

    def left(grant: str) -> int:
        accounts = enclave.ledger.accounts(space, grant=grant)
        return next((account.left for account in accounts if account.kind == "grant"), 0)

    amounts = {name: left(name) for name in {grant.id for grants in choices for grant in grants}}

    def rank(grants: tuple[Grant, ...]) -> tuple[bool, int, int, list[str]]:
        least = min(amounts[grant.id] for grant in grants)
        return least < cost.units, len(grants), -least, [grant.id for grant in grants]

    return tuple(sorted(choices, key=rank))
