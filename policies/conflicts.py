"""Which roles one human may hold together."""

from collections.abc import Iterable

from sandbox.terms.people import Role

TOGETHER: frozenset[frozenset[Role]] = frozenset({frozenset({Role.STEWARD, Role.REVIEWER})})
"""Pairs of roles for one human under two names. All others are separate: also the same role twice, which would give one
human two accounts to spend from, or two signatures where two people are asked for."""


def conflict(role: Role, held: Iterable[Role]) -> Role | None:
    """The first role among `held` (those of the same human) that does not go with `role`; None if all do."""
    return next((other for other in held if frozenset({role, other}) not in TOGETHER), None)
