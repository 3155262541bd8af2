"""What is known of the results of the functions that choose among their arguments."""

from dataclasses import replace

from sandbox.plan.facts import Facts, hull
from sandbox.terms.dataset import Type

Arguments = tuple[Facts, ...]


def coalesce(arguments: Arguments) -> Facts:
    """One of the arguments up to the first that never is NULL, and not NULL itself then."""
    sure = next((place for place, each in enumerate(arguments) if not each.nullable), None)
    known = hull(arguments if sure is None else arguments[: sure + 1])
    return replace(known, nullable=sure is None)


def nullif(arguments: Arguments) -> Facts:
    return replace(arguments[0], nullable=True)


def truth(_arguments: Arguments) -> Facts:
    return Facts(Type.BOOL, values=frozenset({False, True}), nullable=False)
