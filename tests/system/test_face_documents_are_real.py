"""The documents that the face's tests answer with in memory have the fields that the running enclave's have."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from face_documents import DETAILS, GRANT, OFFER, REQUEST, SUMMARY, VIEW, made_id, quote, review_copy

from sandbox.testing import Enclave

SQL = "select sex, count(*) as n from clinic.visits group by sex"
REASON = "The documents are compared"
QUERY = {
    "id", "state", "dataset", "datasets", "purpose", "epsilon", "need", "key", "reused", "cost", "accepted_at", "visible_at", "receipt",
    "review",
}  # fmt: skip
FREEZE = {"id", "subject", "name", "by", "reason", "at", "lift_asked_by", "lifted"}
SUMMARY_OF_REVIEW = {
    "id", "dataset", "grade", "purpose", "outcome", "state", "votes_needed", "voted", "opened_at",
}  # fmt: skip
REVIEW = {
    "id": made_id("rr", 1),
    "outcome": "held",
    "state": "open",
    "votes_needed": 1,
    "votes": [],
    "digest": "00" * 32,
}


def test_the_documents_in_memory_have_the_fields_of_the_real_ones(enclave: Enclave) -> None:
    terms: dict[str, Any] = {"org": "shape-lab", "datasets": ["clinic"], "purpose": "research", "epsilon": "2"}
    ann = enclave.analyst("shape-ann", review="held", **terms)
    running = ann.query(SQL, purpose="research", epsilon="0.1", need="For the comparison").run()
    until = time.monotonic() + 60
    while (query := ann.query_view(running.id, wait=5))["state"] == "running" and time.monotonic() < until:
        time.sleep(0.05)
    review = enclave.reviewer.review(query["review"]["id"])
    (waiting,) = [item for item in enclave.reviewer.reviews() if item["id"] == review["id"]]
    asked = ann.request_grant(["clinic"], "other", "0.1", datetime.now(UTC) + timedelta(days=1), REASON)
    frozen = enclave.officer.freeze("grant", ann.grants()[0]["id"], REASON)
    steward = enclave.steward_of("health-bureau")
    told = steward.explain_policy("shape-ann", "submit-query", dataset="clinic", purpose="research")
    headers = {"Authorization": f"Bearer {enclave.token('shape-ann')}"}
    with httpx.Client(base_url=enclave.url, headers=headers, trust_env=False) as client:
        me = client.get("/v1/me").json()
        body = {"sql": SQL, "purpose": "research", "epsilon": "0.1", "dry_run": True}
        refused = client.post("/v1/queries", json=body).json()
        held = client.get(f"/v1/releases/{running.id}").json()
        fresh = enclave.analyst("shape-bob", **terms)
        quoted = fresh.transport.json("POST", "/v1/queries", body=body)

    in_memory = quote("1", held=True, votes=1)
    copied = review_copy(REVIEW, {"purpose": "", "need": "", "cost": {}}, "reviewer")
    for real, double in (
        (ann.grants()[0], GRANT),
        (asked, REQUEST),
        (ann.catalogue()[0], OFFER),
        (ann.offer("clinic"), OFFER | DETAILS),
        (ann.datasets()[0], SUMMARY),
        (ann.dataset("clinic"), VIEW),
        (quoted, in_memory),
        (quoted["policy"], in_memory["policy"]),
        (quoted["review"], in_memory["review"]),
        (review, copied),
        (review["grant"], copied["grant"]),
        (review["table"], copied["table"]),
        (review["checks"][0], copied["checks"][0]),
    ):
        assert set(real) == set(double)
    assert set(query) == QUERY
    assert set(query["review"]) == {"id", "outcome", "votes_needed"}
    assert set(waiting) == SUMMARY_OF_REVIEW
    assert set(frozen) == FREEZE
    assert set(me) == {"name", "organisation", "role", "identity", "keys", "frozen"}
    assert set(told) == {"allowed", "policies", "code", "bundle"}
    assert (refused["code"], held["code"], held["review"]) == ("frozen", "review-pending", review["id"])
    assert SQL not in str(review) + str(waiting)
