"""The plan in words."""

from sandbox.plan.nodes import Plan


def explain(plan: Plan, language: str = "en") -> list[str]:
    """One line."""
    return [plan.table]
