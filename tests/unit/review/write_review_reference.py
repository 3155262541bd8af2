"""The generated parts of review.md. Run this file to write them: python tests/unit/review/write_review_reference.py"""

from pathlib import Path

from sandbox.review.diagram import STATE_WORDS, diagram
from sandbox.review.rule_words import WORDS

PAGE = Path(__file__).parents[3] / "sandbox" / "docs" / "reference" / "review.md"


def rules() -> str:
    """Every rule by its id."""
    lines = ["| Rule | Says | 说明 |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{rule}` | {english} | {chinese} |" for rule, (english, chinese) in WORDS.items())])


def states() -> str:
    """Every state, and the diagram of what leads where."""
    lines = ["| State | Means | 说明 |", "|---|---|---|"]
    lines += [f"| `{state}` | {english} | {chinese} |" for state, (english, chinese) in STATE_WORDS.items()]
    return "\n".join([*lines, "", "```mermaid", diagram(), "```"])


PARTS = {"rules": rules, "states": states}


def page(text: str) -> str:
    """The page with its generated parts made anew."""
    for name, make in PARTS.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"the page needs the part {name} once")
        head, tail = text.partition(begin)[0], text.partition(end)[2]
        text = f"{head}{begin}\n{make()}\n\n{end}{tail}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
