"""What a question would give and cost. Touches no data, spends nothing, leaves one audit entry."""

from typing import Any

from policies.roles import Action
from sandbox.plan.explain import explain
from sandbox.privacy.accuracy import expected_error
from sandbox.review.rule_words import rule_words
from sandbox.service.amounts import MECHANISMS, cost_view, more_like_this
from sandbox.service.ask import QueryRequest, Question, ask, is_own
from sandbox.service.audit import entry, purpose_fact, text_tag
from sandbox.service.enclave import Enclave
from sandbox.service.release_clock import slot_ms
from sandbox.service.ruling import LEVEL
from sandbox.service.views import Quote
from sandbox.terms.dataset import Account
from sandbox.terms.loss import Loss, Mode, units_text
from sandbox.terms.people import Person
from sandbox.terms.refusal import BudgetInsufficient, Refusal

__all__ = ["QueryRequest", "check"]

_SYMBOLS = {Mode.ZCDP: "ρ", Mode.PURE: "ε"}


def check(enclave: Enclave, actor: Person, request: QueryRequest) -> Quote:
    """Quote a question as if nobody had asked it before, so that a quote tells nothing of what others asked.

    Raises:
        Refusal: the same as `submit` would give, apart from what only running tells.
        AuditUnavailable: the check could not be logged; no quote is given.
    """
    try:
        quote = _quote(enclave, actor, ask(enclave, actor, Action.CHECK_QUERY, request))
    except Refusal as refusal:
        _log(enclave, actor, request, refusal.code)
        raise
    _log(enclave, actor, request, "answerable", dataset=quote.dataset)
    return quote


def _log(enclave: Enclave, actor: Person, request: QueryRequest, verdict: str, **more: str) -> None:
    facts = {"text_tag": text_tag(enclave, request.sql), "verdict": verdict, "purpose": purpose_fact(request.purpose)}
    enclave.ledger.append(entry(enclave, actor, "query.checked", facts | more))


def _short(account: Account, cost: Loss) -> BudgetInsufficient:
    """Which account is short; by how much only where it is the caller's own."""
    amount = f"{_SYMBOLS[cost.mode]} = {units_text(cost.units)}"
    if not is_own(account.kind):
        return BudgetInsufficient(f"The {account.kind} account does not cover {amount}.", account=account.kind)
    left = units_text(account.left)
    return BudgetInsufficient(
        f"This costs {amount}, and your {account.kind} account has {left} left.", account=account.kind, left=left
    )


def _quote(enclave: Enclave, actor: Person, question: Question) -> Quote:
    plan, grant, cost = question.plan, question.grants[0], question.spec.cost
    accounts = enclave.ledger.accounts(question.space.name, dataset=plan.dataset, grant=grant.id, analyst=actor.name)
    for account in reversed(accounts):  # the innermost short one is named: it says least of others
        if account.left < cost.units:
            raise _short(account, cost)
    return Quote(
        dataset=plan.dataset,
        table=plan.table,
        version=question.version.number,
        grant=grant.id,
        plan={"en": explain(plan, "en"), "zh": explain(plan, "zh")},
        groups=plan.groups,
        bounds={
            "rows": plan.bounds.rows,
            "groups": plan.bounds.groups,
            "rows_per_group": plan.bounds.rows_per_group,
        },
        mechanism=MECHANISMS[question.space.mode],
        cost=cost_view(question.space, cost.units, question.epsilon),
        accounts=tuple(
            {
                "kind": account.kind,
                "owner": account.owner,
                "left": units_text(account.left),
                "more_like_this": more_like_this(account, cost.units),
            }
            for account in accounts
            if is_own(account.kind)
        ),
        errors=tuple(_error(item) for item in expected_error(plan, question.spec, LEVEL)),
        policy={"permitted_by": list(question.policies), "bundle": enclave.bundle},
        review={
            "outcome": question.ruling.outcome.value,
            "votes": question.ruling.votes,
            "reasons": [_rule(rule) for rule in question.ruling.reasons],
        },
        wait_ms=slot_ms(plan, question.table, enclave.settings.tick_ms, enclave.settings.turns),
    )


def _rule(rule: str) -> dict[str, Any]:
    """A review rule's id, and what it says."""
    return {"id": rule, "words": {language: rule_words(rule, language) for language in ("en", "zh")}}


def _error(item: dict[str, Any]) -> dict[str, Any]:
    """One column's expected error; that of a mean depends on how many rows a group has."""
    half_width = item["half_width"]
    by_size = {str(size): width for size, width in half_width.items()} if isinstance(half_width, dict) else None
    return {
        "column": item["column"],
        "half_width": None if by_size is not None else half_width,
        "level": LEVEL,
        "by_group_size": by_size,
    }
