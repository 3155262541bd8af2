"""What a question would give and cost. Touches no data, spends nothing, leaves one audit entry."""

from fractions import Fraction
from typing import Any

from policies.roles import Action
from sandbox.plan.answers import KeyOutput
from sandbox.plan.explain import explain
from sandbox.plan.lineage import Labels, Lineage, Made, Passed, lineage
from sandbox.plan.picture import picture
from sandbox.privacy.accuracy import expected_error
from sandbox.review.rule_words import rule_words
from sandbox.service.access import require
from sandbox.service.amounts import MECHANISMS, cost_view, delta_left, more_like_this
from sandbox.service.ask import QueryRequest, Question, also_fact, ask, check_form, is_own
from sandbox.service.audit import entry, purpose_fact, text_tag
from sandbox.service.enclave import Enclave
from sandbox.service.ruling import LEVEL
from sandbox.service.views import Quote
from sandbox.terms.dataset import Account
from sandbox.terms.loss import DELTA_UNITS, Loss, Mode, decimal_text, units_text
from sandbox.terms.people import Person
from sandbox.terms.refusal import BudgetInsufficient, Refusal

__all__ = ["QueryRequest", "check"]

_SYMBOLS = {Mode.ZCDP: "ρ", Mode.PURE: "ε"}


def check(enclave: Enclave, actor: Person, request: QueryRequest, drawn: str = "") -> Quote:
    """Quote a question as if nobody had asked it before, so that a quote tells nothing of what others asked.

    `drawn` is the language in which the plan is drawn too, "" for none.

    Raises:
        Refusal: the same as `submit` would give, apart from what only running tells.
        AuditUnavailable: the check could not be logged; no quote is given.
    """
    try:
        require(enclave, actor, Action.CHECK_QUERY)
        check_form(request)
        question = ask(enclave, actor, Action.CHECK_QUERY, request)
        quote = _quote(enclave, actor, question, drawn)
    except Refusal as refusal:
        _log(enclave, actor, request, refusal.code)
        raise
    also = [also_fact(source) for source in question.also]
    _log(enclave, actor, request, "answerable", dataset=quote.dataset, also=also)
    return quote


_KINDS = ("space", "dataset", "grant", "analyst")
"""Outermost first."""


def _log(enclave: Enclave, actor: Person, request: QueryRequest, verdict: str, **more: Any) -> None:
    facts = {"text_tag": text_tag(enclave, request.sql), "verdict": verdict, "purpose": purpose_fact(request.purpose)}
    enclave.ledger.append(entry(enclave, actor, "query.checked", facts | more))


def _short(account: Account, cost: Loss) -> BudgetInsufficient:
    """Which account is short; by how much only where it is the caller's own."""
    if account.left < cost.units:
        amount, left = f"{_SYMBOLS[cost.mode]} = {units_text(cost.units)}", units_text(account.left)
    else:
        amount, left = f"δ = {_delta_text(cost.delta)}", _delta_text(delta_left(account))
    if not is_own(account.kind):
        return BudgetInsufficient(f"The {account.kind} account does not cover {amount}.", account=account.kind)
    return BudgetInsufficient(
        f"This costs {amount}, and your {account.kind} account has {left} left.", account=account.kind, left=left
    )


def _delta_text(units: int) -> str:
    return decimal_text(Fraction(units, DELTA_UNITS))


def _accounts(enclave: Enclave, actor: Person, question: Question) -> list[Account]:
    """All that the question debits, outermost first."""
    space, ledger = question.space.name, enclave.ledger
    found = {
        account: None
        for dataset in question.plan.datasets
        for grant in question.grants
        for account in ledger.accounts(space, dataset=dataset, grant=grant.id, analyst=actor.name)
    }
    return sorted(found, key=lambda account: (_KINDS.index(account.kind), account.owner))


def _quote(enclave: Enclave, actor: Person, question: Question, drawn: str) -> Quote:
    plan, cost = question.plan, question.spec.cost
    first, origins = plan.measurements[0], lineage(plan)
    accounts = _accounts(enclave, actor, question)
    for account in reversed(accounts):  # the innermost short one is named: it says least of others
        if account.left < cost.units or delta_left(account) < cost.delta:
            raise _short(account, cost)
    return Quote(
        dataset=plan.datasets[0],
        datasets=(plan.datasets[0], *sorted({*plan.datasets[1:], *plan.public_datasets})),
        table=plan.scans[0].table,
        version=question.version.number,
        grant=question.grants[0].id,
        grants=tuple(grant.id for grant in question.grants),
        plan={"en": explain(plan, "en"), "zh": explain(plan, "zh")},
        picture=picture(plan, drawn) if drawn else "",
        groups=None if first.selected else first.groups,
        bounds={
            "rows": first.bounds.rows,
            "groups": first.bounds.groups,
            "rows_per_group": first.bounds.rows_per_group,
        },
        mechanism=MECHANISMS[question.space.mode],
        cost=cost_view(question.space, cost, question.epsilon),
        accounts=tuple(
            {
                "kind": account.kind,
                "owner": account.owner,
                "left": units_text(account.left),
                "more_like_this": more_like_this(account, cost),
            }
            for account in accounts
            if is_own(account.kind)
        ),
        errors=tuple(_error(item, origins[item["column"]]) for item in expected_error(plan, question.spec, LEVEL)),
        policy={"permitted_by": list(question.policies), "bundle": enclave.bundle},
        review={
            "outcome": question.ruling.outcome.value,
            "votes": question.ruling.votes,
            "reasons": [_rule(rule) for rule in question.ruling.reasons],
        },
        wait_ms=question.slot_ms(enclave.settings.tick_ms, enclave.settings.turns),
    )


def _rule(rule: str) -> dict[str, Any]:
    """A review rule's id, and what it says."""
    return {"id": rule, "words": {language: rule_words(rule, language) for language in ("en", "zh")}}


def _error(item: dict[str, Any], origin: Lineage) -> dict[str, Any]:
    """One column's expected error; that of a mean depends on how many rows a group has. A column with noise and neither
    has no interval that is known."""
    half_width = item["half_width"]
    by_size = {str(size): width for size, width in half_width.items()} if isinstance(half_width, dict) else None
    return {
        "column": item["column"],
        "half_width": None if by_size is not None else half_width,
        "level": LEVEL,
        "by_group_size": by_size,
        "noisy": _noisy(origin),
    }


def _noisy(origin: Lineage) -> bool:
    """Whether there is noise in a column: not in keys, nor in what is computed of them alone."""
    if isinstance(origin, Made):
        return origin.noisy
    return not (isinstance(origin, Labels) or (isinstance(origin, Passed) and isinstance(origin.output, KeyOutput)))
