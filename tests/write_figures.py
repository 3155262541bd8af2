"""Writes the figures of the proof suites into the docs and the README: `make figures`.

The suites note what they measured (tests/figures.py); the last note of a name counts. Kept as
sandbox/docs/reference/figures.json; the README shows them between two marks, in the order of their suites.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "sandbox" / "docs" / "reference" / "figures.json"
README = ROOT / "README.md"
_LONGEST = 60
BEGIN, END = "<!-- figures: make figures -->", "<!-- end of figures -->"


def gathered(lines: list[str]) -> list[dict]:
    """The last figure of each name, by source and name."""
    found = {}
    for line in lines:
        figure = json.loads(line)
        found[figure["name"]] = figure
    return sorted(found.values(), key=lambda figure: (figure["source"], figure["name"]))


def table(figures: list[dict]) -> str:
    """The figures as a table in Markdown; lists are left to the JSON file."""
    rows = [
        f"| {item['name']} | {_shown(item['value'])} {item['unit']}".rstrip() + f" | `{item['source']}` |"
        for item in figures
        if len(str(item["value"])) <= _LONGEST
    ]
    return "\n".join(["| what was measured | figure | by |", "|---|---|---|", *rows])


def _shown(value: float | str) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def with_table(readme: str, figures: list[dict]) -> str:
    """The README with the figures between the marks."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or END not in rest:
        raise SystemExit("README.md has no place for the figures.")
    return f"{before}{BEGIN}\n{table(figures)}\n{END}{after}"


def main() -> None:
    """Merge the notes in the file named first with the kept figures (newer win) and write both places."""
    notes = Path(sys.argv[1]).read_text("utf-8").splitlines() if len(sys.argv) > 1 else []
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else []
    figures = gathered([*map(json.dumps, kept), *notes])
    KEPT.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")
    README.write_text(with_table(README.read_text("utf-8"), figures), "utf-8")


if __name__ == "__main__":
    main()
