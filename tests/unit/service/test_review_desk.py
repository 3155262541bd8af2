"""Held answers: who sees what of them, how votes count, and what reaches their author when."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from line_steps import (
    answer,
    asked,
    facts,
    freeze,
    later,
    lift,
    look,
    pins,
    release,
    review_of,
    revoke,
    state,
    vote,
)
from service_world import COUNT, answer_to

from sandbox.proof.bundle import verify_bundle
from sandbox.proof.log_export import verify_export
from sandbox.service import read_log, read_query, review_desk
from sandbox.service.ports import Entry
from sandbox.service.ruling import binding
from sandbox.terms.answer import CountColumn
from sandbox.terms.refusal import (
    AlreadyDecided,
    AuditUnavailable,
    Frozen,
    MalformedRequest,
    NotFound,
    OwnRequest,
    ReleaseLapsed,
    ReleaseRefused,
    ReleaseWithdrawn,
    ReviewChanged,
    ReviewPending,
    RoleNotPermitted,
)

SECRET = 87_654_321


@pytest.fixture
def held(bare):
    """ann's grant asks for one vote before every release; every count is SECRET and more."""

    def secret(order):
        made = answer_to(order)
        columns = [
            replace(column, integers=tuple(SECRET + n for n in range(made.rows)))
            if isinstance(column, CountColumn)
            else column
            for column in made.columns
        ]
        return replace(made, columns=tuple(columns))

    bare.register()
    bare.grant(review="held")
    bare.engine.answer = secret
    return bare


@pytest.fixture
def two(bare):
    """ann's grant asks for two blind votes."""
    bare.register()
    bare.grant(review="two")
    return bare


def restarted(world, bundle):
    """Started again with other policies, which the log says."""
    world.enclave = replace(world.enclave, bundle=bundle)
    facts = {"bundle": bundle, "clock": {"tick_ms": 250, "on": True}, "network": "private"}
    world.ledger.append(Entry("enclave.started", world.clock.now(), world.settings.name, facts))


def all_of_the_author_s_faces(world, query) -> str:
    seen = [
        read_query.view(world.enclave, world.ann, query.id).to_json(),
        [item.to_json() for item in read_query.listed(world.enclave, world.ann)],
    ]
    try:
        seen.append(release(world, query))
    except Exception as error:
        seen.append(error.problem())
    return json.dumps(seen)


def test_what_is_held_reaches_its_author_only_after_approval(held):
    query = asked(held)
    assert state(held, query) == "in-review"
    with pytest.raises(ReviewPending) as pending:
        release(held, query)
    assert pending.value.facts == {"review": review_of(held, query).opening.id, "spent": query.cost.amount}
    assert str(SECRET) not in all_of_the_author_s_faces(held, query)
    assert held.kinds()[-1] == "query.committed"
    seen = look(held, held.rita, query)
    assert seen["table"]["rows"] == [["F", SECRET], ["M", SECRET + 1]]  # the reviewer does see it
    assert state(held, query) == "in-review"
    view = vote(held, held.rita, query).to_json()
    assert (view["state"], view["decision"]) == ("approved", "approved")
    assert held.kinds()[-3:] == ["review.viewed", "review.voted", "release.released"]
    assert state(held, query) == "done"
    found = answer(held, release(held, query))
    assert found["columns"][1]["integers"] == [str(SECRET), str(SECRET + 1)]
    certified = facts(held, release(held, query))["review"]
    assert (certified["outcome"], certified["votes"]) == ("held", 1)
    assert certified["approvals"] == [{"entry": held.kinds().index("review.voted"), "round": "independent"}]
    assert "rita" not in json.dumps(release(held, query))  # who voted is the officers' to know
    assert verify_export(read_log.export(held.enclave, held.olga), held.settings.log_key).size == held.ledger.size()


def test_what_is_refused_never_leaves_and_its_author_hears_why_not_from_whom(held):
    query = asked(held)
    vote(held, held.rita, query, "reject", "The groups are too fine")
    assert state(held, query) == "refused"
    with pytest.raises(ReleaseRefused) as refusal:
        release(held, query)
    problem = refusal.value.problem()
    assert (problem["reason"], problem["spent"]) == ("The groups are too fine", query.cost.amount)
    assert "rita" not in json.dumps(problem) and str(SECRET) not in all_of_the_author_s_faces(held, query)
    assert "release.released" not in held.kinds()
    for verdict in ("approve", "reject"):
        with pytest.raises(AlreadyDecided):
            vote(held, held.rhea, query, verdict)


def test_a_copy_says_what_is_asked_in_words_and_never_shows_the_text(held):
    query = asked(held, "select sex, count(*) as canary_5d from clinic.visits group by sex", need="For the report")
    copy = look(held, held.rita, query)
    assert {"id", "sentence", "plan", "cost", "bounds", "checks", "table", "digest", "votes"} <= set(copy)
    assert (copy["author"], copy["organisation"], copy["need"]) == ("ann", "acme", "For the report")
    assert copy["cost"] == query.cost.to_json() and copy["table"]["level"] == 0.95
    low, high = copy["table"]["intervals"]["canary_5d"][0]
    assert low < SECRET < high
    assert "select" not in json.dumps(copy)
    assert "grant-held" in [check["id"] for check in copy["checks"] if check["outcome"] == "held"]


def test_a_look_is_in_the_log_before_anything_is_seen(held, monkeypatch):
    query = asked(held)

    def fail(entry):
        raise AuditUnavailable

    monkeypatch.setattr(held.ledger, "append", fail)
    with pytest.raises(AuditUnavailable):
        look(held, held.rita, query)
    monkeypatch.undo()
    look(held, held.rita, query)
    last = held.entries()[-1]
    assert (last["kind"], last["actor"]) == ("review.viewed", "rita")
    assert last["facts"]["review"] == review_of(held, query).opening.id


def test_the_plan_is_still_shown_when_grants_have_come_and_gone(held):
    query = asked(held)
    held.grant(columns=["clinic.visits.age"], purpose="care")
    held.at(40 * 86_400_000)
    assert look(held, held.rita, query)["plan"]["en"]


def test_reviewers_of_the_author_s_organisation_know_of_no_review(held):
    inside = held.enrol("nina", "acme", "reviewer")
    query = asked(held)
    assert review_desk.listed(held.enclave, inside) == []
    known = review_of(held, query).opening.id
    problems = []
    for review in (known, "rr_" + "0" * 26):
        with pytest.raises(NotFound) as unknown:
            review_desk.copy(held.enclave, inside, review)
        problems.append(unknown.value.problem())
        with pytest.raises(NotFound) as unknown:
            review_desk.vote(held.enclave, inside, review, "approve", "Nothing speaks against it", "0" * 64)
        problems.append(unknown.value.problem())
    assert all(problem == problems[0] for problem in problems)
    assert len(review_desk.listed(held.enclave, held.rita)) == 1  # control


@pytest.mark.parametrize("identity", ["sue", "staff-17"])
def test_who_gave_a_grant_as_steward_does_not_review_under_it(held, identity):
    """One human may be steward and reviewer, but never for the same thing; the second is somebody else: the control."""
    both = held.enrol("sela", "archive", "reviewer", identity)
    query = asked(held)
    if identity == "sue":
        assert review_desk.listed(held.enclave, both) == []
        with pytest.raises(OwnRequest):
            vote(held, both, query)
        assert "review.voted" not in held.kinds() and state(held, query) == "in-review"
        assert len(review_desk.listed(held.enclave, held.rita)) == 1
    else:
        assert vote(held, both, query).decision == "approved"


@pytest.mark.parametrize("who", ["ann", "bob", "sue", "olga", "administrator"])
def test_only_reviewers_review(held, who):
    query = asked(held)
    actor, review = getattr(held, who), review_of(held, query).opening.id
    for act in (
        lambda: review_desk.listed(held.enclave, actor),
        lambda: review_desk.copy(held.enclave, actor, review),
        lambda: review_desk.vote(held.enclave, actor, review, "approve", "Nothing speaks against it", "0" * 64),
    ):
        with pytest.raises(RoleNotPermitted):
            act()
    with pytest.raises(RoleNotPermitted):
        review_desk.withdraw(held.enclave, held.rita, query.id)


@pytest.mark.parametrize(("verdict", "reason"), [("maybe", "A good reason"), ("approve", ""), ("approve", "a\nb")])
def test_a_vote_is_a_verdict_with_a_reason(held, verdict, reason):
    query = asked(held)
    with pytest.raises(MalformedRequest):
        vote(held, held.rita, query, verdict, reason)
    assert "review.voted" not in held.kinds()


def test_two_blind_votes_that_agree(two):
    query = asked(two)
    assert read_query.view(two.enclave, two.ann, query.id).review["votes_needed"] == 2
    assert vote(two, two.rita, query).decision is None
    with pytest.raises(AlreadyDecided):
        vote(two, two.rita, query)  # one human, one vote
    blind = look(two, two.rhea, query)
    assert (blind["votes"], blind["round"]) == ([], "independent")
    assert [item["reviewer"] for item in look(two, two.rita, query)["votes"]] == ["rita"]
    assert [item.voted for item in review_desk.listed(two.enclave, two.rita)] == [True]
    assert [item.voted for item in review_desk.listed(two.enclave, two.rhea)] == [False]
    assert state(two, query) == "in-review"
    assert vote(two, two.rhea, query).decision == "approved"
    assert state(two, query) == "done"
    approvals = facts(two, release(two, query))["review"]["approvals"]
    assert [two.entries()[item["entry"]]["actor"] for item in approvals] == ["rita", "rhea"]
    assert review_desk.listed(two.enclave, two.rita) == []


def test_conflict_consolidation_and_a_third(two):
    query = asked(two)
    vote(two, two.rita, query, "approve")
    vote(two, two.rhea, query, "reject", "Too many cells")
    copy = look(two, two.rita, query)
    assert copy["round"] == "consolidation" and len(copy["votes"]) == 2
    with pytest.raises(ReviewChanged):
        vote(two, two.rolf, query)  # not before the two have looked again
    vote(two, two.rita, query, "approve")
    vote(two, two.rhea, query, "reject", "Still too many cells")
    assert state(two, query) == "in-review"
    with pytest.raises(AlreadyDecided):
        vote(two, two.rita, query)  # the third is another human
    assert vote(two, two.rolf, query, "reject", "It can be coarser").decision == "rejected"
    with pytest.raises(ReleaseRefused) as refusal:
        release(two, query)
    assert refusal.value.facts["reason"] == "Too many cells / Still too many cells / It can be coarser"
    assert verify_export(read_log.export(two.enclave, two.olga), two.settings.log_key)


def test_a_vote_on_anything_else_than_what_is_there_does_not_count(held):
    query = asked(held)
    with pytest.raises(ReviewChanged):
        vote(held, held.rita, query, digest="0" * 64)
    assert "review.voted" not in held.kinds() and state(held, query) == "in-review"


def test_votes_are_reset_when_the_policies_change(two):
    query = asked(two)
    old = look(two, two.rita, query)["digest"]
    vote(two, two.rita, query)
    restarted(two, bundle="cd" * 32)
    assert look(two, two.rhea, query)["digest"] != old
    with pytest.raises(ReviewChanged):
        vote(two, two.rhea, query, digest=old)
    assert vote(two, two.rhea, query).decision is None  # the first of the new two
    assert state(two, query) == "in-review"
    assert vote(two, two.rita, query).decision == "approved"
    assert state(two, query) == "done"
    assert verify_export(read_log.export(two.enclave, two.olga), two.settings.log_key)


@pytest.mark.parametrize("what", ["plan_digest", "data_version", "manifest", "answer"])
def test_the_binding_covers_plan_data_answer_and_policies(held, what):
    record = held.ledger.query(asked(held).id)
    before = binding(held.enclave, record)
    if what == "answer":
        record = replace(record, answer={"answer": {"order": "another"}})
    else:
        other = 2 if what == "data_version" else "ef" * 32
        record = replace(record, request=record.request | {"measured": record.request["measured"] | {what: other}})
    assert binding(held.enclave, record) != before


def test_two_votes_at_once_both_count(two, monkeypatch):
    """The second reviewer's vote was reckoned before the first one's was written: it is reckoned anew."""
    query, cast, between = asked(two), two.ledger.vote, []

    def interrupted(*arguments):
        if not between:
            between.append(True)
            vote(two, two.rita, query)
        return cast(*arguments)

    monkeypatch.setattr(two.ledger, "vote", interrupted)
    assert vote(two, two.rhea, query).decision == "approved"
    assert state(two, query) == "done"


def test_the_author_withdraws(held):
    query = asked(held)
    view = review_desk.withdraw(held.enclave, held.ann, query.id)
    assert view.state == "withdrawn" and held.kinds()[-1] == "review.closed"
    with pytest.raises(ReleaseWithdrawn) as withdrawn:
        release(held, query)
    assert withdrawn.value.problem()["spent"] == query.cost.amount != "0"
    assert review_desk.listed(held.enclave, held.rita) == []
    for act in (lambda: review_desk.withdraw(held.enclave, held.ann, query.id), lambda: vote(held, held.rita, query)):
        with pytest.raises(AlreadyDecided):
            act()
    again = held.submit(key="key-00002")  # the same question is the same answer
    assert (again.state, again.reused) == ("withdrawn", True)


def test_only_what_is_under_review_and_one_s_own_is_withdrawn(world):
    query = world.submit()
    with pytest.raises(AlreadyDecided):
        review_desk.withdraw(world.enclave, world.ann, query.id)  # it runs
    with pytest.raises(NotFound):
        review_desk.withdraw(world.enclave, world.bob, query.id)
    later(world)
    with pytest.raises(AlreadyDecided):
        review_desk.withdraw(world.enclave, world.ann, query.id)  # it is out


LOOKS = {
    "the author looks": state,
    "reviewers list": lambda world, _: review_desk.listed(world.enclave, world.rita),
    "a reviewer looks": lambda world, query: look(world, world.rita, query),
    "a reviewer votes": lambda world, query: vote(world, world.rita, query, digest="0" * 64),
    "the author reads": release,
}


@pytest.mark.parametrize("first", LOOKS)
def test_a_grant_revoked_while_its_review_is_open_ends_it(held, first):
    query = asked(held)
    revoke(held, held.ledger.standings("ann")[0].grant.id)
    with suppress(AlreadyDecided, ReleaseLapsed):
        LOOKS[first](held, query)
    assert review_of(held, query).decision == "lapsed"
    assert held.kinds().count("review.closed") == 1
    assert state(held, query) == "lapsed"
    with pytest.raises(AlreadyDecided):
        vote(held, held.rita, query)
    with pytest.raises(ReleaseLapsed) as lapsed:
        release(held, query)
    assert lapsed.value.problem()["spent"] == query.cost.amount
    assert "release.released" not in held.kinds()
    assert verify_export(read_log.export(held.enclave, held.olga), held.settings.log_key)


@pytest.mark.parametrize(("subject", "name"), [("person", "ann"), ("dataset", "clinic"), ("grant", None)])
def test_what_is_approved_under_a_freeze_waits_for_its_lift(held, subject, name):
    query = asked(held)
    stop = freeze(held, subject, name or held.ledger.standings("ann")[0].grant.id)
    assert vote(held, held.rita, query).decision == "approved"
    assert "release.released" not in held.kinds()
    if subject != "person":  # a frozen person sees nothing at all
        assert state(held, query) == "stopped"
        with pytest.raises(Frozen) as frozen:
            release(held, query)
        assert frozen.value.problem()["spent"] == query.cost.amount
    lift(held, stop)
    assert held.kinds().count("release.released") == 1
    assert state(held, query) == "done"


def test_approved_frozen_then_revoked_is_lapsed_for_good(held):
    query = asked(held)
    grant = held.ledger.standings("ann")[0].grant.id
    stop = freeze(held, "dataset", "clinic")
    vote(held, held.rita, query)
    revoke(held, grant)
    assert state(held, query) == "lapsed"
    lift(held, stop)
    assert state(held, query) == "lapsed" and "release.released" not in held.kinds()


def test_a_reused_answer_follows_the_first_query_s_review(held):
    first = asked(held)
    again = held.submit(key="key-00002")
    assert (again.state, again.reused, again.cost.amount) == ("in-review", True, "0")
    assert again.review == read_query.view(held.enclave, held.ann, first.id).review
    with pytest.raises(ReviewPending):
        release(held, again)
    vote(held, held.rita, first)
    assert (state(held, first), state(held, again)) == ("done", "done")
    assert release(held, again)["envelope"] == release(held, first)["envelope"]
    assert verify_bundle(release(held, again), pins(held)).reused == again.id
    assert held.kinds().count("release.released") == 1
    third = held.submit(COUNT, "key-00003")
    assert third.state == "done"


def test_what_is_sampled_is_out_at_once_and_looked_at_afterwards(world, monkeypatch):
    monkeypatch.setattr("sandbox.service.settle_query.draw", lambda enclave, order: 0)
    query = asked(world)
    assert state(world, query) == "done"
    assert read_query.view(world.enclave, world.ann, query.id).review["outcome"] == "sampled"
    (item,) = review_desk.listed(world.enclave, world.rita)
    assert (item.outcome, item.votes_needed, item.voted) == ("sampled", 0, False)
    seen = vote(world, world.rita, query, "reject", "It should have been coarser")
    assert seen.decision is None
    assert review_desk.listed(world.enclave, world.rita) == []
    assert state(world, query) == "done" and release(world, query)["certificate"]
    with pytest.raises(AlreadyDecided):
        vote(world, world.rhea, query)


def test_an_automatic_review_is_nobody_s_to_see(world, monkeypatch):
    monkeypatch.setattr("sandbox.service.settle_query.draw", lambda enclave, order: 0.99)
    query = asked(world)
    assert review_desk.listed(world.enclave, world.rita) == []
    with pytest.raises(NotFound):
        look(world, world.rita, query)


def test_a_vote_without_a_reason_that_the_log_keeps_is_none(held):
    query = asked(held)
    for reason in ("", "ok", "x" * 501):
        with pytest.raises(MalformedRequest, match="reason"):
            vote(held, held.rita, query, reason=reason)
    assert "review.voted" not in held.kinds()
    assert vote(held, held.rita, query, reason="It is fine").decision == "approved"  # the control: ten characters
