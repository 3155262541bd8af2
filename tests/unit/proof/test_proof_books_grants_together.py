"""Questions that several grants cover together in the log: every false statement of the further grants is found by the books
alone, though the whole log is signed anew. Control: the log itself verifies, and so do changes that keep every law."""

import pytest
from made_lives import apart
from made_logs import KEY

from sandbox.proof.log_export import verify_export
from sandbox.terms.refusal import ProofFailed

DENTAL = {"grant": "g2", "grant_version": 1}


def edit(label, /, **changed):
    return lambda log: log.edit(label, **changed), label


def after(place, label, method, *args):
    return lambda log: log.after(place, getattr(log, method), *args), label


def stated(label):
    """What can be said wrongly of the further grants of an entry."""
    wrong = {
        "nothing": (..., "does not list its also_under"),
        "no list": ({}, "does not list its also_under"),
        "none of them": ([], "does not name"),
        "one twice": ([DENTAL, DENTAL], "in order and in form"),
        "the first one again": ([{**DENTAL, "grant": "g1"}, DENTAL], "in order and in form"),
        "out of order": ([{**DENTAL, "grant": "g3"}, DENTAL], "in order and in form"),
        "no version": ([{"grant": "g2"}], "in order and in form"),
        "more than a grant": ([{**DENTAL, "cost": "0"}], "in order and in form"),
        "another version": ([{**DENTAL, "grant_version": 2}], "not the given one"),
        "a grant that there is not": ([{**DENTAL, "grant": "g9"}], "not the given one"),
    }
    return {f"{label}: {name}": (*edit(label, also_under=value), why) for name, (value, why) in wrong.items()}


MUTATIONS = {
    **stated("reserve 1"),
    **stated("reuse 2"),
    "reserved after one was revoked": (*after("grant of dental", "reserve 1", "revoked", 2), "grant that was revoked"),
    "reserved while one is frozen": (
        *after("grant of dental", "reserve 1", "frozen", 1, "grant", "g2"),
        "g2 is frozen",
    ),
    "reused after one was revoked": (*after("commit 1", "reuse 2", "revoked", 2), "grant that was revoked"),
    "reused while one is frozen": (*after("commit 1", "reuse 2", "frozen", 1, "grant", "g2"), "g2 is frozen"),
    "released after one was revoked": (*after("reuse 2", "release 1", "revoked", 2), "grant that was revoked"),
    "released while one is frozen": (*after("reuse 2", "release 1", "frozen", 1, "grant", "g2"), "g2 is frozen"),
    "one grant is another analyst's": (lambda log: log.edit("grant of dental", analyst="bob"), None, ""),
    "one use too much of the further one": (lambda log: log.edit("grant of dental", uses=1), None, ""),
}


def verified(log):
    return verify_export(log.lines(), KEY.verifier.text)


def test_control_the_log_itself_verifies():
    assert verified(apart()).size == 25


@pytest.mark.parametrize(("mutate", "label", "why"), MUTATIONS.values(), ids=MUTATIONS)
def test_a_false_statement_of_further_grants_is_found(mutate, label, why):
    log = apart()
    mutate(log)
    with pytest.raises(ProofFailed) as refusal:
        verified(log)
    assert why in refusal.value.detail
    if label is not None:
        assert refusal.value.facts["entry"] == log.labels[label], refusal.value.detail


def test_control_a_freeze_that_was_lifted_hinders_nothing():
    log = apart()
    log.frozen(1, "grant", "g2")
    log.thawed(1)
    log.reserved(3, 1, also=log.facts("reserve 1")["also"], also_under=[DENTAL])
    verified(log)
