"""The page on review is fresh, and names every knob."""

import pytest
from write_review_reference import PAGE, PARTS, page

from sandbox.review.diagram import diagram
from sandbox.review.profile import KNOBS
from sandbox.review.rule_words import WORDS

TEXT = PAGE.read_text("utf-8")


def test_the_generated_parts_are_fresh() -> None:
    assert page(TEXT) == TEXT, "run: python tests/unit/review/write_review_reference.py"


def test_a_stale_part_is_seen() -> None:
    stale = TEXT.replace("[*] --> measured", "[*] --> approved")
    assert stale != TEXT
    assert page(stale) == TEXT


@pytest.mark.parametrize("part", PARTS)
def test_a_page_without_its_part_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match=part):
        page(TEXT.replace(f"<!-- {part}: end -->", ""))


def test_the_page_has_the_diagram_the_rules_and_the_knobs() -> None:
    assert f"```mermaid\n{diagram()}\n```" in TEXT
    assert all(f"| `{rule}` |" in TEXT for rule in WORDS)
    assert all(f"| `{knob}` |" in TEXT for knob in KNOBS)
