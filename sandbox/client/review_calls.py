"""Reviews of held and sampled releases (reviewers)."""

from typing import Any

from sandbox.client.calls import Calls, items, segment


class ReviewCalls(Calls):
    """A reviewer sees the plan in words, its cost and the noisy table; never the SQL text, never a row."""

    def reviews(self) -> list[dict[str, Any]]:
        """The reviews that wait, and those you took part in."""
        return items(self.transport.json("GET", "/v1/reviews"), "reviews")

    def review(self, review: str) -> dict[str, Any]:
        """The copy you decide on. That you looked is an entry of the log."""
        return self.transport.json("GET", f"/v1/reviews/{segment(review)}")

    def vote(self, review: str, verdict: str, reason: str, digest: str) -> dict[str, Any]:
        """Vote "approve" or "reject" on the copy of that `digest`; gives id, state, and the decision once there is one.

        Raises:
            ReviewChanged: the copy is no longer the one of this digest, or it is not your turn.
            OwnRequest: it is your own query. AlreadyDecided.
        """
        body = {"verdict": verdict, "reason": reason, "digest": digest}
        return self.transport.json("POST", f"/v1/reviews/{segment(review)}/votes", body=body)
