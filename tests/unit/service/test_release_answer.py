"""Letting an answer out: once, only when approved, and in spite of a crash between its two writes."""

from dataclasses import replace
from fractions import Fraction

import pytest
from line_steps import asked, freeze, later, lift, release, review_of, state, vote

from sandbox.service import read_query, recover, release_answer
from sandbox.service.ruling import draw
from sandbox.terms.people import Subject
from sandbox.terms.refusal import AnswerPending, AuditUnavailable, Frozen


def unwritable(*arguments):
    raise AuditUnavailable


def reopen(world):
    world.ledger.close()
    world.open()


def test_a_crash_between_commit_and_release_is_mended_at_the_start(world, monkeypatch):
    monkeypatch.setattr(world.ledger, "release", unwritable)
    query = asked(world)
    assert world.kinds()[-1] == "query.committed"
    assert state(world, query) == "running"  # approved, and not out
    with pytest.raises(AnswerPending):
        release(world, query)
    reopen(world)
    assert recover.recover(world.enclave) == 0  # nothing was forfeited
    assert world.kinds()[-1] == "release.released"
    assert state(world, query) == "done" and release(world, query)["certificate"]
    assert release_answer.release_pending(world.enclave) == 0


def test_whoever_looks_next_finds_it_out(world, monkeypatch):
    """Without a restart: the ledger could not be written for a moment."""
    with monkeypatch.context() as moment:
        moment.setattr(world.ledger, "release", unwritable)
        query = asked(world)
        assert "release.released" not in world.kinds()
    assert state(world, query) == "done"
    assert world.kinds().count("release.released") == 1


def test_between_its_two_writes_a_query_still_runs(world, monkeypatch):
    """Somebody who looks at that very moment sees what they saw before, and does not do the work a second time."""
    seen = []
    write = world.ledger.release

    def watched(record, entry):
        seen.append(read_query.view(world.enclave, world.ann, record.query))
        return write(record, entry)

    monkeypatch.setattr(world.ledger, "release", watched)
    query = asked(world)
    assert [(view.state, view.review) for view in seen] == [("running", None)]
    assert state(world, query) == "done"


def test_released_twice_is_released_once(world):
    query = asked(world)
    before = release(world, query)
    assert release_answer.release(world.enclave, review_of(world, query))
    stale = replace(review_of(world, query), released_entry=None)
    assert release_answer.release(world.enclave, stale)
    assert world.kinds().count("release.released") == 1
    assert release(world, query)["envelope"] == before["envelope"]


def test_what_is_not_approved_is_never_released(bare):
    """Neither by asking, nor by the ledger when it is told a lie."""
    bare.register()
    bare.grant(review="held")
    query = asked(bare)
    review = review_of(bare, query)
    assert not release_answer.release(bare.enclave, review)
    assert release_answer.release_pending(bare.enclave) == 0
    with pytest.raises(ValueError):
        release_answer.release(bare.enclave, replace(review, decision="approved"))
    assert "release.released" not in bare.kinds()
    assert bare.ledger.release_of(review.order) is None


@pytest.mark.parametrize("subject", list(Subject))
def test_a_freeze_before_the_slot_stops_what_would_be_automatic(world, subject):
    query = world.submit()
    name = {"person": "ann", "dataset": "clinic", "grant": world.ledger.standings("ann")[0].grant.id}[subject]
    stop = freeze(world, subject.value, name)
    later(world)
    assert world.kinds()[-1] == "query.committed"
    assert release_answer.release_pending(world.enclave) == 0
    lift(world, stop)
    assert state(world, query) == "done"


def test_nothing_of_a_frozen_dataset_is_handed_out_and_the_same_release_again_after_the_lift(world):
    """As the policy `frozen-dataset` says, and explains."""
    query = asked(world)
    before = release(world, query)
    again = world.submit(key="key-00002")
    stop = freeze(world, "dataset", "clinic")
    for one in (query, again):
        with pytest.raises(Frozen) as frozen:
            release(world, one)
        assert frozen.value.facts["policy"] == "frozen-dataset"
        assert state(world, one) == "done"  # it did leave: the log says so
    lift(world, stop)
    after = release(world, query)
    assert (after["certificate"], after["envelope"]) == (before["certificate"], before["envelope"])
    assert world.kinds().count("release.released") == 1


def test_a_freeze_of_the_grant_or_of_other_data_takes_nothing_back(world):
    query = asked(world)
    freeze(world, "grant", world.ledger.standings("ann")[0].grant.id)
    freeze(world, "dataset", "roads")
    assert state(world, query) == "done" and release(world, query)["envelope"]


def test_a_vote_whose_release_fails_still_counts(bare, monkeypatch):
    bare.register()
    bare.grant(review="held")
    query = asked(bare)
    with monkeypatch.context() as moment:
        moment.setattr(bare.ledger, "release", unwritable)
        assert vote(bare, bare.rita, query).decision == "approved"
    assert release_answer.release_pending(bare.enclave) == 1
    assert state(bare, query) == "done"


def test_the_draw_depends_on_the_order_and_the_key_alone(world):
    orders = [f"o_{number:026d}" for number in range(400)]
    drawn = [draw(world.enclave, order) for order in orders]
    assert drawn == [draw(world.enclave, order) for order in orders]
    assert all(0 <= value < 1 for value in drawn) and len(set(drawn)) == len(drawn)
    low = sum(value < Fraction(1, 20) for value in drawn)
    assert 4 <= low <= 45  # about 20 of 400
    other = replace(world.enclave, tag_key=b"u" * 32)
    assert [draw(other, order) for order in orders] != drawn
