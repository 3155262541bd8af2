"""Requests and grants as analysts, stewards and officers see them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.proof.entry import time_text
from sandbox.terms.loss import decimal_text
from sandbox.terms.people import Grant, GrantRequest, GrantStanding, RequestStanding


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request and what became of it."""

    standing: RequestStanding

    def to_json(self) -> dict[str, Any]:
        asked, standing = self.standing.request, self.standing
        return {
            "id": asked.id,
            **_scope(asked),
            "not_before": time_text(asked.not_before) if asked.not_before is not None else None,
            "not_after": time_text(asked.not_after),
            "reason": asked.reason,
            "asked_at": time_text(asked.asked_at),
            "state": standing.state.value,
            "grant": standing.grant,
            "decided_by": standing.decided_by,
            "decision_reason": standing.reason,
        }


@dataclass(frozen=True, slots=True)
class GrantView:
    """A grant as it stands at the moment `at`."""

    standing: GrantStanding
    at: datetime

    @property
    def grant(self) -> Grant:
        return self.standing.grant

    @property
    def state(self) -> str:
        """revoked, expired, frozen, used-up, pending or active: the first that holds, those that end it for good first."""
        grant, standing = self.standing.grant, self.standing
        if standing.revoked:
            return "revoked"
        if self.at >= grant.not_after:
            return "expired"
        if standing.frozen:
            return "frozen"
        if grant.uses is not None and standing.used >= grant.uses:
            return "used-up"
        return "active" if self.at >= grant.not_before else "pending"

    def to_json(self) -> dict[str, Any]:
        grant = self.standing.grant
        return {
            "id": grant.id,
            "version": grant.version,
            "request": grant.request,
            **_scope(grant),
            "used": self.standing.used,
            "review": grant.review.value,
            "not_before": time_text(grant.not_before),
            "not_after": time_text(grant.not_after),
            "given_by": grant.given_by,
            "state": self.state,
            "signature": grant.signature,
        }


def _scope(item: Grant | GrantRequest) -> dict[str, Any]:
    return {
        "analyst": item.analyst,
        "organisation": item.organisation,
        "datasets": list(item.datasets),
        "tables": list(item.tables),
        "columns": list(item.columns),
        "aggregates": [aggregate.value for aggregate in item.aggregates],
        "purpose": item.purpose,
        "epsilon": decimal_text(item.epsilon),
        "uses": item.uses,
    }
