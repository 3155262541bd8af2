"""The examples that run, and the digest that every reservation names."""

import json
from types import MappingProxyType

import pytest
from policy_world import without
from write_policies_golden import GOLDEN, PAGE, golden, page

from policies import bundle as bundle_module
from policies.bundle import bundle, bundle_digest, profiles
from policies.examples import Failure, examples, run
from policies.rulebook import POLICY_TEXTS, RULEBOOK
from policies.texts import texts
from sandbox.terms.canonical import canonical_bytes, digest

ALL = examples()


def test_the_examples_hold():
    assert run() == []


def test_there_are_enough_examples_each_said_once():
    assert len(ALL) >= 60
    assert len({example.name for example in ALL}) == len(ALL)


def test_every_policy_decides_an_example():
    assert {example.policy for example in ALL} == {*RULEBOOK.rules, "no-permit"}


@pytest.mark.parametrize("policy", RULEBOOK.rules)
def test_the_examples_find_any_policy_that_is_missing(policy):
    """Control: without it, every example that it decides fails."""
    failed = {failure.name for failure in run(without(policy))}
    assert failed >= {example.name for example in ALL if example.policy == policy}


def test_a_failure_says_what_was_expected_and_what_came():
    file = """
[people.ann]
role = "analyst"
organisation = "acme"

[[example]]
words = "An analyst votes"
person = "ann"
action = "vote"
expect = "permit"
policy = "reviewer-reviews"
"""
    expected = Failure("mine: An analyst votes", "permit by reviewer-reviews", "role-not-permitted by no-permit")
    assert run(files={"mine": file}) == [expected]
    assert (
        str(expected)
        == "mine: An analyst votes: expected permit by reviewer-reviews, found role-not-permitted by no-permit"
    )


@pytest.mark.parametrize(
    "file",
    [
        '[[example]]\nwords = "x"\n',
        '[people.a]\nrole = "king"\norganisation = "o"\n[[example]]\n',
        '[people.a]\nrole = "analyst"\norganisation = "o"\n[[example]]\nwords = "x"\nperson = "a"\naction = "sing"\n',
    ],
)
def test_a_malformed_file_does_not_pass(file):
    with pytest.raises((KeyError, ValueError, TypeError)):
        run(files={"mine": file})


def test_the_bundle_is_canonical_and_golden():
    """A change of the rules must be a decision: it changes what every later reservation names. Then write the golden
    anew: python tests/unit/policies/write_policies_golden.py."""
    assert json.loads(GOLDEN.read_text("utf-8")) == golden()
    assert bundle_digest() == digest(bundle())
    assert canonical_bytes(bundle())


def test_the_page_lists_the_policies_in_force():
    """Its tables are generated: python tests/unit/policies/write_policies_golden.py."""
    text = PAGE.read_text("utf-8")
    assert page(text) == text
    assert all(f"`{policy}`" in text for policy in RULEBOOK.rules)


def test_the_bundle_holds_every_text_whole():
    document = bundle()
    assert document["policies"] == dict(POLICY_TEXTS)
    assert document["policies"].keys() == {"roles", "grants", "stewards", "separation", "freezes"}
    assert document["examples"].keys() == {"roles", "grants", "freezes", "separation"}
    assert document["profiles"] == dict(profiles()) == dict(texts("profiles", ".toml"))
    assert document["together"] == [["reviewer", "steward"]]
    assert ["grant-uses", "grant-used-up"] in document["reasons"]


@pytest.mark.parametrize("name", ["SCHEMA_TEXT", "POLICY_TEXTS", "REASONS", "TOGETHER", "SIGHT"])
def test_the_digest_moves_with_every_part(monkeypatch, name):
    changed = {
        "SCHEMA_TEXT": bundle_module.SCHEMA_TEXT + " ",
        "POLICY_TEXTS": {**POLICY_TEXTS, "roles": POLICY_TEXTS["roles"] + " "},
    }
    before = bundle_digest()
    monkeypatch.setattr(bundle_module, name, changed.get(name, MappingProxyType({}) if name == "SIGHT" else ()))
    assert digest(bundle()) != before


def test_the_digest_moves_with_profiles_and_examples(monkeypatch):
    before = bundle_digest()
    for folder in ("profiles", "examples"):

        def other(asked, ending, folder=folder):
            return {**texts(asked, ending), "more": "x = 1\n"} if asked == folder else texts(asked, ending)

        profiles.cache_clear()
        monkeypatch.setattr(bundle_module, "texts", other)
        assert digest(bundle()) != before
        monkeypatch.undo()
    profiles.cache_clear()


def test_a_folder_that_is_not_there_is_empty():
    assert texts("nowhere", ".toml") == {}
