"""TPC-H with the customer as the unit: the descriptions, the 22 queries, and what becomes of their texts."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.plan.compile import compile_query
from sandbox.plan.query import Plan
from sandbox.terms.dataset import Dataset
from sandbox.terms.description import parse_description
from sandbox.terms.refusal import NotAnswerable

HERE = Path(__file__).parent
DESCRIPTIONS = {name: (HERE / f"{name}.toml").read_text("utf-8") for name in ("orders", "reference")}
DATASETS: Mapping[str, Dataset] = {
    dataset.name: dataset for dataset in (parse_description(text) for text in DESCRIPTIONS.values())
}


@dataclass(frozen=True, slots=True)
class Query:
    """One of the 22: `original` is TPC-H's text, `rewritten` what can be asked instead ("" where the original is enough).

    `reference` is what DuckDB is asked beside the rewritten text; `within` says how far its columns may be off.
    """

    number: int
    title: str
    original: str
    why: str = ""
    rewritten: str = ""
    reference: str = ""
    within: Mapping[str, float] | None = None

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """Pairs of a text that must be answered, and DuckDB's."""
        own = () if isinstance(outcome(self.original), NotAnswerable) else ((self.original, self.original),)
        return (*own, (self.rewritten, self.reference or self.rewritten)) if self.rewritten else own


def queries() -> tuple[Query, ...]:
    """All of them, in order."""
    return tuple(
        Query(number, **tomllib.loads((HERE / "queries" / f"q{number:02d}.toml").read_text("utf-8")))
        for number in range(1, 23)
    )


def outcome(sql: str) -> Plan | NotAnswerable:
    """What becomes of a text: a plan, or the refusal."""
    try:
        return compile_query(sql, DATASETS)
    except NotAnswerable as refusal:
        return refusal
