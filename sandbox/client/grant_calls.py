"""Grants: requested by analysts, approved or declined by the stewards of the data, revoked by them."""

from collections.abc import Sequence
from typing import Any

from sandbox.client.amounts import exact_text
from sandbox.client.calls import Amount, Calls, Time, given, items, moment, segment


class GrantCalls(Calls):
    """Who may ask, of what, in what manner, how often, until when, at what total loss, under what review."""

    def request_grant(
        self,
        datasets: Sequence[str],
        purpose: str,
        epsilon: Amount,
        not_after: Time,
        reason: str,
        *,
        tables: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        aggregates: Sequence[str] | None = None,
        uses: int | None = None,
        not_before: Time | None = None,
    ) -> dict[str, Any]:
        """Request a grant (analysts). A list left out stands for all the datasets offer; `uses` for no limit.

        `tables` are "dataset.table", `columns` "dataset.table.column", `aggregates` of count, count-units, sum, mean. Times
        are aware, or RFC 3339 text; `not_after` is exclusive. `reason` is what the steward reads.

        Raises:
            NotFound: a dataset that is not in the catalogue. CoreGrade: one that never leaves.
        """
        body: dict[str, Any] = {
            "datasets": _names(datasets),
            "purpose": purpose,
            "epsilon": exact_text(epsilon),
            "not_after": moment(not_after),
            "reason": reason,
        }
        narrowed = _narrowed(tables, columns, aggregates, uses, not_before, None)
        return self.transport.json("POST", "/v1/grant-requests", body=body | narrowed)

    def grant_requests(self) -> list[dict[str, Any]]:
        """The requests you may see: your own, those for data you speak for, or (officers) all."""
        return items(self.transport.json("GET", "/v1/grant-requests"), "requests")

    def approve_grant(
        self,
        request: str,
        *,
        epsilon: Amount | None = None,
        uses: int | None = None,
        tables: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        aggregates: Sequence[str] | None = None,
        not_before: Time | None = None,
        not_after: Time | None = None,
        review: str | None = None,
    ) -> dict[str, Any]:
        """Approve a request (stewards of all its datasets): as asked, or narrower. `review` of profile, held, two.

        Raises:
            OwnRequest: it is your own. AlreadyDecided. MalformedRequest: wider than asked.
        """
        body = _narrowed(tables, columns, aggregates, uses, not_before, not_after)
        body |= given(epsilon=None if epsilon is None else exact_text(epsilon), review=review)
        return self.transport.json("POST", f"/v1/grant-requests/{segment(request)}/approval", body=body)

    def decline_grant(self, request: str, reason: str) -> dict[str, Any]:
        """Decline a request (stewards of all its datasets)."""
        path = f"/v1/grant-requests/{segment(request)}/refusal"
        return self.transport.json("POST", path, body={"reason": reason})

    def grants(self) -> list[dict[str, Any]]:
        """The grants you may see."""
        return items(self.transport.json("GET", "/v1/grants"), "grants")

    def grant(self, grant: str) -> dict[str, Any]:
        """One grant: what it covers, its state, how often it was used, the enclave's signature."""
        return self.transport.json("GET", f"/v1/grants/{segment(grant)}")

    def revoke_grant(self, grant: str, reason: str) -> dict[str, Any]:
        """Revoke a grant at once, with everything under it that has not left yet (stewards of all its datasets)."""
        return self.transport.json("POST", f"/v1/grants/{segment(grant)}/revocation", body={"reason": reason})

    def accounts(self) -> list[dict[str, Any]]:
        """Your accounts: limit, spent, left."""
        return items(self.transport.json("GET", "/v1/accounts"), "accounts")


def _names(names: Sequence[str]) -> list[str]:
    """The names; one alone, as a text is a sequence of letters too."""
    return [names] if isinstance(names, str) else list(names)


def _narrowed(
    tables: Sequence[str] | None,
    columns: Sequence[str] | None,
    aggregates: Sequence[str] | None,
    uses: int | None,
    not_before: Time | None,
    not_after: Time | None,
) -> dict[str, Any]:
    lists = {"tables": tables, "columns": columns, "aggregates": aggregates}
    times = {"not_before": not_before, "not_after": not_after}
    return given(
        **{name: None if value is None else _names(value) for name, value in lists.items()},
        **{name: None if value is None else moment(value) for name, value in times.items()},
        uses=uses,
    )
