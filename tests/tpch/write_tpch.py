"""The page on TPC-H in the reference. Run this file to write it: python tests/tpch/write_tpch.py"""

from collections.abc import Iterator
from pathlib import Path

from tpch_queries import Query, outcome, queries

from sandbox.plan.query import Plan

PAGE = Path(__file__).parents[2] / "sandbox" / "docs" / "reference" / "tpch.md"

_HEAD = """# TPC-H, asked privately

TPC-H's 22 queries over a private dataset whose unit is the customer (`customer`; `orders` through its own column;
`lineitem` through `orders`) and a public one (`part`, `supplier`, `partsupp`, `nation`, `region`). Each is answered as it
stands, or refused for the reason that the table gives; then the text below it asks what can be asked. Declared keys all
come back, also those without rows, and every number carries noise.

TPC-H's parameters are those of its validation run, but for the part's type, brand and container in 8 and 17: at the
scale of the test (0.01) those of the validation run have no rows. Every answered text is run by a test with the noise left
out, over bounds that do not bind (at most 139 line items of a customer, of 200 that the description allows), and
equals what DuckDB says of it.
"""


def page() -> str:
    """The whole page, from the texts and what becomes of them."""
    asked = queries()
    answered = sum(isinstance(outcome(query.original), Plan) for query in asked)
    lines = [
        _HEAD,
        f"{answered} of the 22 originals are answered as they stand; {len(asked) - answered} are refused.",
        "",
        "| Query | Original | Why | Asked instead |",
        "|---|---|---|---|",
    ]
    for query in asked:
        reason = query.why.partition(". ")[0].removesuffix(".")
        lines.append(f"| {query.number}. {query.title} | {_verdict(query)} | {reason} | {_instead(query)} |")
    for query in asked:
        if query.rewritten:
            lines += ["", *_section(query)]
    return "\n".join([*lines, "", "This page is made from the texts by `python tests/tpch/write_tpch.py`."]) + "\n"


def _verdict(query: Query) -> str:
    found = outcome(query.original)
    return "answered" if isinstance(found, Plan) else f"refused: `{found.code}`"


def _instead(query: Query) -> str:
    return f"[query {query.number}](#query-{query.number})" if query.rewritten else ""


def _section(query: Query) -> Iterator[str]:
    yield f"## Query {query.number}"
    yield ""
    found = outcome(query.original)
    if not isinstance(found, Plan):
        place = found.span
        shown = "" if place is None else query.original.splitlines()[place.line - 1][place.column - 1 :][: place.length]
        yield f"The original is refused, `{found.code}`, at `{shown}`: {found.detail}"
        yield ""
    yield query.why
    yield ""
    yield "```sql"
    yield query.rewritten.strip()
    yield "```"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
