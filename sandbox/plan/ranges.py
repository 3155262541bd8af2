"""What an expression can be, whatever the rows: its facts, and its finite domain."""

from sandbox.plan.domains import domain_of
from sandbox.plan.fact_finding import facts_of
from sandbox.plan.facts import (
    INTEGER_LIMIT,
    TEXT_LIMIT,
    Facts,
    Range,
    column_facts,
    column_range,
    combine,
)

__all__ = [
    "INTEGER_LIMIT",
    "TEXT_LIMIT",
    "Facts",
    "Range",
    "column_facts",
    "column_range",
    "combine",
    "domain_of",
    "facts_of",
]
