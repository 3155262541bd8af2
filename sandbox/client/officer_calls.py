"""What security officers stop, and what explains a decision of the policies."""

from collections.abc import Sequence
from typing import Any

from sandbox.client.calls import Calls, given, items, segment


class OfficerCalls(Calls):
    """Freezes take hold at once; two different officers lift one."""

    def freeze(self, subject: str, name: str, reason: str) -> dict[str, Any]:
        """Freeze a "person", "grant" or "dataset" (officers): no new query, and nothing unreleased leaves."""
        return self.transport.json("POST", "/v1/freezes", body={"subject": subject, "name": name, "reason": reason})

    def lift_freeze(self, freeze: str, reason: str) -> dict[str, Any]:
        """Ask that a freeze be lifted, or lift it where another officer asked already."""
        return self.transport.json("POST", f"/v1/freezes/{segment(freeze)}/lift", body={"reason": reason})

    def freezes(self) -> list[dict[str, Any]]:
        """What is frozen (officers, stewards)."""
        return items(self.transport.json("GET", "/v1/freezes"), "freezes")

    def explain_policy(
        self,
        person: str,
        action: str,
        *,
        dataset: str | None = None,
        purpose: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Whether the policies would let a person do something, and which of them decide (officers, stewards)."""
        more = given(dataset=dataset, purpose=purpose, columns=None if columns is None else list(columns))
        return self.transport.json("POST", "/v1/policy/explanation", body={"person": person, "action": action} | more)
