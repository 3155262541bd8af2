"""What each role may know of, and the digest that every reservation names."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from policies.bundle import bundle, bundle_digest
from policies.visible import visible
from sandbox.terms.canonical import canonical_bytes, digest
from sandbox.terms.dataset import Dataset, Grade
from sandbox.terms.people import Grant, Person, Role

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GOLDEN = Path(__file__).parents[2] / "golden" / "policies_bundle.json"


def dataset(name: str, steward: str = "health-bureau") -> Dataset:
    return Dataset(name, name.title(), steward, "people", Grade.GENERAL, Fraction(1), ())


def grant(analyst: str, *datasets: str, org: str = "acme", days: int = 1) -> Grant:
    return Grant(
        "g", 1, analyst, org, datasets, "research", Fraction(1), NOW - timedelta(9), NOW + timedelta(days), "s"
    )


ALL = (dataset("clinic"), dataset("labs"), dataset("roads", "transport"))


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        (Person("ann", "acme", Role.ANALYST), ["clinic"]),
        (Person("ann", "elsewhere", Role.ANALYST), []),
        (Person("bob", "acme", Role.ANALYST), ["labs", "roads"]),
        (Person("zoe", "acme", Role.ANALYST), []),
        (Person("sue", "health-bureau", Role.STEWARD), ["clinic", "labs"]),
        (Person("transport", "x", Role.STEWARD), ["roads"]),
        (Person("ann", "acme", Role.STEWARD), []),
        (Person("olga", "bureau", Role.OFFICER), ["clinic", "labs", "roads"]),
        (Person("adam", "health-bureau", Role.ADMINISTRATOR), []),
    ],
)
def test_each_role_sees_its_own(person, expected):
    grants = [grant("ann", "clinic"), grant("bob", "roads", "labs", days=-1)]
    assert [item.name for item in visible(person, ALL, grants)] == expected


def test_what_is_seen_does_not_depend_on_what_is_not():
    """Adding datasets and grants of others never changes an analyst's sight."""
    ann = Person("ann", "acme", Role.ANALYST)
    few = visible(ann, ALL[:1], [grant("ann", "clinic", "roads")])
    many = visible(
        ann, (*ALL[:1], dataset("labs"), dataset("secret")), [grant("ann", "clinic", "roads"), grant("bob", "secret")]
    )
    assert few == many == ALL[:1]


def test_the_bundle_is_canonical_and_golden():
    """A change of the rules must be a decision: it changes what every later reservation names."""
    assert json.loads(GOLDEN.read_text()) == {"digest": bundle_digest(), "bundle": bundle()}
    assert bundle_digest() == digest(bundle())
    assert canonical_bytes(bundle())


def test_the_digest_moves_with_tables_and_words(monkeypatch):
    before = bundle_digest()
    monkeypatch.setattr("policies.bundle.RULES", ())
    assert bundle_digest() != before
    monkeypatch.undo()
    monkeypatch.setattr("policies.bundle.SIGHT", {})
    assert bundle_digest() != before
