"""The demonstration from beginning to end, as `make demo` runs it."""

import io
from typing import Any
from unittest import mock

from rich.console import Console

from sandbox.client.connection import Connection
from sandbox.demo.command import demo


def _with_a_sampled_release(
    self: Connection, *, reviews: Any = Connection.reviews, **given: Any
) -> list[dict[str, Any]]:
    """The reviewer's list, and before all else a release of another purpose that chance put there to be looked at."""
    found = reviews(self, **given)
    return [item | {"id": "rr_sampled", "state": "sampled", "purpose": "health-research"} for item in found[:1]] + found


def test_the_whole_story_is_told_whatever_else_waits_for_the_reviewer() -> None:
    shown = io.StringIO()
    with mock.patch.object(Connection, "reviews", _with_a_sampled_release):
        demo(Console(file=shown, width=100, highlight=False))
    told = shown.getvalue()
    for scene in range(1, 10):
        assert f"\n{scene}. " in told
    assert "→ approved; never a row, never the SQL text" in " ".join(told.split())
    assert "The next question" in told
    assert "with olga's consent: lifted ✓" in told
    assert "nothing was left behind" in told
    assert "✗ review-pending" not in told
