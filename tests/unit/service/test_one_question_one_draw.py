"""Idempotency, reuse and attaching: a grant never pays twice for one question, and never sees two draws of it."""

import threading

import pytest
from line_steps import later, pins, release
from service_world import COUNT, MEAN, request

from sandbox.proof.bundle import verify_bundle
from sandbox.service import check_query, read_query, recover
from sandbox.service.desk import Desk
from sandbox.terms.refusal import BudgetInsufficient, IdempotencyKeyReused, MeasurementForfeited


def submit(world, key, sql=COUNT, actor=None, **more):
    return world.submit(sql, key, actor or "ann", **more)


def spent(world, kind="analyst", owner="ann"):
    accounts = world.ledger.accounts("patients", "clinic", world.ledger.standings(owner)[0].grant.id, owner)
    return next(account.spent.units for account in accounts if account.kind == kind)


def test_the_same_key_gives_the_same_query_and_spends_once(world):
    first = submit(world, "key-00001")
    assert submit(world, "key-00001") == first
    later(world)
    again = submit(world, "key-00001")
    assert (again.id, again.state) == (first.id, "done")
    assert world.kinds().count("query.reserved") == 1 and "query.reused" not in world.kinds()
    assert len(world.engine.orders) == 1


def test_the_same_key_with_another_body_is_refused(world):
    submit(world, "key-00001")
    for other in ({"sql": MEAN}, {"epsilon": "2"}, {"epsilon": "1.0"}, {"purpose": "care"}, {"need": "because"}):
        with pytest.raises(IdempotencyKeyReused):
            submit(world, "key-00001", **other)
    assert world.kinds().count("query.reserved") == 1


def test_keys_of_different_people_are_different_keys(world):
    world.grant("bob")
    assert submit(world, "key-00001").id != submit(world, "key-00001", actor=world.bob).id


def test_after_a_restart_the_ledger_still_knows_the_key(world):
    first = submit(world, "key-00001")
    later(world)
    world.ledger.close()
    world.open()
    assert submit(world, "key-00001").id == first.id
    with pytest.raises(IdempotencyKeyReused):
        submit(world, "key-00001", MEAN)
    assert len(world.engine.orders) == 1


def test_asked_again_the_stored_answer_comes_for_nothing(world):
    first = submit(world, "key-00001")
    later(world)
    before = spent(world)
    again = submit(world, "key-00002")
    assert (again.state, again.reused, again.cost.amount) == ("done", True, "0")
    assert again.id != first.id and again.visible_at == again.accepted_at
    one, two = (release(world, query) for query in (first, again))
    assert one["certificate"] == two["certificate"] and one["envelope"] == two["envelope"]
    assert verify_bundle(one, pins(world)).reused is None and verify_bundle(two, pins(world)).reused == again.id
    assert spent(world) == before and len(world.engine.orders) == 1
    last = world.entries()[-1]
    assert (last["kind"], last["facts"]["of"], last["facts"]["query"]) == ("query.reused", first.id, again.id)
    assert submit(world, "key-00002") == again


@pytest.mark.parametrize("epsilon", ["1", "1.0", "1.000", "1e0"])
def test_other_spellings_are_the_same_question(world, epsilon):
    submit(world, "key-00001")
    later(world)
    text = "SELECT sex,\n COUNT(*) AS n FROM clinic.visits GROUP BY sex -- again"
    assert submit(world, "key-00002", text, epsilon=epsilon).reused


def test_another_epsilon_grant_or_version_is_another_question(world):
    submit(world, "key-00001")
    later(world)
    assert not submit(world, "key-00002", epsilon="1.000000001").reused
    later(world)
    world.load("clinic", "visits", world.sue)
    assert not submit(world, "key-00003").reused
    later(world)
    world.grant("bob")
    assert not submit(world, "key-00004", actor=world.bob).reused
    assert world.kinds().count("query.reserved") == 4


def test_while_it_runs_asking_again_gives_the_running_query(world):
    first = submit(world, "key-00001")
    attached = submit(world, "key-00002")
    assert (attached.id, attached.state, attached.cost) == (first.id, "running", first.cost)
    assert world.kinds()[-1] == "query.attached"
    assert world.kinds().count("query.reserved") == 1
    later(world)
    assert submit(world, "key-00002").id == first.id
    with pytest.raises(IdempotencyKeyReused):
        submit(world, "key-00002", MEAN)


def test_a_hundred_identical_submissions_at_once_are_one_draw(make_world):
    world = make_world(max_running=200, max_running_per_person=200)
    world.register()
    world.grant()
    views, errors = [], []

    def go(number):
        try:
            views.append(submit(world, f"key-{number:05d}"))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=go, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == [] and len(views) == 100 and len({view.id for view in views}) == 1
    later(world)
    assert world.kinds().count("query.reserved") == 1 and len(world.engine.orders) == 1


@pytest.mark.parametrize("settled", [False, True])
def test_a_question_that_was_asked_while_the_engine_was_being_looked_for(world, settled):
    """Between the first look and the reservation somebody else is faster, or even answered already."""
    status, faster = world.engine.status, []

    def interrupted():
        if not faster:
            faster.append(None)
            faster[0] = submit(world, "key-00001")
            if settled:
                later(world)
        return status()

    world.engine.status = interrupted
    second = submit(world, "key-00002")
    assert (second.id == faster[0].id) is not settled and second.reused is settled
    assert world.kinds().count("query.reserved") == 1


def test_control_different_questions_at_once_are_charged_each(make_world):
    world = make_world(max_running=200, max_running_per_person=200)
    world.register()
    world.grant()
    threads = [
        threading.Thread(target=submit, args=(world, f"key-{number:05d}", MEAN.replace("30", str(number))))
        for number in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert world.kinds().count("query.reserved") == 10


def test_a_forfeited_question_may_be_asked_again_at_its_full_cost(world):
    def fail(order):
        raise MeasurementForfeited

    good, world.engine.answer = world.engine.answer, fail
    first = submit(world, "key-00001")
    later(world)
    assert submit(world, "key-00001").state == "failed"
    before = spent(world)
    world.engine.answer = good
    second = submit(world, "key-00002")
    later(world)
    assert (second.reused, second.id == first.id) == (False, False)
    assert spent(world) == 2 * before
    assert read_query.view(world.enclave, world.ann, second.id).state == "done"


def test_of_several_grants_the_one_with_most_left_pays(world):
    rich = world.grant(epsilon="9").grant.id
    quote = check_query.check(world.enclave, world.ann, request())
    assert quote.grant == rich
    query = submit(world, "key-00001")
    assert world.ledger.query(query.id).grant == rich


def test_equal_grants_are_taken_by_id(world):
    twin = world.grant().grant.id
    first, second = sorted([twin, world.ledger.standings("ann")[0].grant.id])
    assert check_query.check(world.enclave, world.ann, request()).grant == first != second


def test_a_question_answered_under_one_grant_is_not_paid_again_under_another(world):
    """The grant with most left changes as it pays; the same question must still find its answer."""
    world.grant(epsilon="5.000001")
    submit(world, "key-00001")
    later(world)
    assert submit(world, "key-00002").reused
    assert world.kinds().count("query.reserved") == 1


def test_reuse_and_a_dead_engine_and_an_empty_account(world):
    """A stored answer needs neither engine nor budget."""
    submit(world, "key-00001", epsilon="5")
    later(world)
    with pytest.raises(BudgetInsufficient):
        submit(world, "key-00002", MEAN, epsilon="5")
    world.engine.alive = False
    assert submit(world, "key-00003", epsilon="5").reused


def test_a_quote_is_as_if_new(world):
    first = check_query.check(world.enclave, world.ann, request()).to_json()
    world.grant("bob")
    submit(world, "key-00001", actor=world.bob)
    later(world)
    assert check_query.check(world.enclave, world.ann, request()).to_json() == first
    submit(world, "key-00002")
    later(world)
    again = check_query.check(world.enclave, world.ann, request()).to_json()
    assert again["cost"] == first["cost"] and again["wait_ms"] == first["wait_ms"]


def test_a_crash_forfeits_what_was_open_and_keeps_it_paid(world):
    world.engine.answer = lambda order: world.clock.sleep_until(10**12)
    query = submit(world, "key-00001")
    before = spent(world)
    world.ledger.close()
    abandoned, world.jobs = world.jobs, type(world.jobs)(world.condition)
    world.open()
    assert abandoned.active > 0
    assert read_query.view(world.enclave, world.ann, query.id).state == "failed"
    assert recover.recover(world.enclave) == 1
    assert recover.recover(world.enclave) == 0
    last = world.entries()[-1]
    assert (last["kind"], last["actor"], last["facts"]["query"]) == ("query.forfeited", "enclave.test", query.id)
    assert spent(world) == before > 0
    assert submit(world, "key-00001").state == "failed"
    world.jobs.active += 0


def test_the_desk_forgets_the_oldest_keys_only():
    desk = Desk()
    for number in range(10_001):
        desk.remember("ann", str(number), "body", "q")
    assert desk.remembered("ann", "0") is None
    assert desk.remembered("ann", "1") == ("body", "q")
