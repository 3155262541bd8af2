"""A submission is good for what its signer signed and for nothing else; and it is checked before anything happens."""

from dataclasses import replace

import pytest
from line_steps import asked, facts, later, release, state
from service_world import COUNT, MEAN, ask

from sandbox.proof.bundle import open_bundle
from sandbox.proof.key_pairs import new_key_pair
from sandbox.proof.submission import Submission, check_submission, sign_submission
from sandbox.service import submit_query
from sandbox.service.signed_request import submission_of
from sandbox.terms.refusal import Fault, KeysRequired, ProofFailed, Refusal, SignatureInvalid


def send(world, request, key="key-00001", by="ann"):
    return submit_query.submit(world.enclave, world.person(by), request, key)


def refused(world, request, key="key-00001", by="ann") -> str:
    """The code; nothing was spent, run, reused or attached, and the log says that it was refused."""
    size, orders = world.ledger.size(), len(world.engine.orders)
    with pytest.raises(Refusal) as refusal:
        send(world, request, key, by)
    (entry,) = world.entries()[size:]
    assert (entry["kind"], entry["facts"]["code"]) == ("query.refused", refusal.value.code)
    assert len(world.engine.orders) == orders
    return refusal.value.code


CHANGES = {
    "sql": MEAN,
    "purpose": "care",
    "epsilon": "2",
    "need": "for something else",
    "signature": "A" * 86 + "==",
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_signature_is_good_for_one_body_only(world, field):
    good = ask(world)
    assert refused(world, replace(good, **{field: CHANGES[field]})) == "signature-invalid"
    assert send(world, good).state == "running"  # control


def test_another_spelling_of_the_same_loss_is_another_text(world):
    assert refused(world, replace(ask(world, epsilon="1"), epsilon="1.0")) == "signature-invalid"
    assert send(world, ask(world, epsilon="1.0")).state == "running"


def test_a_signature_is_good_for_one_idempotency_key_only(world):
    good = ask(world, key="key-00001")
    first = send(world, good, "key-00001")
    assert refused(world, good, "key-00002") == "signature-invalid"  # while it runs: not attached
    later(world)
    assert refused(world, good, "key-00003") == "signature-invalid"  # answered: not reused
    assert send(world, good, "key-00001").id == first.id  # control: the same submission again
    assert world.kinds().count("query.reserved") == 1 and "query.reused" not in world.kinds()


def test_a_known_key_does_not_open_the_door_to_an_unsigned_request(world):
    good = ask(world)
    send(world, good)
    assert refused(world, replace(good, signature="")) == "signature-invalid"


def test_a_submission_is_nobody_else_s(world):
    world.grant("bob")
    ann, bob = ask(world, by="ann"), ask(world, by="bob")
    assert refused(world, ann, by="bob") == "keys-required"  # ann's keys are none of bob's
    assert refused(world, replace(ann, key=bob.key), by="bob") == "signature-invalid"
    assert refused(world, replace(bob, signature=ann.signature), by="bob") == "signature-invalid"
    assert send(world, bob, by="bob").state == "running"  # control


def test_a_submission_for_another_enclave_is_none_for_this_one(world):
    pair = world.pairs["ann"]
    elsewhere = Submission("enclave.other", "ann", pair.id, COUNT, "research", "1", "", "key-00001")
    assert refused(world, replace(ask(world), signature=sign_submission(pair, elsewhere))) == "signature-invalid"


@pytest.mark.parametrize("key", ["", "k_" + "0" * 32, "nonsense"])
def test_without_registered_keys_nothing_is_asked(world, key):
    assert refused(world, replace(ask(world), key=key)) == "keys-required"


def test_keys_that_were_never_registered(world):
    stranger = new_key_pair("ann")
    submission = Submission(world.settings.origin, "ann", stranger.id, COUNT, "research", "1", "", "key-00001")
    request = replace(ask(world), key=stranger.id, signature=sign_submission(stranger, submission))
    with pytest.raises(KeysRequired):
        send(world, request)


def test_earlier_keys_are_still_good_and_get_the_answer(world):
    before = world.pairs["ann"]
    signed_before = ask(world)
    now = world.register_keys(world.ann)
    query = send(world, signed_before)
    later(world)
    document = release(world, query)
    assert facts(world, document)["key"] == before.id != now.id
    from line_steps import pins

    assert open_bundle(document, before, pins(world)).answer
    with pytest.raises(ProofFailed):
        open_bundle(document, now, pins(world))


def test_the_ledger_keeps_what_was_signed(world):
    query = asked(world, epsilon="1.0", need="For the yearly report")
    record = world.ledger.query(query.id)
    submission, signature = submission_of(record)
    assert (submission.epsilon, record.request["epsilon"]) == ("1.0", "1")
    assert submission.idempotency_key == "key-00001"
    check_submission(world.pairs["ann"].public, submission, signature)
    with pytest.raises(SignatureInvalid):  # control
        check_submission(world.pairs["ann"].public, replace(submission, need=""), signature)


def test_a_grant_that_is_not_the_signed_one_runs_nothing(world, monkeypatch):
    """Somebody wrote a wider grant into the ledger: its signature is that of the old one."""
    (standing,) = world.ledger.standings("ann")
    wide = replace(standing, grant=replace(standing.grant, purpose="anything"))
    size = world.ledger.size()
    monkeypatch.setattr(world.ledger, "standings", lambda analyst=None: [wide])
    with pytest.raises(Fault):
        send(world, ask(world, purpose="anything"))
    assert world.ledger.size() == size and world.engine.orders == []
    monkeypatch.undo()
    assert send(world, ask(world)).state == "running"  # control
    assert state(world, send(world, ask(world))) == "running"
