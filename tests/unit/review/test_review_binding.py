"""The digest that votes are bound to: golden bytes, and every part of it matters."""

import json
from pathlib import Path

import pytest

from sandbox.review.binding import review_digest

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "review-digest-v2.json").read_text("utf-8"))
PARTS = GOLDEN["parts"]


def test_the_golden_digest() -> None:
    assert review_digest(**PARTS) == GOLDEN["digest"]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_bound(part: str) -> None:
    value = PARTS[part]
    other = value + 1 if isinstance(value, int) else [] if isinstance(value, list) else value[:-1] + "f"
    assert review_digest(**{**PARTS, part: other}) != GOLDEN["digest"]


def test_parts_do_not_change_places() -> None:
    swapped = {**PARTS, "manifest": PARTS["answer_digest"], "answer_digest": PARTS["manifest"]}
    assert review_digest(**swapped) != GOLDEN["digest"]
