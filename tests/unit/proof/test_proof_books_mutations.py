"""Single mutations of a log that lived through everything, each signed anew by an operator who holds the log's key: the
books alone find them all, and name the entry. Control: the log itself verifies."""

import pytest
from made_lives import lived
from made_logs import DIGEST, KEY, OTHER_DIGEST, SIGNATURE, UNTIL, MadeLog, key_of, limit, loss

from sandbox.proof.log_export import verify_export
from sandbox.terms.refusal import ProofFailed

NAMED = "not enrolled as"
BOB = {"person": "bob", "grant": "g2"}
EARLY, LATE = "2025-12-31T23:59:59.000000Z", "2027-01-01T00:00:00.000001Z"


def edit(label, expected=None, /, **changed):
    """Facts changed in one entry; that one is named, or another."""
    return lambda log: log.edit(label, **changed), expected or label


def review(label, expected=None, /, **changed):
    """The same within the review that a commit opens."""
    return lambda log: log.edit(label, review={**log.facts(label)["review"], **changed}), expected or label


def drop(label, expected):
    return lambda log: log.drop(label), expected


def swap(one, other, expected):
    return lambda log: log.swap(one, other), expected


def insert(label, method, *args, expected="new", **changed):
    return lambda log: log.after(label, getattr(log, method), *args, **changed), expected


MUTATIONS = {
    # people and keys
    "created twice": (*insert("loaded", "created"), "exists already"),
    "enrolled twice": (*insert("loaded", "enrolled", "ann"), "second time"),
    "a role that is none": (*edit("enrolled ann", role="king"), "role that there is not"),
    "no organisation": (*edit("enrolled ann", organisation=""), "does not name its organisation"),
    "an identity that is none": (*edit("enrolled ann", identity=7), "identity"),
    "never enrolled": (*drop("enrolled ann", "keys ann"), "nobody enrolled"),
    "a reviewer never enrolled": (*drop("enrolled rose", "third 7"), NAMED),
    "keys by somebody else": (*edit("keys ann", actor="olga"), "for somebody else"),
    "keys to another person": (*edit("keys ann", person="bob"), "for somebody else"),
    "another sealing half": (*edit("keys ann", sealing=SIGNATURE[:43] + "="), "id that is not theirs"),
    "the halves exchanged": (
        lambda log: log.edit(
            "keys ann", sealing=log.facts("keys ann")["signing"], signing=log.facts("keys ann")["sealing"]
        ),
        "keys ann",
        "id that is not theirs",
    ),
    "another id": (*edit("keys ann", key=key_of("bob")), "id that is not theirs"),
    "half a key": (*edit("keys ann", signing="AAAA"), "not 32 bytes in Base64"),
    "keys twice": (*insert("loaded", "keys", "ann"), "second time"),
    "keys never registered": (*drop("keys ann", "reserve 1"), "never registered"),
    "newer keys never registered": (*drop("keys ann 2", "reserve 12"), "never registered"),
    # datasets and accounts
    "registered twice": (*insert("loaded", "registered", new=False), "second time"),
    "never registered": (*drop("registered", "loaded"), "not registered"),
    "never loaded": (*drop("loaded", "reserve 1"), "never loaded"),
    "loaded twice": (*insert("loaded", "loaded"), "second time"),
    "another manifest": (*edit("loaded", "reserve 1", manifest=OTHER_DIGEST), "never loaded"),
    "another version": (*edit("reserve 1", data_version=2), "never loaded"),
    "a narrower dataset": (*edit("registered", "reserve 3", limit=limit(104)), "dataset account of clinic over"),
    "a narrower space": (
        lambda log: log.edit("registered", space={**log.facts("registered")["space"], "limit": limit(104)}),
        "reserve 3",
        "space account of people over",
    ),
    "core data": (*edit("registered", "reserve 1", grade="core"), "grade core"),
    "no grade": (*edit("registered", grade="secret"), "grade that there is not"),
    # requests and grants
    "a request never made": (*drop("request", "grant"), "never made"),
    "a request for somebody else": (*edit("request", actor="sue"), "somebody else"),
    "a request of another analyst": (
        *edit("request", "grant", actor="bob", analyst="bob", organisation="rival"),
        "analyst",
    ),
    "a request by no analyst": (*edit("request", actor="sue", analyst="sue", organisation="bureau"), NAMED),
    "a request of another organisation": (*edit("request", organisation="rival"), "another organisation"),
    "a request made twice": (*insert("request", "requested"), "second time"),
    "a request for nothing": (*edit("request", datasets=[]), "names no dataset"),
    "a request for unknown data": (*edit("request", datasets=["other"]), "not registered"),
    "a request without reason": (*edit("request", reason=""), "reason"),
    "a request that ends first": (*edit("request", not_before=UNTIL), "ends before it begins"),
    "an approval before its request": (*swap("request", "grant", "grant"), "never made"),
    "a request granted twice": (
        *insert("grant", "given", 9, request="gr1", first=False),
        "decided already",
    ),
    "a declined request granted": (*insert("declined", "given", 3, "bob", first=False), "decided already"),
    "a granted request declined": (*insert("grant", "declined", 1), "decided already"),
    "a grant given twice": (*edit("grant 2", grant="g1"), "second time"),
    "a grant on another's request": (*edit("grant", "grant", request="gr9"), "never made"),
    "declined by an analyst": (*edit("declined", actor="ann"), NAMED),
    "declined without reason": (*edit("declined", reason=...), "reason"),
    "self-approval": (*edit("grant", actor="ann"), NAMED),
    "the same human under two names approves": (*edit("enrolled sue", "grant", identity="staff-1"), "own request"),
    "the same human without identity approves": (*edit("enrolled ann", "grant", identity="sue"), "own request"),
    "given by an officer": (*edit("grant", actor="olga"), NAMED),
    "given by the enclave": (*edit("grant", actor="enclave"), NAMED),
    "given to another analyst": (*edit("grant", analyst="bob", organisation="rival"), "something else: analyst"),
    "given for another purpose": (*edit("grant", purpose="sales"), "something else: purpose"),
    "given more tables": (*edit("grant", tables=["clinic.stays", "clinic.staff"]), "tables"),
    "given more columns": (*edit("grant 2", columns=["clinic.visits.name"]), "columns"),
    "given more aggregates": (*edit("grant", aggregates=["count", "count-units"]), "aggregates"),
    "given an unknown aggregate": (*edit("grant", aggregates=["max"]), "aggregate that there is not"),
    "given more epsilon": (*edit("grant", epsilon="51/10"), "epsilon"),
    "given more uses": (*edit("grant", uses=41), "uses"),
    "given endless uses": (*edit("grant", uses=None), "uses"),
    "given longer": (*edit("grant", not_after=LATE), "not_after"),
    "given sooner": (*edit("grant", not_before=EARLY), "not_before"),
    "given from no time": (*edit("grant 2", not_before=None), "not_before"),
    "asked for less columns": (*edit("request", "grant", columns=[]), "columns"),
    "asked for less epsilon": (*edit("request 2", "grant 2", epsilon="2"), "epsilon"),
    "asked for less uses": (*edit("request", "grant", uses=1), "uses"),
    "asked for a shorter term": (*edit("request", "grant", not_after="2026-12-01T00:00:00.000000Z"), "not_after"),
    "asked for a later term": (*edit("request", "grant", not_before="2026-02-01T00:00:00.000000Z"), "not_before"),
    "no signature": (*edit("grant", signature=...), "signature"),
    "a short signature": (*edit("grant", signature="AAAA"), "not 64 bytes"),
    "a review duty that is none": (*edit("grant", review="none"), "review that there is not"),
    "a grant never given": (*drop("grant", "reserve 1"), "not the given one"),
    "a grant of less money": (
        *edit("grant", "reserve 3", limits={"people": {"grant": limit(104), "analyst": limit(500)}}),
        "grant account of g1 over",
    ),
    "an analyst of less money": (
        *edit("grant", "reserve 3", limits={"people": {"grant": limit(500), "analyst": limit(104)}}),
        "analyst account of ann over",
    ),
    "revoked by its analyst": (*edit("revoke", actor="bob"), NAMED),
    "revoked without reason": (*edit("revoke", reason=""), "reason"),
    "revoked twice": (*insert("revoke", "revoked", 2), "revoked already"),
    "revoked unknown": (*edit("revoke", grant="g7"), "never given"),
    # queries
    "reserved twice": (*insert("forfeit 3", "reserved", 3), "second time"),
    "an order taken twice": (*edit("reserve 4", order="o3"), "second time"),
    "more spent": (*edit("reserve 1", loss=loss(501)), "grant account of g1 over"),
    "nothing spent": (*edit("reserve 1", loss=loss(0)), "reserves nothing"),
    "another grant's version": (*edit("reserve 1", grant_version=2), "not the given one"),
    "another's grant": (*edit("reserve 1", grant="g2"), "person or a dataset"),
    "another's query": (*edit("reserve 1", person="bob", key=key_of("bob")), "person or a dataset"),
    "another's key": (*edit("reserve 1", key=key_of("bob")), "never registered"),
    "no key": (*edit("reserve 1", key=...), "does not name its key"),
    "a key from the future": (*edit("reserve 1", key=key_of("ann", 2)), "never registered"),
    "a reused answer to another's key": (*edit("reuse 2", key=key_of("bob")), "never registered"),
    "over the uses": (*edit("grant 2", "reserve 18", uses=3), "more often"),
    "over the uses by reuse": (*insert("reserve 18", "reused", 19, 13, **BOB), "more often"),
    "over the uses by one more": (*insert("reserve 18", "reserved", 19, **BOB), "more often"),
    "reserved after revocation": (*swap("reserve 18", "revoke", "reserve 18"), "was revoked"),
    "released after an early revocation": (
        *insert("reserve 13", "revoked", 2, expected="release 13"),
        "was revoked",
    ),
    "reused after revocation": (*insert("revoke", "reused", 19, 13, **BOB), "was revoked"),
    "reused before the answer": (*swap("commit 1", "reuse 2", "reuse 2"), "never committed"),
    "reused across grants": (*edit("reuse 17", of="q1"), "another grant"),
    "settled without a reservation": (*drop("reserve 4", "commit 4"), "never reserved"),
    "settled before the reservation": (*swap("reserve 4", "commit 4", "commit 4"), "never reserved"),
    "settled twice": (*insert("commit 4", "committed", 4), "second time"),
    "settled by another query": (*edit("commit 4", query="q3"), "never reserved"),
    "settled through a reused query": (*edit("commit 4", query="q2", order="o1"), "second time"),
    "forfeited and committed": (*insert("forfeit 3", "committed", 3), "second time"),
    "no answer": (*edit("commit 4", answer="x"), "not a SHA-256"),
    # what opens a review
    "no review": (*edit("commit 1", review=...), "does not state its review"),
    "an outcome that is none": (*review("commit 1", outcome="waved-through"), "outcome that there is not"),
    "held without votes": (*review("commit 5", votes=0), "number of votes"),
    "held for three votes": (*review("commit 6", votes=3), "number of votes"),
    "automatic with votes": (*review("commit 1", votes=1), "number of votes"),
    "the grant's duty forgotten": (*review("commit 13", outcome="automatic", votes=0), "than its grant demands"),
    "half the grant's duty": (*review("commit 13", votes=1), "than its grant demands"),
    "a review opened twice": (*review("commit 4", id="rr1"), "second time"),
    "a review under no digest": (*review("commit 5", digest="x"), "not a SHA-256"),
    "a review under no profile": (*review("commit 5", profile=""), "profile"),
    "a review with reasons that are none": (*review("commit 5", reasons="few-groups"), "reasons"),
    # votes
    "viewed by an analyst": (*edit("view 5", actor="bob"), NAMED),
    "viewed by nobody": (*edit("view 5", actor="enclave"), NAMED),
    "viewed at random": (*edit("view 5", review="rr99"), "never opened"),
    "a vote by an officer": (*edit("vote 5", actor="olga"), NAMED),
    "a vote by a steward": (*edit("vote 5", actor="sue"), NAMED),
    "a vote by the author": (*edit("vote 5", actor="ann"), NAMED),
    "a vote by the enclave": (*edit("vote 5", actor="enclave"), NAMED),
    "a vote by the author's other name": (*edit("enrolled rita", "view 4", identity="staff-1"), "human who asked"),
    "a reviewer with the author's identity": (
        *edit("enrolled ann", "second vote 4", identity="ray"),
        "human who asked",
    ),
    "a vote by the author's organisation": (
        *edit("enrolled ray", "second vote 4", organisation="acme"),
        "organisation",
    ),
    "an author of the reviewer's organisation": (
        *edit("enrolled rose", "third 7", organisation="acme"),
        "organisation that asked",
    ),
    "a forged vote": (*insert("commit 5", "voted", 5, "bob", "approve", "approved"), NAMED),
    "a vote too much": (*insert("vote 5", "voted", 5, "ray", "reject", "rejected"), "not open"),
    "a vote on an automatic release": (*insert("commit 1", "voted", 1, "ray", "reject", "rejected"), "not open"),
    "the same human votes twice": (*edit("second vote 6", actor="rita"), "does not take"),
    "the same human votes twice under two names": (
        *edit("enrolled ray", "second vote 4", identity="staff-7"),
        "not take",
    ),
    "the same human decides a conflict": (*edit("third 7", actor="ray"), "does not take"),
    "a stranger consolidates": (*edit("again 7", actor="rose"), "does not take"),
    "a vote in a later round": (*edit("vote 7", round="third"), "not due"),
    "a vote in no round": (*edit("vote 7", round="final"), "round that there is not"),
    "a vote afterwards on a held one": (*edit("vote 6", round="afterwards"), "not due"),
    "an early vote on a sampled one": (*edit("vote 4", round="independent"), "not due"),
    "a sampled one decided afterwards": (*edit("second vote 4", decision="rejected"), "does not follow"),
    "a verdict that is none": (*edit("vote 6", verdict="abstain"), "verdict that there is not"),
    "a vote without reason": (*edit("vote 6", reason=""), "reason"),
    "a verdict turned": (*edit("vote 5", verdict="reject"), "does not follow"),
    "a second verdict turned": (*edit("second vote 6", verdict="reject"), "does not follow"),
    "a third verdict turned": (*edit("third 7", verdict="reject"), "does not follow"),
    "a consolidated verdict turned": (*edit("second again 8", verdict="approve"), "does not follow"),
    "a conflict turned into agreement": (*edit("second vote 7", verdict="approve"), "does not follow"),
    "a decision of one vote of two": (*edit("vote 6", decision="approved"), "does not follow"),
    "a decision forgotten": (*edit("second vote 6", decision=None), "does not follow"),
    "a decision left out": (*edit("second vote 6", decision=...), "decision"),
    "a decision turned": (*edit("vote 5", decision="rejected"), "does not follow"),
    "a vote on another digest": (*edit("vote 5", digest=OTHER_DIGEST), "something else"),
    "votes on two digests": (*edit("second vote 11 anew", digest=DIGEST), "something else"),
    "votes carried over a change": (*edit("vote 11 anew", decision="approved"), "does not follow"),
    "a changed digest without restart": (*drop("restart", "vote 11 anew"), "something else"),
    "a vote on another query": (*edit("vote 5", query="q4"), "another query"),
    "a vote on another review": (*edit("vote 5", review="rr4"), "another query"),
    "a vote dropped": (*drop("vote 6", "second vote 6"), "does not follow"),
    "a consolidated vote dropped": (*drop("again 7", "third 7"), "not due"),
    "the deciding vote dropped": (*drop("vote 5", "release 5"), "no decision approved"),
    "two votes exchanged": (*swap("second vote 7", "again 7", "again 7"), "not due"),
    "fewer votes asked for": (*review("commit 6", "vote 6", votes=1), "does not follow"),
    "more votes asked for": (*review("commit 5", "vote 5", votes=2), "does not follow"),
    # what ends a review, and what leaves
    "withdrawn by a stranger": (*edit("withdrawn 9", actor="bob"), "somebody else"),
    "lapsed by the author": (*edit("lapsed 10", actor="ann"), "only the enclave"),
    "closed as approved": (*edit("withdrawn 9", decision="approved"), "decision that there is not"),
    "closed after the decision": (*insert("vote 5", "closed", 5, "withdrawn", "ann"), "not open"),
    "voted after the withdrawal": (*insert("withdrawn 9", "voted", 9, "ray", "approve", "approved"), "not open"),
    "released before the decision": (*swap("vote 5", "release 5", "release 5"), "no decision"),
    "released after one vote of two": (*swap("second vote 6", "release 6", "release 6"), "no decision"),
    "released without a commit": (*swap("commit 1", "release 1", "release 1"), "never opened"),
    "released though rejected": (*insert("second again 8", "released", 8), "no decision"),
    "released though withdrawn": (*insert("withdrawn 9", "released", 9), "no decision"),
    "released though lapsed": (*insert("lapsed 10", "released", 10), "no decision"),
    "released while held": (*insert("commit 9", "released", 9), "no decision"),
    "released twice": (*insert("release 5", "released", 5), "second time"),
    "released to another's key": (*edit("release 5", key=key_of("bob")), "another key"),
    "released to newer keys": (*edit("release 11", key=key_of("ann", 2)), "another key"),
    "released to another query": (*edit("release 5", query="q16"), "another query"),
    "released as another order": (*edit("release 5", order="o6"), "another query or order"),
    "released on another review": (*edit("release 6", review="rr5"), "another query"),
    "released without certificate": (*edit("release 5", certificate="x"), "not a SHA-256"),
    "released without envelope": (*edit("release 5", envelope=...), "envelope"),
    "released after revocation": (*insert("revoke", "released", 14, person="bob"), "was revoked"),
    # freezes
    "frozen by an analyst": (*edit("freeze dataset", actor="ann"), NAMED),
    "frozen by a steward": (*edit("freeze dataset", actor="sue"), NAMED),
    "frozen what there is not": (*edit("freeze dataset", name="other"), "that there is not"),
    "frozen of another kind": (*edit("freeze dataset", subject="query"), "subject that there is not"),
    "frozen nobody": (*edit("freeze ann", name="zoe"), "that there is not"),
    "frozen no grant": (*edit("freeze grant", name="g9"), "that there is not"),
    "frozen twice": (*insert("freeze dataset", "frozen", 9, "dataset", "clinic"), "frozen already"),
    "a freeze's id twice": (*edit("freeze ann", freeze="f1"), "taken"),
    "frozen without reason": (*edit("freeze ann", reason=""), "reason"),
    "lifted by one officer": (*edit("lift dataset", actor="olga"), "no other officer"),
    "lifted by one human under two names": (
        *edit("enrolled otto", "lift dataset", identity="staff-3"),
        "no other officer",
    ),
    "lifted without the first": (*drop("ask to lift dataset", "lift dataset"), "no other officer"),
    "lifting asked twice": (*insert("ask to lift dataset", "lift_asked", 1, by="otto"), "second time"),
    "lifted by a steward": (*edit("lift dataset", actor="sue"), NAMED),
    "lifting asked by the frozen": (*edit("ask to lift ann", actor="ann"), NAMED),
    "lifted twice": (*insert("lift dataset", "lifted", 1), "not in force"),
    "lifted before the freeze": (*swap("freeze dataset", "ask to lift dataset", "ask to lift dataset"), "not in force"),
    "lifted another": (*edit("lift dataset", freeze="f9"), "not in force"),
    "never lifted": (*drop("lift dataset", "release 11"), "dataset clinic is frozen"),
    "a person never let go": (*drop("lift ann", "release 12"), "person ann is frozen"),
    "a grant never let go": (*drop("lift grant", "reuse 17"), "grant g2 is frozen"),
    "reserved of a frozen dataset": (*insert("freeze dataset", "reserved", 19), "dataset clinic is frozen"),
    "reused of a frozen dataset": (*insert("freeze dataset", "reused", 19, 1), "dataset clinic is frozen"),
    "reserved by a frozen person": (*insert("freeze ann", "reserved", 19), "person ann is frozen"),
    "reserved under a frozen grant": (*insert("freeze grant", "reserved", 19, **BOB), "grant g2 is frozen"),
    "released of a frozen dataset": (*insert("freeze dataset", "released", 11), "dataset clinic is frozen"),
    "released to a frozen person": (*insert("commit 12", "released", 12, key=key_of("ann", 2)), "person ann is frozen"),
    "released of a frozen grant": (
        *insert("vote 13", "frozen", 9, "grant", "g2", expected="release 13"),
        "grant g2 is frozen",
    ),
    "a vote of a frozen reviewer": (*insert("commit 13", "voted", 13, "rose"), "person rose is frozen"),
    "a grant of a frozen steward": (
        *insert("request", "frozen", 9, "person", "sue", by="enclave", expected="grant"),
        "person sue is frozen",
    ),
    "vote of who gave the grant": (edit("enrolled sue", identity="staff-7")[0], "vote 4", "the same human gave"),
    # openings
    "opened what is not sealed": (*edit("opened", index=0), "no sealed request"),
    "opened for no reason": (*edit("opened", reason="because"), "too short"),
}
HARMLESS = {
    "a view less": lambda log: log.drop("view 5"),
    "a narrower grant": lambda log: log.edit("grant", columns=["clinic.visits.age"], tables=["clinic.visits"]),
    "a shorter term": lambda log: log.edit("grant", not_before="2026-02-01T00:00:00.000000Z"),
    "votes in the other order": lambda log: log.swap("again 7", "second again 7"),
    "the last use": lambda log: log.edit("grant", uses=14),
    "no identity": lambda log: log.edit("enrolled ann", identity=...),
    "a steward who reviews elsewhere": lambda log: log.enrolled(
        "sid", role="steward", organisation="bureau", identity="staff-7"
    ),
    "a review that decides sooner than its revocation": lambda log: log.swap("revoke", "commit 18"),
}


def verified(log: MadeLog):
    return verify_export(log.lines(), KEY.verifier.text)


def test_there_are_enough():
    assert len(MUTATIONS) >= 120


def test_control_the_log_itself_verifies():
    assert verified(lived()).size == 105


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_single_mutation_is_found_and_named(name):
    mutate, expected, words = MUTATIONS[name]
    log = lived()
    mutate(log)
    with pytest.raises(ProofFailed) as caught:
        verified(log)
    assert words in caught.value.detail
    assert caught.value.facts["entry"] == log.labels[expected], caught.value.detail
    assert caught.value.detail.startswith(f"Entry {log.labels[expected]} (")


@pytest.mark.parametrize("name", HARMLESS)
def test_control_changes_that_keep_every_law_verify(name):
    """So it is the laws that refuse above, not the difference."""
    log = lived()
    HARMLESS[name](log)
    verified(log)
