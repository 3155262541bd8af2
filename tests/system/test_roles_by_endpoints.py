"""Every role × every endpoint of the OpenAPI document × whose object it is, against a table, on one running enclave; and
the separations that a table of roles cannot say: author and reviewer, requester and approver, one human under two names.

An endpoint without a row, or a row without an endpoint, fails the test.
"""

import secrets
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import httpx
import pytest
from roles_expected import EXPECTED, ROLE, ROLES, all_of, by
from tests_support import CLINIC

from sandbox.client.connection import Connection
from sandbox.proof.key_pairs import KeyPair, new_key_pair, prove_possession, prove_rotation
from sandbox.proof.submission import Submission, sign_submission
from sandbox.terms.refusal import AlreadyDecided, NotFound, OwnRequest, RoleConflict
from sandbox.testing import Enclave

COUNT = "select sex, count(*) as n from {}.visits group by sex"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REASON = "The walk over all endpoints"
APPROVAL, REFUSAL, REVOCATION, WITHDRAWAL, FREEZING = (
    "POST /v1/grant-requests/{request}/approval",
    "POST /v1/grant-requests/{request}/refusal",
    "POST /v1/grants/{grant}/revocation",
    "POST /v1/queries/{query}/withdrawal",
    "POST /v1/freezes",
)
NONE = {
    "name": "walk-trote",  # of the letters of walk-otter: what a refusal suggests follows from the name as typed
    "organisation": "walk-nobody",
    "load": "load_00000000000000000000000000",
    "index": "999999999999",
    "digest": "00" * 32,
    "person": "walk-nemo",
    **{
        name: f"{prefix}_{'0' * 26}"
        for name, prefix in (("query", "q"), ("request", "gr"), ("grant", "g"), ("review", "rr"), ("freeze", "f"))
    },
}


def described(name: str, organisation: str) -> str:
    """The clinic under another name, of another steward, with a unit space of its own."""
    text = CLINIC.replace('"clinic"', f'"{name}"').replace("health-bureau", organisation)
    return text.replace("clinic-patients", f"{name}-patients")


@dataclass(frozen=True)
class Walk:
    """Two of everything in one enclave, and who asks in which role."""

    enclave: Enclave
    client: httpx.Client
    document: dict[str, Any]
    people: dict[str, str]
    objects: dict[str, dict[str, str]]

    def owned(self, row: str, case: str, role: str) -> dict[str, str]:
        """The objects of a cell. What an endpoint uses up has one of its own."""
        which = case.partition(", ")[0]
        found = self.objects.get(which, NONE)
        return found | self.objects.get(f"{which} of the {role}", {}) | self.objects.get(f"{which} for {row}", {})

    def send(self, row: str, case: str, role: str) -> httpx.Response:
        """The request of one cell: well-formed, so that only permission can stand in its way."""
        method, path = row.split()
        owned, run = self.owned(row, case, role), case.endswith(", run")
        headers = {}
        if role != "nobody":
            headers["Authorization"] = f"Bearer {self.enclave.token(self.people[role])}"
        params = {"old": "1", "new": "2"} if path.endswith("consistency") else {}
        body = self.body(row, owned, role) if method == "POST" else None
        if run and body is not None:
            headers["Idempotency-Key"] = secrets.token_hex(8)
            body = self.signed(body, role, headers["Idempotency-Key"])
        return self.client.request(method, path.format(**owned), headers=headers, params=params, json=body)

    def keys(self, role: str) -> tuple[KeyPair, ...]:
        """The keys that this person's client registered, if any."""
        return self.enclave.keys.pairs(self.enclave.name, self.people.get(role, "walk-nobody"))

    def signed(self, body: dict[str, Any], role: str, idempotency_key: str) -> dict[str, Any]:
        """A submission as the person's client signs it; who has no keys makes some up."""
        name = self.people.get(role, "walk-nobody")
        pair = self.keys(role)[0] if self.keys(role) else new_key_pair(name)
        asked = {field: body[field] for field in ("sql", "purpose", "epsilon")}
        submission = Submission(self.enclave.name, name, pair.id, **asked, need="", idempotency_key=idempotency_key)
        return body | {"dry_run": False, "key": pair.id, "signature": sign_submission(pair, submission)}

    def new_keys(self, role: str) -> dict[str, str]:
        new = new_key_pair(self.people.get(role, "walk-nobody"))
        halves = {
            "sealing": new.public.sealing,
            "signing": new.public.signing,
            "proof": prove_possession(new, self.enclave.name),
        }
        if self.keys(role):
            halves["rotation"] = prove_rotation(self.keys(role)[-1], new.public, self.enclave.name)
        return {name: b64encode(half).decode() for name, half in halves.items()}

    def body(self, row: str, owned: dict[str, str], role: str) -> dict[str, Any]:
        new = f"new-{secrets.token_hex(4)}"
        match row.removeprefix("POST /v1/"):
            case "people":
                return {"name": new, "organisation": "acme", "role": "officer"}
            case "me/keys":
                return self.new_keys(role)
            case "datasets":
                return {"description": described(new, owned["organisation"])}
            case "datasets/{name}/versions":
                return {"files": {"visits": "not-there.csv"}}
            case "grant-requests":
                until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
                terms = {"purpose": "other work", "epsilon": "0.1", "not_after": until, "reason": REASON}
                return {"datasets": [owned["name"]], **terms}
            case "grant-requests/{request}/approval" | "queries/{query}/withdrawal":
                return {}
            case "queries":
                terms = {"purpose": "research", "epsilon": "0.1", "dry_run": True}
                return {"sql": COUNT.format(f'"{owned["name"]}"'), **terms}
            case "reviews/{review}/votes":
                return {"verdict": "approve", "reason": REASON, "digest": owned["digest"]}
            case "freezes":
                return {"subject": "person", "name": owned["person"], "reason": REASON}
            case "policy/explanation":
                about = {"dataset": owned["name"], "purpose": "research"}
                return {"person": "walk-analyst", "action": "submit-query", **about}
            case "log/search":
                return {"dataset": owned["name"]}
        return {"reason": REASON}


def released(analyst: Connection) -> dict[str, str]:
    """A question of the analyst's whose answer is out, and its entry."""
    query = analyst.query(COUNT.format("clinic"), purpose="research", epsilon="0.1").run()
    query.result(timeout=60)
    return {"query": query.id, "index": str(query.receipt["index"])}


def held(analyst: Connection, epsilon: str) -> tuple[str, str]:
    """A question of the analyst's whose answer waits for a reviewer: query and review."""
    query = analyst.query(COUNT.format("clinic"), purpose="held work", epsilon=epsilon).run()
    until = time.monotonic() + 60
    while (view := analyst.query_view(query.id, wait=5))["state"] == "running" and time.monotonic() < until:
        time.sleep(0.05)
    assert view["state"] == "in-review"
    return query.id, str(view["review"]["id"])


def asked(analyst: Connection, dataset: str) -> str:
    """A request for a grant that nobody has decided yet."""
    until = datetime.now(UTC) + timedelta(days=1)
    return str(analyst.request_grant([dataset], "spare work", "0.1", until, REASON)["id"])


def prepare(enclave: Enclave) -> dict[str, dict[str, str]]:
    """Two of everything, of two sides: the walk's own analyst and steward, and a stranger of the reviewer's own office,
    whose data another bureau speaks for."""
    other = "walk-otter"
    stewards = {"own": enclave.steward_of("health-bureau"), "other": enclave.steward_of("walk-bureau")}
    stewards["other"].register(described(other, "walk-bureau"))
    objects = {
        "own": {"name": "clinic", "organisation": "health-bureau"},
        "other": {"name": other, "organisation": "walk-bureau"},
        "none": NONE,
    }
    sides = {"own": ("walk-analyst", "walk-lab", "clinic"), "other": ("walk-stranger", "review-office", other)}
    for which, (name, org, dataset) in sides.items():
        terms: dict[str, Any] = {"org": org, "datasets": ["clinic"], "epsilon": "2"}
        enclave.analyst(name, purpose="research", **terms)
        analyst = enclave.analyst(name, purpose="held work", review="held", **terms)
        grants = []
        for _ in range(2):
            grant = stewards[which].approve_grant(asked(analyst, dataset))
            grants.append(str(grant["id"]))
        reviewed = held(analyst, "0.1")
        objects[which] |= released(analyst) | {"grant": grants[0], "review": reviewed[1], "digest": "00" * 32}
        objects[f"{which} for {APPROVAL}"] = {"request": asked(analyst, dataset)}
        objects[f"{which} for {REFUSAL}"] = {"request": asked(analyst, dataset)}
        objects[f"{which} for {REVOCATION}"] = {"grant": grants[1]}
        objects[f"{which} for {WITHDRAWAL}"] = {"query": held(analyst, "0.2")[0]}
        load = str(stewards[which].begin_load(objects[which]["name"], {"visits": "not-there.csv"})["id"])
        while stewards[which].load_status(load)["state"] == "running":
            time.sleep(0.05)
        objects[which]["load"] = load
    objects["own"]["digest"] = enclave.reviewer.review(objects["own"]["review"])["digest"]
    frozen = enclave.analyst("walk-frozen", org="walk-lab", datasets=["clinic"], purpose="research", epsilon="2")
    objects["own of the frozen"] = released(frozen) | {"grant": str(frozen.grants()[0]["id"])}
    for which, name in (("own", "walk-officer"), ("other", "walk-sergeant")):
        officer = enclave.person(name, org="authority", role="officer")
        for idle in (f"walk-idle-{which}", f"walk-loud-{which}"):
            enclave.person(idle, org="walk-lab", role="analyst")
        objects[which]["freeze"] = str(officer.freeze("person", f"walk-loud-{which}", REASON)["id"])
        objects[f"{which} for {FREEZING}"] = {"person": f"walk-idle-{which}"}
    enclave.person("walk-officer", org="authority", role="officer").freeze("person", "walk-frozen", REASON)
    return objects


@pytest.fixture(scope="module")
def walk(enclave: Enclave) -> Iterator[Walk]:
    objects = prepare(enclave)
    people = {
        "administrator": "administrator",
        "steward": "steward-of-health-bureau",
        "analyst": "walk-analyst",
        "reviewer": "reviewer",
        "officer": "walk-officer",
        "frozen": "walk-frozen",
    }
    with httpx.Client(base_url=enclave.url, timeout=30, trust_env=False) as client:
        yield Walk(enclave, client, client.get("/v1/openapi.json").json(), people, objects)


def rows_of(document: dict[str, Any]) -> set[str]:
    """Every endpoint of an OpenAPI document."""
    return {
        f"{method.upper()} {path}"
        for path, routes in document["paths"].items()
        for method in routes
        if method.upper() in (*METHODS, "HEAD", "OPTIONS", "TRACE")
    }


def without_a_case(expected: Any) -> list[str]:
    """Rows that name an object without saying what becomes of own, another's and nobody's."""
    return [row for row, cases in expected.items() if "{" in row and not {"own", "other", "none"} <= set(cases)]


def outcome(response: httpx.Response) -> int | str:
    """The status, with the refusal's code where it is one."""
    if response.status_code < 300:
        return response.status_code
    return f"{response.status_code} {response.json()['code']}"


def differences(seen: dict[tuple[str, str, str], int | str], expected: Any) -> tuple[list[Any], list[Any]]:
    """Cells that were allowed without being expected to, and all others that differ."""
    allows, others = [], []
    for (row, case, role), found in seen.items():
        wanted = expected[row][case][ROLES.index(role)]
        if found != wanted:
            (allows if isinstance(found, int) else others).append((row, case, role, found, wanted))
    return allows, others


def plain(response: httpx.Response, names: dict[str, str]) -> str:
    """A refusal's bytes without what must differ: the names that were asked for, the address, the request's id."""
    document = response.json()
    for name in ("instance", "request_id", "span"):
        document.pop(name, None)
    text = repr(list(document.items()))
    for field in names.keys() - {"index"}:  # a number is also part of a status
        text = text.replace(names[field], "…")
    return text


def test_every_endpoint_has_its_expectation(walk: Walk) -> None:
    assert rows_of(walk.document) == set(EXPECTED)
    assert without_a_case(EXPECTED) == []
    assert {len(columns) for cases in EXPECTED.values() for columns in cases.values()} == {len(ROLES)}


def test_no_role_is_allowed_what_the_table_does_not_allow(walk: Walk) -> None:
    seen: dict[tuple[str, str, str], int | str] = {}
    texts: dict[tuple[str, str, str], str] = {}
    for row, cases in EXPECTED.items():
        for case, role in product(cases, ROLES):
            response = walk.send(row, case, role)
            seen[row, case, role] = outcome(response)
            if response.status_code >= 300:
                texts[row, case, role] = plain(response, walk.owned(row, case, role))
    allows, others = differences(seen, EXPECTED)
    assert allows == []
    assert others == []
    # What is not there and what is somebody else's are refused in the same bytes.
    hidden = [key for key in texts if key[1].startswith("other")]
    assert sum(str(seen[key]).startswith(("404", "422")) for key in hidden) >= 20
    told = {key: (texts[key], texts.get((key[0], key[1].replace("other", "none"), key[2]))) for key in hidden}
    assert {key: pair for key, pair in told.items() if pair[0] != pair[1]} == {}
    # Controls: a table with one no more, or one row fewer, is noticed.
    stricter = EXPECTED | {"GET /v1/me": {"-": by(steward=200, analyst=200, reviewer=200, officer=200, frozen=200)}}
    assert differences(seen, stricter)[0] == [("GET /v1/me", "-", "administrator", 200, ROLE)]
    assert rows_of(walk.document) - (set(EXPECTED) - {"GET /v1/me"}) == {"GET /v1/me"}
    assert without_a_case({"GET /v1/datasets/{name}": {"own": all_of(200)}}) == ["GET /v1/datasets/{name}"]


def test_methods_that_the_document_does_not_name_are_refused(walk: Walk) -> None:
    for path, routes in walk.document["paths"].items():
        for method in METHODS:
            if method.lower() in routes:
                continue
            headers = {"Authorization": f"Bearer {walk.enclave.token('walk-officer')}"}
            response = walk.client.request(method, path.format(**NONE), headers=headers)
            assert response.status_code == 405, (method, path)


def test_lists_hold_only_what_one_may_know(walk: Walk) -> None:
    own, other = walk.objects["own"], walk.objects["other"]

    def listed(what: str, field: str, role: str, key: str = "") -> set[str]:
        headers = {"Authorization": f"Bearer {walk.enclave.token(walk.people[role])}"}
        found = walk.client.get(f"/v1/{what}", headers=headers).json()[key or what]
        return {str(item[field]) for item in found}

    for nothing in ("administrator", "reviewer"):
        assert listed("datasets", "name", nothing) == set()
    assert {own["name"]} <= listed("datasets", "name", "steward")
    assert other["name"] not in listed("datasets", "name", "steward")
    assert listed("datasets", "name", "analyst") == {own["name"]}
    assert {own["name"], other["name"]} <= listed("datasets", "name", "officer")
    assert {own["name"], other["name"]} <= listed("catalogue", "name", "reviewer", "datasets")
    assert listed("grants", "analyst", "analyst") == {"walk-analyst"}
    assert other["grant"] not in listed("grants", "id", "steward")
    assert {own["grant"], other["grant"]} <= listed("grants", "id", "officer")
    assert listed("grant-requests", "analyst", "analyst", "requests") == {"walk-analyst"}
    assert walk.objects[f"other for {APPROVAL}"]["request"] not in listed("grant-requests", "id", "steward", "requests")
    assert other["query"] not in listed("queries", "id", "analyst")
    assert {own["query"], other["query"]} <= listed("queries", "id", "officer")
    assert other["review"] not in listed("reviews", "id", "reviewer")


def test_nobody_reviews_what_their_own_organisation_asked(walk: Walk) -> None:
    """The reviewer of another office is the control: to them the same review is there."""
    review = walk.objects["other"]["review"]
    with pytest.raises(NotFound):
        walk.enclave.reviewer.review(review)
    outside = walk.enclave.person("walk-outsider", org="another-office", role="reviewer")
    assert review in [item["id"] for item in outside.reviews()]
    copy = outside.review(review)
    assert copy["author"] == "walk-stranger"
    with pytest.raises(NotFound):
        walk.enclave.reviewer.vote(review, "approve", REASON, str(copy["digest"]))
    assert outside.vote(review, "approve", REASON, str(copy["digest"]))["decision"] == "approved"
    with pytest.raises(AlreadyDecided):
        outside.vote(review, "reject", REASON, str(copy["digest"]))


def test_one_human_under_two_names_counts_once(walk: Walk) -> None:
    """What separates requester from approver, author from reviewer, and the two officers who lift a freeze."""
    enclave = walk.enclave
    enclave.person("walk-first", org="walk-lab", role="analyst", identity="staff 17")
    for role in ("analyst", "steward", "reviewer", "officer", "administrator"):
        for identity in ("staff 17", "walk-analyst"):  # also the name of somebody without an identity
            with pytest.raises(RoleConflict):
                enclave.person(f"walk-second-{role}", org="elsewhere", role=role, identity=identity)
    enclave.person("walk-third", org="health-bureau", role="steward", identity="staff 18")
    enclave.person(
        "walk-fourth", org="another-office", role="reviewer", identity="staff 18"
    )  # the pair that goes together
    with pytest.raises(RoleConflict):
        enclave.person("walk-fifth", org="another-office", role="officer", identity="staff 18")


def test_one_officer_alone_lifts_nothing(walk: Walk) -> None:
    first, second = (
        walk.enclave.person(name, org="authority", role="officer") for name in ("walk-officer", "walk-sergeant")
    )
    walk.enclave.person("walk-held", org="walk-lab", role="analyst")
    freeze = str(first.freeze("person", "walk-held", REASON)["id"])
    assert first.lift_freeze(freeze, REASON)["lifted"] is False
    with pytest.raises(OwnRequest):
        first.lift_freeze(freeze, REASON)
    assert second.lift_freeze(freeze, REASON)["lifted"] is True


def test_an_officer_finds_and_opens_a_question_for_a_reason(walk: Walk) -> None:
    """The client against the real enclave: the search, the entry with its proof, the text, and what the log keeps."""
    officer = walk.enclave.person("walk-officer", org="authority", role="officer")
    index = int(walk.objects["own"]["index"])
    page = officer.search_log(actor="walk-analyst", decision="reserved", text=COUNT.format("clinic"), limit=200)
    assert index in [entry["index"] for entry in page["entries"]]
    assert {entry["organisation"] for entry in page["entries"]} == {"walk-lab"}
    assert officer.search_log(actor="walk-analyst", until=datetime(2020, 1, 1, tzinfo=UTC))["entries"] == []
    assert COUNT.format("clinic") not in str(officer.log_entry(index))
    opened = officer.open_entry(index, "Complaint 17 of the clinic")
    assert opened["request"]["sql"] == COUNT.format("clinic")
    kept = officer.log_entry(opened["opened"]["receipt"]["index"])["entry"]
    assert (kept["actor"], kept["facts"]["reason"]) == ("walk-officer", "Complaint 17 of the clinic")
