"""One question from a signed text to a sealed and proved release."""

import json
import threading

import pytest
from line_steps import answer, asked, facts, later, pins, release, released, state, vote
from service_world import COUNT, MEAN, request

from sandbox.plan.canonical import read_plan
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.privacy.mechanism import check_spec
from sandbox.proof.bundle import open_bundle
from sandbox.proof.checkpoint import open_checkpoint
from sandbox.proof.log_export import verify_export
from sandbox.proof.merkle import verify_inclusion
from sandbox.service import check_query, read_log, read_query, read_release
from sandbox.terms.answer import Answer
from sandbox.terms.canonical import digest
from sandbox.terms.refusal import NotFound, ProofFailed, RoleNotPermitted


def test_the_life_of_a_query(world):
    before = world.ledger.size()
    query = world.submit(need="For the yearly report")
    assert query.to_json()["state"] == "running" and query.review is None
    later(world)
    view = read_query.view(world.enclave, world.ann, query.id).to_json()
    assert (view["state"], view["need"], view["key"]) == ("done", "For the yearly report", world.pairs["ann"].id)
    assert view["review"].keys() == {"id", "outcome", "votes_needed"}
    document = release(world, query)
    assert Answer.from_json(answer(world, document)).columns[0].values == ("F", "M")
    assert world.kinds()[before:] == ["query.reserved", "query.committed", "release.released"]
    assert (document["id"], document["cost"], document["reused"]) == (query.id, query.cost.to_json(), False)


def test_the_certificate_states_what_was_asked_measured_and_decided(world):
    query, document = released(world)
    order = world.engine.orders[0]
    found = facts(world, document)
    review = world.ledger.review_of(order.id)
    record = world.ledger.query(query.id)
    grant = world.ledger.standings("ann")[0].grant
    expected = {
        "format": "sandbox/certificate/v4",
        "suite": "sandbox-suite-1",
        "query": query.id,
        "order": order.id,
        "text_tag": world.entries()[query.receipt.index]["facts"]["text_tag"],
        "plan_digest": digest(order.plan),
        "dataset": "clinic",
        "data_version": 1,
        "manifest": "ab" * 32,
        "also": [],
        "also_under": [],
        "mechanism": "discrete gaussian",
        "loss": {"mode": "zcdp", "units": str(order.reserved.units), "delta": "0"},
        "grant": grant.id,
        "grant_version": 1,
        "purpose": "research",
        "person": "ann",
        "organisation": "acme",
        "key": world.pairs["ann"].id,
        "bundle": world.enclave.bundle,
        "clock": {"tick_ms": 250, "on": True},
        "assurance": "software",
        "network": "private",
    }
    assert {name: found[name] for name in expected} == expected
    assert found["review"] == {
        "id": review.opening.id,
        "outcome": review.opening.outcome,
        "votes": 0,
        "decision": "approved",
        "digest": review.opening.digest,
        "profile": "general",
        "approvals": [],
    }
    assert (found["log"]["reserved"], found["log"]["committed"]) == (record.entry, record.settled_entry)
    assert set(found) == set(expected) | {"review", "log", "answer", "envelope", "submission"}


def test_the_receipts_prove_each_entry(world):
    _, document = released(world)
    kinds = {"reserved": "query.reserved", "committed": "query.committed", "released": "release.released"}
    assert set(document["receipts"]) == set(kinds)
    for name, receipt in document["receipts"].items():
        checkpoint = open_checkpoint(receipt["checkpoint"], world.log_key.verifier, "enclave.test")
        proof = [bytes.fromhex(item) for item in receipt["proof"]]
        verify_inclusion(bytes.fromhex(receipt["leaf"]), receipt["index"], checkpoint.size, proof, checkpoint.root)
        assert world.entries()[receipt["index"]]["kind"] == kinds[name]
    stated = world.entries()[document["receipts"]["committed"]["index"]]["facts"]
    kept = world.ledger.query(document["id"]).answer
    assert stated["answer"] == digest(kept) and kept["answer"] == answer(world, document)


def test_the_answer_is_sealed_to_its_analyst_alone(world):
    _, document = released(world)
    assert "integers" not in json.dumps(document) and '"columns"' not in json.dumps(document)
    with pytest.raises(ProofFailed):
        open_bundle(document, world.pairs["bob"], pins(world))
    assert answer(world, document)  # control


def test_the_order_is_what_was_priced_and_the_spec_holds(world):
    query = asked(world, MEAN)
    order = world.engine.orders[0]
    plan, spec = read_plan(order.plan), MeasurementSpec.from_json(order.spec)
    check_spec(plan, spec)
    assert spec.cost == order.reserved == world.ledger.query(query.id).loss


def test_the_log_export_verifies_after_work(world):
    released(world)
    released(world, MEAN, "key-00002", epsilon="0.5")
    released(world, COUNT, "key-00003")
    check_query.check(world.enclave, world.ann, request())
    report = verify_export(read_log.export(world.enclave, world.olga), world.settings.log_key)
    assert report.size == world.ledger.size()
    grant = world.ledger.standings("ann")[0].grant.id
    accounts = world.ledger.accounts("patients", "clinic", grant, "ann")
    assert len({account.spent.units for account in accounts}) == 1


def test_the_text_is_nowhere_in_the_log_in_the_open(world):
    released(world, "select count(*) as canary_7f3a from clinic.visits")
    text = json.dumps(world.entries())
    assert "canary_7f3a" not in text and "select" not in text
    assert '"purpose"' in text  # control: entries do hold what is public


def test_nobody_else_sees_a_query_or_its_release(world):
    world.grant("bob")
    query = asked(world)
    for read in (read_query.view, read_release.release, lambda *a: read_query.wait(*a, 0)):
        with pytest.raises(NotFound) as theirs:
            read(world.enclave, world.bob, query.id)
        with pytest.raises(NotFound) as unknown:
            read(world.enclave, world.bob, "q_" + "0" * 26)
        assert theirs.value.problem() == unknown.value.problem()
        for actor in (world.olga, world.sue, world.administrator):
            with pytest.raises(RoleNotPermitted):
                read(world.enclave, actor, query.id)
    assert read_query.listed(world.enclave, world.bob) == []
    assert [view.id for view in read_query.listed(world.enclave, world.olga)] == [query.id]


@pytest.mark.parametrize("what", ["envelope", "certificate", "order"])
def test_a_stored_release_that_is_not_the_signed_one_is_not_handed_out(world, monkeypatch, what):
    from dataclasses import replace

    query, document = released(world)
    record = world.ledger.release_of(world.engine.orders[0].id)
    certificate = json.loads(json.dumps(record.certificate))
    certificate["facts"]["loss"]["units"] = "1"
    changed = {"envelope": record.envelope + b"x", "certificate": certificate, "order": "o_" + "0" * 26}[what]
    monkeypatch.setattr(world.ledger, "release_of", lambda _order: replace(record, **{what: changed}))
    with pytest.raises(ProofFailed):
        read_release.release(world.enclave, world.ann, query.id)
    monkeypatch.setattr(world.ledger, "release_of", lambda _order: record)
    assert release(world, query)["certificate"] == document["certificate"]  # control


def test_waiting_ends_when_the_query_is_settled(world):
    query = world.submit()
    assert read_query.wait(world.enclave, world.ann, query.id, 0).state == "running"
    assert read_query.wait(world.enclave, world.ann, query.id, -5).state == "running"
    seen = []
    waiter = threading.Thread(target=lambda: seen.append(read_query.wait(world.enclave, world.ann, query.id, 30)))
    waiter.start()
    world.at(60_000)
    waiter.join(10)
    assert [view.state for view in seen] == ["done"]
    assert read_query.wait(world.enclave, world.ann, query.id, 30).state == "done"


def test_a_quote_is_what_the_query_then_costs(world):
    quote = check_query.check(world.enclave, world.ann, request(MEAN)).to_json()
    query = world.submit(MEAN)
    assert quote["cost"] == query.cost.to_json()
    assert quote["verdict"] == "answerable" and quote["spent"] == "0"
    assert quote["wait_ms"] == (query.visible_at - query.accepted_at).total_seconds() * 1000
    assert [account["kind"] for account in quote["accounts"]] == ["grant", "analyst"]
    assert quote["accounts"][0]["more_like_this"] >= 19
    assert quote["plan"]["en"] and quote["plan"]["zh"]
    (error,) = quote["errors"]
    assert error["half_width"] is None and set(error["by_group_size"]) == {"100", "1000", "10000"}
    assert quote["policy"]["permitted_by"] and quote["policy"]["bundle"] == world.enclave.bundle
    assert quote["review"] == {"outcome": "automatic", "votes": 0, "reasons": []}
    assert json.dumps(quote)


def test_nineteen_questions_of_one_fit_into_five(world):
    for number in range(19):
        sql = MEAN.replace("30", str(number))
        asked(world, sql, f"key-{number:05d}")
    assert world.kinds().count("query.committed") == 19


def test_a_pure_space_answers_with_laplace_noise(world):
    world.grant("ann", ("roads",), steward=world.tom, epsilon="2")
    query = asked(
        world, "select sum(km) as km, count(*) as n from roads.trips", epsilon="0.5", need="For planning the new road"
    )
    assert state(world, query) == "in-review"  # important data waits for its votes
    for reviewer in (world.rita, world.rhea):
        vote(world, reviewer, query)
    assert query.cost.to_json() == {
        "space": "drivers",
        "mode": "pure",
        "amount": query.cost.amount,
        "epsilon": "0.5",
        "delta": "0",
    }
    assert 0.49 < float(query.cost.amount) <= 0.5
    assert facts(world, release(world, query))["mechanism"] == "discrete laplace"
