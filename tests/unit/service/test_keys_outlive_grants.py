"""An idempotency key stands for its query whatever has become of the grant, the data or the process since."""

import pytest
from service_world import COUNT, MEAN

from sandbox.terms.refusal import GrantNotInForce, IdempotencyKeyReused


def submit(world, key, sql=COUNT):
    return world.submit(sql, key)


def test_a_retry_after_a_restart_and_the_grant_s_end_still_gives_the_query(bare):
    bare.register()
    bare.grant(days=1)
    first = submit(bare, "key-00001")
    bare.at(3 * 86_400_000)
    bare.ledger.close()
    bare.open()
    assert submit(bare, "key-00001").id == first.id
    with pytest.raises(IdempotencyKeyReused):
        submit(bare, "key-00001", MEAN)
    with pytest.raises(GrantNotInForce):
        submit(bare, "key-00002")


def test_a_submission_that_meets_a_running_query_has_its_entry_too(world):
    first = submit(world, "key-00001")
    size = world.ledger.size()
    assert submit(world, "key-00002").id == first.id
    assert submit(world, "key-00002").id == first.id
    (entry,) = world.entries()[size:]
    assert (entry["kind"], entry["actor"], entry["facts"]["query"]) == ("query.attached", "ann", first.id)
    assert entry["facts"]["text_tag"] == world.entries()[first.receipt.index]["facts"]["text_tag"]
