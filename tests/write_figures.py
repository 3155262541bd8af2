"""Writes the figures of the proof suites into the docs and the README: `make figures`.

The suites note what they measured (tests/figures.py); the last note of a name counts, and stands until its suite runs
again or is gone. Kept as sandbox/docs/reference/figures.json; the README shows them between two marks, in the order of
their suites, figures of many alike as their sum.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "sandbox" / "docs" / "reference" / "figures.json"
README = ROOT / "README.md"
_LONGEST = 60
SUMMED = {"fuzz: ": "fuzz: corpora together"}
"""Beginning of the names of figures that the README shows as one → its name there."""
BEGIN, END = "<!-- figures: make figures -->", "<!-- end of figures -->"


def gathered(lines: list[str]) -> list[dict]:
    """The last figure of each name, by source and name, of sources that are there."""
    found = {}
    for line in lines:
        figure = json.loads(line)
        found[figure["name"]] = figure
    there = (figure for figure in found.values() if (ROOT / figure["source"]).exists())
    return sorted(there, key=lambda figure: (figure["source"], figure["name"]))


def summed(figures: list[dict]) -> list[dict]:
    """The figures with one in the place of those that are summed, where the first of them stands."""
    shown: dict[str, dict] = {}
    for figure in figures:
        begin = next((begin for begin in SUMMED if figure["name"].startswith(begin)), None)
        if begin is None:
            shown[figure["name"]] = figure
            continue
        known = shown.setdefault(SUMMED[begin], figure | {"name": SUMMED[begin], "value": 0, "count": 0})
        known["value"] += figure["value"]
        known["count"] += 1
        known["unit"] = f"{figure['unit'].partition(',')[0]} of {known['count']} kinds"
    return list(shown.values())


def table(figures: list[dict]) -> str:
    """The figures as a table in Markdown; lists are left to the JSON file."""
    rows = [
        f"| {item['name']} | {_shown(item['value'])} {item['unit']}".rstrip() + f" | `{item['source']}` |"
        for item in summed(figures)
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
