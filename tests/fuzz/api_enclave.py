"""An enclave in which something of every kind exists, for the walk over its calls: who may ask, and good requests."""

import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from api_walk import Good, Walk
from tests_support import CLINIC

from sandbox.client.connection import Connection
from sandbox.proof.key_pairs import new_key_pair, prove_possession, prove_rotation
from sandbox.proof.submission import Submission, sign_submission
from sandbox.testing import Enclave

SQL = "select sex, count(*) as n from clinic.visits group by sex"
REASON = "The walk over all calls"
SAID = {"reason": REASON}
TERMS: dict[str, Any] = {"org": "api-lab", "datasets": ["clinic"], "purpose": "research", "epsilon": "20"}
DAY = timedelta(days=1)


def walk_of(enclave: Enclave, visits: Path, examples: int, number: int) -> Walk:
    """The walk over an enclave that has just started."""
    enclave.load(CLINIC, {"visits": visits})
    goods = goods_of(enclave)
    names = {
        "administrator": "administrator",
        "steward": "steward-of-health-bureau",
        "analyst": "api-ann",
        "reviewer": "reviewer",
        "officer": "officer",
    }
    tokens = {"nobody": None, **{role: enclave.token(name) for role, name in names.items()}}
    document = httpx.get(f"{enclave.url}/v1/openapi.json", trust_env=False).json()
    return Walk(enclave.url, document, tokens, goods, examples, number)


def settled(analyst: Connection, purpose: str) -> str:
    """The id of a question of the analyst's whose answer was measured."""
    query = analyst.query(SQL, purpose=purpose, epsilon="0.1", need=REASON).run()
    until = time.monotonic() + 60
    while analyst.query_view(query.id, wait=5)["state"] == "running" and time.monotonic() < until:
        time.sleep(0.05)
    return query.id


def goods_of(enclave: Enclave) -> dict[str, list[Good]]:
    """For each call a request that somebody may make, over things made for it."""
    ann = enclave.analyst("api-ann", **TERMS)
    query = settled(ann, "research")
    withdrawn = settled(enclave.analyst("api-ann", review="held", **TERMS | {"purpose": "held work"}), "held work")
    settled(enclave.analyst("api-held", review="held", **TERMS), "research")
    waiting = next(
        item for item in enclave.reviewer.reviews() if item["purpose"] == "research" and item["outcome"] == "held"
    )  # others are drawn by lot
    review = enclave.reviewer.review(waiting["id"])
    requests = [str(asked(ann)["id"]) for _ in range(2)]
    grant, spare = ann.grants()[-1]["id"], enclave.analyst("api-spare", **TERMS).grants()[0]["id"]
    freeze = str(enclave.officer.freeze("person", "api-spare", REASON)["id"])
    refused_load = {"files": {"visits": "not-there.csv"}}
    steward = enclave.steward
    load = steward.transport.json("POST", "/v1/datasets/clinic/versions", body=refused_load)["id"]
    clinic, one, index = {"name": "clinic"}, {"query": query}, {"index": "7"}
    until = (datetime.now(UTC) + DAY).isoformat()
    wanted = {"datasets": ["clinic"], "purpose": "other", "epsilon": "1", "not_after": until, "reason": REASON}
    asking = {"sql": SQL, "purpose": "research", "epsilon": "0.2"}
    vote = {"verdict": "approve", "reason": REASON, "digest": review["digest"]}
    explained = {"person": "api-ann", "action": "submit-query", "dataset": "clinic", "purpose": "research"}
    described = CLINIC.replace('"clinic"', '"clinic-2"').replace("clinic-patients", "clinic-2-patients")
    sought = {"actor": "api-ann", "text": SQL, "since": "2020-01-01T00:00:00Z", "limit": 50}
    index_of_query = {"index": str(ann.query_view(query)["receipt"]["index"])}
    return {
        "POST /v1/people": [Good(body={"name": "api-new", "organisation": "acme", "role": "officer"})],
        "POST /v1/me/keys": [Good(body=new_keys(enclave, "api-ann"))],
        "GET /v1/catalogue/{name}": [Good(clinic)],
        "POST /v1/datasets": [Good(body={"description": described})],
        "GET /v1/datasets/{name}": [Good(clinic)],
        "POST /v1/datasets/{name}/versions": [Good(clinic, body=refused_load)],
        "GET /v1/loads/{load}": [Good({"load": load})],
        "POST /v1/grant-requests": [Good(body=wanted)],
        "POST /v1/grant-requests/{request}/approval": [Good({"request": requests[0]}, body={"epsilon": "0.5"})],
        "POST /v1/grant-requests/{request}/refusal": [Good({"request": requests[1]}, body=SAID)],
        "GET /v1/grants/{grant}": [Good({"grant": grant})],
        "POST /v1/grants/{grant}/revocation": [Good({"grant": spare}, body=SAID)],
        "POST /v1/queries": [Good(body=asking | {"dry_run": True}), signed(enclave, "api-ann", asking)],
        "GET /v1/queries/{query}": [Good(one)],
        "POST /v1/queries/{query}/withdrawal": [Good({"query": withdrawn}, body={})],
        "GET /v1/releases/{query}": [Good(one)],
        "GET /v1/reviews/{review}": [Good({"review": review["id"]})],
        "POST /v1/reviews/{review}/votes": [Good({"review": review["id"]}, body=vote)],
        "POST /v1/freezes": [Good(body={"subject": "person", "name": "api-held", "reason": REASON})],
        "POST /v1/freezes/{freeze}/lift": [Good({"freeze": freeze}, body=SAID)],
        "POST /v1/policy/explanation": [Good(body=explained)],
        "GET /v1/log/proof/inclusion/{index}": [Good(index)],
        "GET /v1/log/proof/consistency": [Good(query={"old": "3", "new": "7"})],
        "POST /v1/log/search": [Good(body=sought)],
        "GET /v1/log/entries/{index}": [Good(index)],
        "POST /v1/log/entries/{index}/open": [Good(index_of_query, body=SAID)],
    }


def asked(analyst: Connection) -> dict[str, Any]:
    return analyst.request_grant(["clinic"], "other", "1", datetime.now(UTC) + DAY, REASON)


def new_keys(enclave: Enclave, name: str) -> dict[str, str]:
    """Public halves in the place of the ones that the person has."""
    new, current = new_key_pair(name), enclave.keys.pairs(enclave.name, name)[-1]
    halves = {
        "sealing": new.public.sealing,
        "signing": new.public.signing,
        "proof": prove_possession(new, enclave.name),
        "rotation": prove_rotation(current, new.public, enclave.name),
    }
    return {part: b64encode(half).decode() for part, half in halves.items()}


def signed(enclave: Enclave, name: str, asking: dict[str, str]) -> Good:
    """A question that runs."""
    pair, key = enclave.keys.pairs(enclave.name, name)[-1], "the-walk-over-all-calls"
    submission = Submission(enclave.name, name, pair.id, **asking, need="", idempotency_key=key)
    proof = {"key": pair.id, "signature": sign_submission(pair, submission)}
    return Good(body=asking | proof, headers={"Idempotency-Key": key})
