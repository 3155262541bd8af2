"""One question from text to a proved release."""

import json
import threading

import pytest
from service_world import COUNT, MEAN, request

from sandbox.plan.canonical import read_plan
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.privacy.mechanism import check_spec
from sandbox.proof.certificate import verify_certificate
from sandbox.proof.checkpoint import open_checkpoint
from sandbox.proof.log_export import verify_export
from sandbox.proof.merkle import verify_inclusion
from sandbox.service import check_query, read_log, read_query, read_release, submit_query
from sandbox.terms.answer import Answer
from sandbox.terms.canonical import digest
from sandbox.terms.refusal import NotFound, ProofFailed, RoleNotPermitted


def released(world, sql=COUNT, key="key-00001", **more):
    query = submit_query.submit(world.enclave, world.ann, request(sql, **more), key)
    world.at(world.clock.elapsed * 1000 + 60_000)
    return query, read_release.release(world.enclave, world.ann, query.id)


def test_the_life_of_a_query(world):
    before = world.ledger.size()
    query, release = released(world)
    assert query.to_json()["state"] == "running"
    assert read_query.view(world.enclave, world.ann, query.id).state == "done"
    assert Answer.from_json(release.answer).columns[0].values == ("F", "M")
    assert world.kinds()[before:] == ["query.reserved", "query.committed"]
    assert release.cost == query.cost and not release.reused


def test_the_release_is_proved_by_certificate_receipts_and_log(world):
    query, release = released(world)
    key = world.enclave.release_key.verifier
    facts = verify_certificate(release.certificate, key)
    order = world.engine.orders[0]
    assert facts == {
        "format": "sandbox/certificate/v1",
        "query": query.id,
        "order": order.id,
        "text_tag": world.entries()[query.receipt.index]["facts"]["text_tag"],
        "plan_digest": facts["plan_digest"],
        "dataset": "clinic",
        "data_version": 1,
        "manifest": "ab" * 32,
        "mechanism": "discrete gaussian",
        "loss": {"mode": "zcdp", "units": str(order.reserved.units), "delta": "0"},
        "grant": order_grant(world),
        "answer": digest(release.answer),
        "clock": {"tick_ms": 250, "on": True},
        "assurance": "software",
        "network": "private",
        "log": {"index": query.receipt.index, "origin": "enclave.test"},
    }
    for receipt, kind in ((release.reserved_receipt, "query.reserved"), (release.receipt, "query.committed")):
        checkpoint = open_checkpoint(receipt.checkpoint, world.log_key.verifier, "enclave.test")
        proof = [bytes.fromhex(item) for item in receipt.proof]
        verify_inclusion(bytes.fromhex(receipt.leaf), receipt.index, checkpoint.size, proof, checkpoint.root)
        assert world.entries()[receipt.index]["kind"] == kind
    stated = world.entries()[release.receipt.index]["facts"]
    assert stated["answer"] == digest({"answer": release.answer, "certificate": release.certificate})


def order_grant(world):
    return world.ledger.grants("ann")[0].id


def test_the_order_is_what_was_priced_and_the_spec_holds(world):
    query, _ = released(world, MEAN)
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
    accounts = world.ledger.accounts("patients", "clinic", order_grant(world), "ann")
    assert len({account.spent.units for account in accounts}) == 1


def test_the_text_is_nowhere_in_the_log_in_the_open(world):
    released(world, "select count(*) as canary_7f3a from clinic.visits")
    text = json.dumps(world.entries())
    assert "canary_7f3a" not in text and "select" not in text
    assert '"purpose"' in text  # control: entries do hold what is public


def test_nobody_else_sees_a_query_or_its_release(world):
    world.grant("bob")
    query, _ = released(world)
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


def test_a_stored_answer_that_is_not_the_signed_one_is_not_handed_out(world, monkeypatch):
    from dataclasses import replace

    query, _ = released(world)
    record = world.ledger.query(query.id)
    forged = json.loads(json.dumps(record.answer))
    forged["answer"]["columns"][1]["integers"][0] = "1"
    monkeypatch.setattr(world.ledger, "query", lambda _id: replace(record, answer=forged))
    with pytest.raises(ProofFailed):
        read_release.release(world.enclave, world.ann, query.id)


def test_waiting_ends_when_the_query_is_settled(world):
    query = submit_query.submit(world.enclave, world.ann, request(), "key-00001")
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
    query = submit_query.submit(world.enclave, world.ann, request(MEAN), "key-00001")
    assert quote["cost"] == query.cost.to_json()
    assert quote["verdict"] == "answerable" and quote["spent"] == "0"
    assert quote["wait_ms"] == (query.visible_at - query.accepted_at).total_seconds() * 1000
    assert [account["kind"] for account in quote["accounts"]] == ["grant", "analyst"]
    assert quote["accounts"][0]["more_like_this"] >= 19
    assert quote["plan"]["en"] and quote["plan"]["zh"]
    (error,) = quote["errors"]
    assert error["half_width"] is None and set(error["by_group_size"]) == {"100", "1000", "10000"}
    assert json.dumps(quote)


def test_nineteen_questions_of_one_fit_into_five(world):
    for number in range(19):
        sql = MEAN.replace("30", str(number))
        submit_query.submit(world.enclave, world.ann, request(sql), f"key-{number:05d}")
        world.at(world.clock.elapsed * 1000 + 60_000)
    assert world.kinds().count("query.committed") == 19


def test_a_pure_space_answers_with_laplace_noise(world):
    world.grant("ann", ("roads",), steward=world.tom, epsilon="2")
    query, release = released(world, "select sum(km) as km, count(*) as n from roads.trips", epsilon="0.5")
    assert query.cost.to_json() == {
        "space": "drivers",
        "mode": "pure",
        "amount": query.cost.amount,
        "epsilon": "0.5",
        "delta": "0",
    }
    assert 0.49 < float(query.cost.amount) <= 0.5
    assert release.certificate["facts"]["mechanism"] == "discrete laplace"
