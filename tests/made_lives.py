"""Lives of an enclave as logs: from the fewest entries that lead to a release to everything that can happen."""

from typing import Any

from made_logs import DIGEST, OTHER_DIGEST, PEOPLE, REASON, MadeLog, key_of, limit


def staffed() -> MadeLog:
    """An enclave with its people, their keys, and one loaded dataset."""
    log = MadeLog()
    log.created()
    log.started()
    for name in PEOPLE:
        log.enrolled(name)
        log.mark(f"enrolled {name}")
    log.keys("ann")
    log.mark("keys ann")
    log.keys("bob")
    log.mark("keys bob")
    log.registered()
    log.mark("registered")
    log.loaded()
    log.mark("loaded")
    return log


def opened() -> MadeLog:
    """That enclave with one grant."""
    log = staffed()
    log.requested()
    log.mark("request")
    log.given()
    log.mark("grant")
    return log


def small() -> MadeLog:
    """The fewest entries that lead to a release."""
    log = MadeLog()
    log.created()
    log.enrolled("sue")
    log.enrolled("ann")
    log.keys("ann")
    log.registered()
    log.loaded()
    log.granted()
    log.asked(1)
    log.released(1)
    return log


def also(*named: str, version: int = 1, manifest: str = DIGEST) -> list[dict[str, Any]]:
    """Versions of further datasets, as queries state them."""
    return [{"dataset": name, "data_version": version, "manifest": manifest} for name in named]


def joined() -> MadeLog:
    """That enclave with a second dataset of the unit space and a public one, a grant of both, and questions over all."""
    log = staffed()
    log.registered("dental", new=False, limit=limit(50))
    log.mark("registered dental")
    log.registered("areas", new=False, unit_space=None, limit=None)
    log.mark("registered areas")
    for name in ("dental", "areas"):
        log.loaded(name)
        log.mark(f"loaded {name}")
    log.granted(1, datasets=["clinic", "dental"])
    log.mark("grant of both")
    log.granted(2, first=False)
    log.mark("grant of one")
    log.reserved(1, 20, also=also("areas", "dental"))
    log.mark("reserve 1")
    log.committed(1)
    log.mark("commit 1")
    log.reused(2, 1, also=also("areas", "dental"))
    log.mark("reuse 2")
    log.reserved(3, 20, also=also("areas"), grant="g2")
    log.mark("reserve 3")
    log.committed(3, "held", 1)
    log.mark("commit 3")
    log.voted(3, "rita", "approve", "approved")
    log.mark("vote 3")
    log.released(1)
    log.mark("release 1")
    log.released(3)
    log.mark("release 3")
    return log


def apart() -> MadeLog:
    """That enclave with two datasets and a grant of each, and questions over both under both grants."""
    log = staffed()
    log.registered("dental", new=False, limit=limit(50))
    log.mark("registered dental")
    log.loaded("dental")
    log.mark("loaded dental")
    log.granted(1)
    log.mark("grant of clinic")
    log.granted(2, first=False, datasets=["dental"])
    log.mark("grant of dental")
    both = {"also": also("dental"), "also_under": [{"grant": "g2", "grant_version": 1}]}
    log.reserved(1, 20, **both)
    log.mark("reserve 1")
    log.committed(1)
    log.mark("commit 1")
    log.reused(2, 1, **both)
    log.mark("reuse 2")
    log.released(1)
    log.mark("release 1")
    return log


def lived() -> MadeLog:
    """That enclave after everything that can happen in one has happened. Each query number is its own story."""
    log = opened()

    def step(label: str, method: Any, *args: Any, **kwargs: Any) -> None:
        method(*args, **kwargs)
        log.mark(label)

    # Bob gets less than he asks for; another request of his is declined.
    step("request 2", log.requested, 2, "bob", uses=None, not_before=None)
    narrow = {"columns": ["clinic.visits.age"], "aggregates": ["count"], "epsilon": "5/2", "uses": 4, "review": "two"}
    step("grant 2", log.given, 2, "bob", **narrow)
    step("request 3", log.requested, 3, "bob")
    step("declined", log.declined, 3)
    step("checked", log.add, "query.checked", "ann", text_tag=DIGEST, verdict="answerable", purpose="research")
    step("refused", log.add, "query.refused", "ann", text_tag=DIGEST, code="unknown-table", purpose="research")
    step("explained", log.add, "policy.explained", "olga", person="ann", action="submit")

    step("reserve 1", log.reserved, 1, 100)
    step("commit 1", log.committed, 1)
    step("release 1", log.released, 1)
    step("reuse 2", log.reused, 2, 1)
    step("reserve 3", log.reserved, 3, 7)
    step("forfeit 3", log.forfeited, 3)

    step("reserve 4", log.reserved, 4)
    step("commit 4", log.committed, 4, "sampled")
    step("release 4", log.released, 4)
    step("view 4", log.viewed, 4, "rita")
    step("vote 4", log.voted, 4, "rita", "approve", None, "afterwards")
    step("second vote 4", log.voted, 4, "ray", "reject", None, "afterwards")

    step("reserve 5", log.reserved, 5)
    step("commit 5", log.committed, 5, "held", 1)
    step("reuse 16", log.reused, 16, 5)
    step("view 5", log.viewed, 5, "rita")
    step("vote 5", log.voted, 5, "rita", "approve", "approved")
    step("release 5", log.released, 5)

    step("reserve 6", log.reserved, 6)
    step("commit 6", log.committed, 6, "held", 2)
    step("vote 6", log.voted, 6, "rita")
    step("second vote 6", log.voted, 6, "ray", "approve", "approved")
    step("release 6", log.released, 6)

    step("reserve 7", log.reserved, 7)
    step("commit 7", log.committed, 7, "held", 2)
    step("vote 7", log.voted, 7, "rita", "approve")
    step("second vote 7", log.voted, 7, "ray", "reject")
    step("again 7", log.voted, 7, "ray", "reject", None, "consolidation")
    step("second again 7", log.voted, 7, "rita", "approve", None, "consolidation")
    step("third 7", log.voted, 7, "rose", "approve", "approved", "third")
    step("release 7", log.released, 7)

    step("reserve 8", log.reserved, 8)
    step("commit 8", log.committed, 8, "held", 2)
    step("vote 8", log.voted, 8, "rose", "approve")
    step("second vote 8", log.voted, 8, "ray", "reject")
    step("again 8", log.voted, 8, "rose", "reject", None, "consolidation")
    step("second again 8", log.voted, 8, "ray", "reject", "rejected", "consolidation")

    step("reserve 9", log.reserved, 9)
    step("commit 9", log.committed, 9, "held", 1)
    step("withdrawn 9", log.closed, 9, "withdrawn", "ann")
    step("reserve 10", log.reserved, 10)
    step("commit 10", log.committed, 10, "held", 1)
    step("lapsed 10", log.closed, 10, "lapsed", "enclave")

    # A changed policy resets the votes; the release waits for the end of a freeze, with Ann's older keys.
    step("reserve 11", log.reserved, 11)
    step("commit 11", log.committed, 11, "held", 2)
    step("vote 11", log.voted, 11, "rita")
    step("restart", log.started)
    step("vote 11 anew", log.voted, 11, "ray", digest=OTHER_DIGEST)
    step("second vote 11 anew", log.voted, 11, "rita", "approve", "approved", digest=OTHER_DIGEST)
    step("freeze dataset", log.frozen, 1, "dataset", "clinic")
    step("keys ann 2", log.keys, "ann", 2)
    step("load while frozen", log.loaded, "clinic", 2)
    step("ask to lift dataset", log.lift_asked, 1, by="olga")
    step("lift dataset", log.lifted, 1, by="otto")
    step("release 11", log.released, 11)
    step("reserve 12", log.reserved, 12, data_version=2, key=key_of("ann", 2))
    step("freeze ann", log.frozen, 2, "person", "ann", by="enclave")
    step("commit 12", log.committed, 12)
    step("ask to lift ann", log.lift_asked, 2, by="otto")
    step("lift ann", log.lifted, 2, by="olga")
    step("release 12", log.released, 12, key=key_of("ann", 2))
    step("freeze rose", log.frozen, 3, "person", "rose")

    # Bob's grant demands two votes; it is frozen, and at last revoked while an approved answer waits.
    bob = {"person": "bob", "grant": "g2"}
    step("reserve 13", log.reserved, 13, **bob)
    step("commit 13", log.committed, 13, "held", 2)
    step("vote 13", log.voted, 13, "ray")
    step("second vote 13", log.voted, 13, "rita", "approve", "approved")
    step("release 13", log.released, 13, person="bob")
    step("reserve 14", log.reserved, 14, **bob)
    step("commit 14", log.committed, 14, "held", 2)
    step("freeze grant", log.frozen, 4, "grant", "g2")
    step("ask to lift grant", log.lift_asked, 4)
    step("lift grant", log.lifted, 4)
    step("reuse 17", log.reused, 17, 14, **bob)
    step("vote 14", log.voted, 14, "ray")
    step("second vote 14", log.voted, 14, "rita", "approve", "approved", query="q17")
    step("reserve 18", log.reserved, 18, **bob)
    step("revoke", log.revoked, 2)
    step("commit 18", log.committed, 18, "held", 2)
    step("opened", log.add, "entry.opened", "olga", index=log.labels["reserve 5"], reason=REASON)
    step("searched", log.add, "log.searched", "otto", filter={}, before=None, limit=50)
    step("reserve 15", log.reserved, 15)
    return log
