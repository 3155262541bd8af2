"""Keys, requests, grants, reviews, freezes and explanations over HTTP: what reaches the service, and what comes back."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from face_world import FREEZE_ID, GRANT_ID, NOW, PAIR, REQUEST_ID, REVIEW_ID, World, made_id, query_id

from sandbox.faces.http.problems import problem_response
from sandbox.proof.bundle import open_bundle, verify_bundle
from sandbox.proof.key_pairs import KeyPair, prove_possession, prove_rotation
from sandbox.proof.submission import Submission, sign_submission
from sandbox.terms.refusal import Withheld, catalogue

REASON = "Agreed with the data protection officer"
ORIGIN = "enclave.test"
SQL = "select sex, count(*) as n from clinic.visits group by sex"


class Trusted:
    """What somebody pinned of the world's enclave."""

    def __init__(self, world: World) -> None:
        self.origin = world.origin
        self.log_key = world.log_key.verifier.text
        self.release_key = world.release_key.verifier.text


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, trust_env=False) as opened:
        yield opened


def as_(role: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{role}", **more}


def post(client: httpx.Client, role: str, path: str, body: dict[str, Any]) -> httpx.Response:
    return client.post(f"/v1/{path}", json=body, headers=as_(role))


def keys_body(pair: KeyPair, current: KeyPair | None = None) -> dict[str, str]:
    halves = {"sealing": pair.public.sealing, "signing": pair.public.signing, "proof": prove_possession(pair, ORIGIN)}
    if current is not None:
        halves["rotation"] = prove_rotation(current, pair.public, ORIGIN)
    return {name: b64encode(half).decode() for name, half in halves.items()}


def submit(
    client: httpx.Client, key: str = "key-12345", sql: str = SQL, forged: dict[str, str] | None = None
) -> httpx.Response:
    asked = {"sql": sql, "purpose": "research", "epsilon": "1", "need": "For the yearly report"}
    submission = Submission(origin=ORIGIN, person="analyst", key=PAIR.id, idempotency_key=key, **asked)
    body = asked | {"key": PAIR.id, "signature": sign_submission(PAIR, submission)}
    headers = as_("analyst", **{"Idempotency-Key": key, "Prefer": "wait=1"})
    return client.post("/v1/queries", json=body | (forged or {}), headers=headers)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


# -- keys ----------------------------------------------------------------------------------------------------------------


def test_keys_are_registered_by_their_holder(client: httpx.Client) -> None:
    response = post(client, "analyst", "me/keys", keys_body(PAIR))
    assert (response.status_code, response.headers["location"]) == (201, "/v1/me")
    assert response.json() == {"id": PAIR.id} | {name: keys_body(PAIR)[name] for name in ("sealing", "signing")}
    me = client.get("/v1/me", headers=as_("analyst")).json()
    assert (me["keys"], me["frozen"], me["identity"]) == ([{"id": PAIR.id}], False, "")
    assert code(post(client, "analyst", "me/keys", keys_body(PAIR))) == (409, "name-taken")
    assert code(post(client, "steward", "me/keys", keys_body(PAIR))) == (403, "role-not-permitted")


def test_new_keys_take_the_word_of_the_old(client: httpx.Client, world: World) -> None:
    world.register(PAIR)
    new = KeyPair("analyst", b"n" * 32, b"m" * 32)
    for body in (
        keys_body(new),
        keys_body(new, new),
        keys_body(new, PAIR) | {"proof": keys_body(PAIR)["proof"]},
    ):
        response = post(client, "analyst", "me/keys", body)
        assert code(response) == (401, "signature-invalid")
        assert response.headers["www-authenticate"] == "Bearer"
    assert post(client, "analyst", "me/keys", keys_body(new, PAIR)).status_code == 201


# -- the catalogue and grants --------------------------------------------------------------------------------------------


def test_the_catalogue_is_for_everybody_signed_in(client: httpx.Client) -> None:
    for role in ("administrator", "steward", "analyst", "reviewer", "officer"):
        (summary,) = client.get("/v1/catalogue", headers=as_(role)).json()["datasets"]
        shown = client.get("/v1/catalogue/clinic", headers=as_(role)).json()
        assert summary["name"] == "clinic"
        assert {"loaded", "version"} & (set(summary) | set(shown)) == set()
        assert shown["tables"][0]["columns"][0]["name"] == "sex"
    assert code(client.get("/v1/catalogue/other", headers=as_("analyst"))) == (404, "not-found")
    assert client.get("/v1/catalogue").status_code == 401


def test_a_grant_is_requested_approved_and_revoked(client: httpx.Client, world: World) -> None:
    asked = {
        "datasets": ["clinic"],
        "columns": [],
        "aggregates": ["count"],
        "purpose": "research",
        "epsilon": "5",
        "uses": 10,
        "not_after": "2026-03-01T17:30:00+08:00",
        "reason": REASON,
    }
    made = post(client, "analyst", "grant-requests", asked)
    assert (made.status_code, made.headers["location"]) == (201, "/v1/grant-requests")
    assert (made.json()["id"], made.json()["state"]) == (REQUEST_ID, "asked")
    terms = world.calls[-1][2]
    assert terms == {
        "datasets": ("clinic",),
        "tables": None,
        "columns": (),
        "aggregates": ("count",),
        "purpose": "research",
        "epsilon": "5",
        "uses": 10,
        "not_before": None,
        "not_after": NOW,
        "reason": REASON,
    }
    (listed,) = client.get("/v1/grant-requests", headers=as_("steward")).json()["requests"]
    assert listed["id"] == REQUEST_ID

    narrower = {
        "epsilon": "2",
        "uses": 3,
        "tables": ["clinic.visits"],
        "review": "two",
        "not_after": "2026-02-01T00:00:00Z",
    }
    given = post(client, "steward", f"grant-requests/{REQUEST_ID}/approval", narrower)
    grant = made_id("g", 2)
    assert (given.status_code, given.headers["location"]) == (201, f"/v1/grants/{grant}")
    name, (request,), terms = world.calls[-1]
    assert (name, request, terms["epsilon"], terms["tables"]) == ("approve", REQUEST_ID, "2", ("clinic.visits",))
    assert {key for key, value in terms.items() if value is None} == {"columns", "aggregates", "not_before"}
    assert code(post(client, "steward", f"grant-requests/{REQUEST_ID}/approval", {})) == (409, "already-decided")
    assert code(post(client, "analyst", f"grant-requests/{REQUEST_ID}/approval", {})) == (403, "role-not-permitted")

    shown = client.get(f"/v1/grants/{grant}", headers=as_("analyst")).json()
    assert (shown["state"], shown["review"], shown["request"]) == ("active", "two", REQUEST_ID)
    assert [item["id"] for item in client.get("/v1/grants", headers=as_("officer")).json()["grants"]] == [
        GRANT_ID,
        grant,
    ]
    ended = post(client, "steward", f"grants/{grant}/revocation", {"reason": REASON})
    assert (ended.status_code, ended.json()["state"]) == (200, "revoked")
    assert code(post(client, "steward", f"grants/{grant}/revocation", {"reason": REASON})) == (409, "already-decided")


def test_a_request_is_declined_with_a_reason(client: httpx.Client) -> None:
    body = {
        "datasets": ["clinic"],
        "purpose": "p",
        "epsilon": "1",
        "not_after": "2030-01-01T00:00:00Z",
        "reason": REASON,
    }
    post(client, "analyst", "grant-requests", body)
    told = post(client, "steward", f"grant-requests/{REQUEST_ID}/refusal", {"reason": REASON})
    assert (told.status_code, told.json()["state"], told.json()["decision_reason"]) == (200, "declined", REASON)
    assert code(post(client, "analyst", "grant-requests", {**body, "datasets": ["other"]})) == (404, "not-found")


def test_nobody_gives_a_grant_unasked(client: httpx.Client) -> None:
    response = post(client, "steward", "grants", {"analyst": "ann"})
    assert (response.status_code, response.headers["allow"]) == (405, "GET")


# -- review and release --------------------------------------------------------------------------------------------------


def test_an_unsigned_or_forged_query_does_not_run(client: httpx.Client, world: World) -> None:
    assert code(submit(client)) == (403, "keys-required")
    world.register(PAIR)
    for forged in ({"epsilon": "2"}, {"need": "Another need"}, {"sql": SQL + " "}, {"purpose": "other"}):
        assert code(submit(client, forged=forged)) == (401, "signature-invalid")
    assert world.queries == {}
    assert submit(client).status_code == 202


def test_a_released_answer_comes_sealed_and_proved(client: httpx.Client, world: World) -> None:
    world.register(PAIR)
    for key, sql, reused in (("key-12345", SQL, False), ("key-67890", SQL + " -- again", True)):
        asked = submit(client, key, sql).json()
        assert (asked["state"], asked["need"], asked["key"]) == ("done", "For the yearly report", PAIR.id)
        response = client.get(f"/v1/releases/{asked['id']}", headers=as_("analyst"))
        document = response.json()
        assert (document["id"], document["reused"], document["cost"]) == (asked["id"], reused, asked["cost"])
        verified = verify_bundle(document, Trusted(world))
        assert (verified.reused is not None) is reused
        assert verified.words("zh")
        assert set(document) == {"format", "certificate", "envelope", "receipts", "id", "cost", "reused"}
        assert open_bundle(document, PAIR, Trusted(world)).answer["columns"]


def test_a_held_answer_leaves_when_reviewers_agree(client: httpx.Client, world: World) -> None:
    world.register(PAIR)
    world.votes = 2
    asked = submit(client).json()
    assert (asked["state"], asked["review"]) == (
        "in-review",
        {"id": REVIEW_ID, "outcome": "held", "votes_needed": 2},
    )
    pending = client.get(f"/v1/releases/{query_id(1)}", headers=as_("analyst"))
    assert (*code(pending), pending.json()["review"]) == (409, "review-pending", REVIEW_ID)
    (waiting,) = client.get("/v1/reviews", headers=as_("reviewer")).json()["reviews"]
    assert (waiting["id"], waiting["voted"], waiting["votes_needed"]) == (REVIEW_ID, False, 2)

    before = len(world.entries)
    copy = client.get(f"/v1/reviews/{REVIEW_ID}", headers=as_("reviewer")).json()
    assert world.read_entry(before)["kind"] == "review.viewed"
    assert SQL not in str(copy)
    ballot = {"verdict": "approve", "reason": REASON, "digest": copy["digest"]}
    path = f"reviews/{REVIEW_ID}/votes"
    assert code(post(client, "reviewer", path, ballot | {"digest": "00" * 32})) == (409, "review-changed")
    first = post(client, "reviewer", path, ballot)
    assert (first.status_code, first.headers["location"]) == (201, f"/v1/reviews/{REVIEW_ID}")
    assert first.json() == {"id": REVIEW_ID, "state": "open", "decision": None}
    assert code(post(client, "reviewer", path, ballot)) == (409, "already-decided")
    assert client.get(f"/v1/reviews/{REVIEW_ID}", headers=as_("reviewer-2")).json()["votes"] == []
    assert post(client, "reviewer-2", path, ballot).json()["decision"] == "approved"
    document = client.get(f"/v1/releases/{query_id(1)}", headers=as_("analyst")).json()
    assert len(verify_bundle(document, Trusted(world)).facts["review"]["approvals"]) == 2


def test_what_review_withholds_says_what_stays_spent(client: httpx.Client, world: World) -> None:
    world.register(PAIR)
    world.votes = 1
    for number, (end, expected) in enumerate(
        (
            (lambda review, _: vote(client, world, review, "reject"), "release-refused"),
            (lambda _, query: post(client, "analyst", f"queries/{query}/withdrawal", {}), "release-withdrawn"),
            (lambda *_: post(client, "steward", f"grants/{GRANT_ID}/revocation", {"reason": REASON}), "release-lapsed"),
        ),
        1,
    ):
        asked = submit(client, f"key-{number}2345", SQL + " " * number).json()
        assert end(asked["review"]["id"], asked["id"]).status_code in (200, 201)
        told = client.get(f"/v1/releases/{asked['id']}", headers=as_("analyst"))
        assert (*code(told), told.json()["spent"]) == (403, expected, "0.018")
        if expected == "release-refused":
            assert told.json()["reason"] == REASON
        assert code(post(client, "analyst", f"queries/{asked['id']}/withdrawal", {})) == (409, "already-decided")
    world.queries[query_id(1)]["state"] = "stopped"
    told = client.get(f"/v1/releases/{query_id(1)}", headers=as_("analyst"))
    assert (*code(told), told.json()["spent"]) == (403, "frozen", "0.018")


def vote(client: httpx.Client, world: World, review: str, verdict: str) -> httpx.Response:
    digest = world.reviews[review]["digest"]
    return post(client, "reviewer", f"reviews/{review}/votes", {"verdict": verdict, "reason": REASON, "digest": digest})


def test_withheld_is_said_like_every_other_problem() -> None:
    kinds = [kind for kind in catalogue() if issubclass(kind, Withheld)]
    assert {kind.code for kind in kinds} == {"release-refused", "release-withdrawn", "release-lapsed"}
    for kind in kinds:
        response = problem_response(kind(spent="0.018"), path="/v1/releases/x", request_id="req_1")
        assert (response.status_code, b'"spent": "0.018"' in response.body) == (403, True)


# -- freezes and explanations --------------------------------------------------------------------------------------------


def test_a_freeze_takes_two_officers_to_lift(client: httpx.Client) -> None:
    made = post(client, "officer", "freezes", {"subject": "person", "name": "analyst", "reason": REASON})
    assert (made.status_code, made.headers["location"], made.json()["id"]) == (201, "/v1/freezes", FREEZE_ID)
    assert client.get("/v1/me", headers=as_("analyst")).json()["frozen"] is True
    again = post(client, "officer", "freezes", {"subject": "person", "name": "analyst", "reason": REASON})
    assert code(again) == (409, "already-decided")
    assert len(client.get("/v1/freezes", headers=as_("steward")).json()["freezes"]) == 1
    path = f"freezes/{FREEZE_ID}/lift"
    first = post(client, "officer", path, {"reason": REASON}).json()
    assert (first["lift_asked_by"], first["lifted"]) == ("officer", False)
    assert code(post(client, "officer", path, {"reason": REASON})) == (403, "own-request")
    assert post(client, "officer-2", path, {"reason": REASON}).json()["lifted"] is True
    assert client.get("/v1/me", headers=as_("analyst")).json()["frozen"] is False


def test_an_explanation_names_the_policies(client: httpx.Client, world: World) -> None:
    asked = {"person": "ann", "action": "submit-query", "dataset": "clinic", "columns": ["clinic.visits.age"]}
    told = post(client, "officer", "policy/explanation", asked)
    assert (told.status_code, told.json()["policies"][0]["id"]) == (200, "analyst-within-grant")
    assert world.calls[-1][2] == {
        "subject": "ann",
        "action": "submit-query",
        "dataset": "clinic",
        "purpose": "",
        "columns": ("clinic.visits.age",),
    }
    assert post(client, "steward", "policy/explanation", {"person": "ann", "action": "vote"}).json()["allowed"] is False
    assert code(post(client, "reviewer", "policy/explanation", asked)) == (403, "role-not-permitted")


@pytest.mark.parametrize(
    "path",
    [
        "GET grants/{}", "POST grants/{}/revocation", "POST grant-requests/{}/approval", "POST grant-requests/{}/refusal",
        "GET queries/{}", "POST queries/{}/withdrawal", "GET releases/{}", "GET reviews/{}", "POST reviews/{}/votes",
        "POST freezes/{}/lift",
    ],
)  # fmt: skip
def test_an_id_of_another_form_is_not_found(client: httpx.Client, world: World, path: str) -> None:
    """Also the id of another kind of thing, in lower case, or a character short: never a fault, never another thing."""
    method, place = path.split()
    bodies = {
        "approval": {},
        "withdrawal": {},
        "votes": {"verdict": "approve", "reason": REASON, "digest": "ab" * 32},
    }
    body = bodies.get(place.rpartition("/")[2], {"reason": REASON})
    kind = place.partition("/")[0]
    role = {"grants": "steward", "grant-requests": "steward", "reviews": "reviewer", "freezes": "officer"}.get(
        kind, "analyst"
    )
    ids = {
        "grants": "g", "grant-requests": "gr", "queries": "q", "releases": "q", "reviews": "rr", "freezes": "f",
    }  # fmt: skip
    known = made_id(ids[kind], 7)
    for name in (
        known, known[:-1], known + "0", known.lower().replace("_0", "_a"), known.replace("0", "I", 1), known + "%0a",
        "x" + known, made_id("zz", 1), "1", "..%2f" + known,
    ):  # fmt: skip
        response = client.request(
            method, f"/v1/{place.format(name)}", json=body if method == "POST" else None, headers=as_(role)
        )
        assert code(response) == (404, "not-found"), name
    assert len(world.entries) == 1
