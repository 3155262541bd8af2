"""The plan as canonical JSON, strictly read back, and its digest: equal questions, equal bytes."""

from typing import Any

from sandbox.plan.documents import document, read_document
from sandbox.plan.query import Plan
from sandbox.plan.soundness import check_plan
from sandbox.terms.canonical import digest

FORMAT = "sandbox/plan/v3"

NESTING_MAX = 700
"""Levels of a plan document: those of a query and of its parts, with room for the JSON between."""

NODES_MAX = 400_000
"""Objects, lists and values of a plan document; its keys are most of them."""


def plan_json(plan: Plan) -> dict[str, Any]:
    """The canonical form: see `documents`."""
    return {"format": FORMAT, **document(plan)}


def plan_digest(plan: Plan) -> str:
    """Lower-case hex SHA-256 of the canonical bytes of `plan_json`."""
    return digest(plan_json(plan))


def read_plan(value: dict[str, Any]) -> Plan:
    """The strict inverse of `plan_json`: only what `plan_json` could have written of a sound plan.

    Raises:
        ValueError: anything else.
    """
    _check_size(value)
    try:
        if value["format"] != FORMAT:
            raise ValueError("unknown plan format")
        plan: Plan = read_document(Plan, {name: part for name, part in value.items() if name != "format"})
        same = _same(plan_json(plan), value)
        check_plan(plan)
    except (KeyError, TypeError, AttributeError, ZeroDivisionError, RecursionError, OverflowError) as error:
        raise ValueError("not a plan document") from error
    if not same:
        raise ValueError("not the canonical form of a plan")
    return plan


def _check_size(value: object) -> None:
    """Neither nesting that could exhaust the stack nor more parts than a plan has."""
    waiting: list[tuple[object, int]] = [(value, 0)]
    seen = 0
    while waiting:
        item, depth = waiting.pop()
        seen += 1
        if depth > NESTING_MAX or seen > NODES_MAX:
            raise ValueError("a plan is not so large")
        if isinstance(item, dict):
            waiting += [(part, depth + 1) for part in item.values()]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]


def _same(left: object, right: object) -> bool:
    """Equality that tells 1 from true and from 1.0, which == does not."""
    waiting = [(left, right)]
    while waiting:
        one, other = waiting.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            waiting += [(one[name], other[name]) for name in one]
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            waiting += list(zip(one, other, strict=True))
        elif one != other:
            return False
    return True
