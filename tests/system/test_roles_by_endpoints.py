"""Every role × every endpoint of the OpenAPI document × whose object it is, against a table, on one running enclave.

"own" is the clinic of the steward and the query of the analyst who ask; "other" the same of somebody else; "none" is
nobody's: it does not exist. To the administrator and the officer both of the former are other people's. An endpoint
without a row, or a row without an endpoint, fails the test.
"""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import httpx
import pytest
from tests_support import CLINIC

from sandbox.testing import Enclave

ROLES = ("nobody", "administrator", "steward", "analyst", "officer")
COUNT = "select sex, count(*) as n from {}.visits group by sex"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

SIGN, ROLE, GONE, TABLE = "401 sign-in-required", "403 role-not-permitted", "404 not-found", "422 unknown-table"
EVERYBODY = (200, 200, 200, 200, 200)
ENROLLED = (SIGN, 200, 200, 200, 200)
OFFICER = (SIGN, ROLE, ROLE, ROLE, 200)
NOT_EVEN_OFFICERS = (SIGN, ROLE, ROLE, ROLE, GONE)


def steward(outcome: int | str) -> tuple[int | str, ...]:
    return (SIGN, ROLE, outcome, ROLE, ROLE)


def analyst(outcome: int | str) -> tuple[int | str, ...]:
    return (SIGN, ROLE, ROLE, outcome, ROLE)


EXPECTED: dict[str, dict[str, tuple[int | str, ...]]] = {
    # columns: nobody, administrator, steward, analyst, officer
    "GET /v1/health": {"-": EVERYBODY},
    "GET /v1/enclave": {"-": EVERYBODY},
    "POST /v1/people": {"-": (SIGN, 201, ROLE, ROLE, ROLE)},
    "GET /v1/me": {"-": ENROLLED},
    "POST /v1/datasets": {"own": steward(201), "other": steward(ROLE), "none": steward(ROLE)},
    "GET /v1/datasets": {"-": ENROLLED},
    "GET /v1/datasets/{name}": {
        "own": (SIGN, GONE, 200, 200, 200),
        "other": (SIGN, GONE, GONE, GONE, 200),
        "none": (SIGN, GONE, GONE, GONE, GONE),
    },
    "POST /v1/datasets/{name}/versions": {"own": steward(202), "other": steward(GONE), "none": steward(GONE)},
    "GET /v1/loads/{load}": {"own": steward(200), "other": steward(GONE), "none": steward(GONE)},
    "POST /v1/grants": {"own": steward(201), "other": steward(GONE), "none": steward(GONE)},
    "GET /v1/grants": {"-": (SIGN, ROLE, 200, 200, 200)},
    "GET /v1/accounts": {"-": analyst(200)},
    "POST /v1/queries": {
        "own": analyst(200),
        "other": analyst(TABLE),
        "none": analyst(TABLE),
        "own, run": analyst(202),
        "other, run": analyst(TABLE),
        "none, run": analyst(TABLE),
    },
    "GET /v1/queries": {"-": (SIGN, ROLE, ROLE, 200, 200)},
    "GET /v1/queries/{query}": {"own": analyst(200), "other": analyst(GONE), "none": analyst(GONE)},
    "GET /v1/releases/{query}": {"own": analyst(200), "other": analyst(GONE), "none": analyst(GONE)},
    "GET /v1/log/checkpoint": {"-": ENROLLED},
    "GET /v1/log/proof/inclusion/{index}": {"own": ENROLLED, "other": ENROLLED, "none": (SIGN, GONE, GONE, GONE, GONE)},
    "GET /v1/log/proof/consistency": {"-": ENROLLED},
    "GET /v1/log/export": {"-": OFFICER},
    "POST /v1/log/search": {"own": OFFICER, "other": OFFICER, "none": OFFICER},
    "GET /v1/log/entries/{index}": {"own": OFFICER, "other": OFFICER, "none": NOT_EVEN_OFFICERS},
    "POST /v1/log/entries/{index}/open": {"own": OFFICER, "other": OFFICER, "none": NOT_EVEN_OFFICERS},
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
    tokens: dict[str, str]
    objects: dict[str, dict[str, str]]

    def send(self, row: str, case: str, role: str) -> httpx.Response:
        """The request of one cell: well-formed, so that only permission can stand in its way."""
        method, path = row.split()
        which, _, run = case.partition(", ")
        owned = self.objects.get(which, self.objects["none"])
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role != "nobody" else {}
        params = {"old": "1", "new": "2"} if path.endswith("consistency") else {}
        if run:
            headers["Idempotency-Key"] = secrets.token_hex(8)
        body = self.body(row, owned, run=bool(run)) if method == "POST" else None
        return self.client.request(method, path.format(**owned), headers=headers, params=params, json=body)

    def body(self, row: str, owned: dict[str, str], *, run: bool) -> dict[str, Any]:
        new = f"new-{secrets.token_hex(4)}"
        match row.removeprefix("POST /v1/"):
            case "people":
                return {"name": new, "organisation": "acme", "role": "officer"}
            case "datasets":
                return {"description": described(new, owned["organisation"])}
            case "datasets/{name}/versions":
                return {"files": {"visits": "not-there.csv"}}
            case "grants":
                until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
                terms = {"purpose": "other work", "epsilon": "0.1", "not_after": until}
                return {"analyst": "walk-analyst", "datasets": [owned["name"]], **terms}
            case "queries":
                terms = {"purpose": "research", "epsilon": "0.1", "dry_run": not run}
                return {"sql": COUNT.format(f'"{owned["name"]}"'), **terms}
            case "log/search":
                return {"dataset": owned["name"]}
            case "log/entries/{index}/open":
                return {"reason": "The walk over all endpoints"}
        return {}


@pytest.fixture(scope="module")
def walk(enclave: Enclave) -> Iterator[Walk]:
    # Names of the same letters: what a refusal suggests follows from the name as typed, and from one's own datasets.
    other, nowhere = "walk-otter", "walk-trote"
    stewards = {"own": enclave.steward("health-bureau"), "other": enclave.steward("walk-bureau")}
    stewards["other"].register(described(other, "walk-bureau"))
    enclave.person("walk-officer", org="authority", role="officer")
    objects = {
        "own": {"name": "clinic", "organisation": "health-bureau"},
        "other": {"name": other, "organisation": "walk-bureau"},
        "none": {
            "name": nowhere,
            "organisation": "walk-nobody",
            "load": "load_00000000000000000000000000",
            "query": "q_00000000000000000000000000",
            "index": "999999999999",
        },
    }
    analysts = {"own": "walk-analyst", "other": "walk-stranger"}
    for which, name in analysts.items():
        person = enclave.analyst(name, org=f"{name}-org", datasets=["clinic"], purpose="research", epsilon="2")
        query = person.query(COUNT.format("clinic"), purpose="research", epsilon="0.1").run()
        query.result(timeout=60)
        view = person.queries()[0]
        objects[which] |= {"query": view["id"], "index": str(view["receipt"]["index"])}
    stewards["other"].give_grant("walk-stranger", [other], "research", "1", datetime.now(UTC) + timedelta(days=1))
    for which, person in stewards.items():
        load = str(person.begin_load(objects[which]["name"], {"visits": "not-there.csv"})["id"])
        while person.load_status(load)["state"] == "running":
            time.sleep(0.05)
        objects[which]["load"] = load
    people = {"steward": "steward-of-health-bureau", "analyst": "walk-analyst", "officer": "walk-officer"}
    tokens = {role: enclave.token(people.get(role, role)) for role in ROLES[1:]}
    with httpx.Client(base_url=enclave.url, timeout=30, trust_env=False) as client:
        yield Walk(enclave, client, client.get("/v1/openapi.json").json(), tokens, objects)


def rows_of(document: dict[str, Any]) -> set[str]:
    """Every endpoint of an OpenAPI document."""
    return {
        f"{method.upper()} {path}"
        for path, routes in document["paths"].items()
        for method in routes
        if method.upper() in (*METHODS, "HEAD", "OPTIONS", "TRACE")
    }


def without_a_case(expected: dict[str, dict[str, tuple[int | str, ...]]]) -> list[str]:
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


def test_every_endpoint_has_its_expectation(walk: Walk) -> None:
    assert rows_of(walk.document) == set(EXPECTED)
    assert without_a_case(EXPECTED) == []
    assert {len(columns) for cases in EXPECTED.values() for columns in cases.values()} == {len(ROLES)}


def test_no_role_is_allowed_what_the_table_does_not_allow(walk: Walk) -> None:
    seen: dict[tuple[str, str, str], int | str] = {}
    bodies: dict[tuple[str, str, str], tuple[int, str]] = {}
    for row, cases in EXPECTED.items():
        for case, role in product(cases, ROLES):
            response = walk.send(row, case, role)
            seen[row, case, role] = outcome(response)
            bodies[row, case, role] = (response.status_code, plain(walk, case, response))
    allows, others = differences(seen, EXPECTED)
    assert allows == []
    assert others == []
    hidden = [key for key in seen if key[1].startswith("other") and str(seen[key])[:3] in ("404", "422")]
    assert len(hidden) >= 10
    told = [
        (row, case, role, bodies[row, case, role], bodies[row, case.replace("other", "none"), role])
        for row, case, role in hidden
        if bodies[row, case, role] != bodies[row, case.replace("other", "none"), role]
    ]
    assert told == []  # what is not there and what is somebody else's are refused in the same words
    # Controls: a table with one no more, or one row fewer, is noticed.
    stricter = EXPECTED | {"GET /v1/me": {"-": (SIGN, ROLE, 200, 200, 200)}}
    assert differences(seen, stricter)[0] == [("GET /v1/me", "-", "administrator", 200, ROLE)]
    assert rows_of(walk.document) - (set(EXPECTED) - {"GET /v1/me"}) == {"GET /v1/me"}
    assert without_a_case({"GET /v1/datasets/{name}": {"own": ENROLLED}}) == ["GET /v1/datasets/{name}"]


def plain(walk: Walk, case: str, response: httpx.Response) -> str:
    """A refusal's body without what must differ: the names that were asked for, the address, the request's id."""
    if response.status_code < 300:
        return ""
    document = {
        name: value for name, value in response.json().items() if name not in ("instance", "request_id", "span")
    }
    text = repr(sorted(document.items()))
    return text.replace(walk.objects[case.partition(", ")[0]]["name"], "…") if case != "-" else text


def test_methods_that_the_document_does_not_name_are_refused(walk: Walk) -> None:
    for path, routes in walk.document["paths"].items():
        for method in METHODS:
            if method.lower() in routes:
                continue
            headers = {"Authorization": f"Bearer {walk.tokens['officer']}"}
            response = walk.client.request(method, path.format(**walk.objects["own"]), headers=headers)
            assert response.status_code == 405, (method, path)


def test_lists_hold_only_what_one_may_know(walk: Walk) -> None:
    own, other = walk.objects["own"], walk.objects["other"]

    def listed(what: str, field: str, role: str) -> set[str]:
        headers = {"Authorization": f"Bearer {walk.tokens[role]}"}
        return {str(item[field]) for item in walk.client.get(f"/v1/{what}", headers=headers).json()[what]}

    assert listed("datasets", "name", "administrator") == set()
    assert {own["name"]} <= listed("datasets", "name", "steward")
    assert other["name"] not in listed("datasets", "name", "steward")
    assert listed("datasets", "name", "analyst") == {own["name"]}
    assert {own["name"], other["name"]} <= listed("datasets", "name", "officer")
    assert listed("grants", "analyst", "analyst") == {"walk-analyst"}
    assert other["query"] not in listed("queries", "id", "analyst")
    assert {own["query"], other["query"]} <= listed("queries", "id", "officer")


def test_an_officer_finds_and_opens_a_question_for_a_reason(walk: Walk) -> None:
    """The client against the real enclave: the search, the entry with its proof, the text, and what the log keeps."""
    officer = walk.enclave.person("walk-officer", org="authority", role="officer")
    index = int(walk.objects["own"]["index"])
    page = officer.search_log(actor="walk-analyst", decision="reserved", text=COUNT.format("clinic"), limit=200)
    assert index in [entry["index"] for entry in page["entries"]]
    assert {entry["organisation"] for entry in page["entries"]} == {"walk-analyst-org"}
    assert officer.search_log(actor="walk-analyst", until=datetime(2020, 1, 1, tzinfo=UTC))["entries"] == []
    assert COUNT.format("clinic") not in str(officer.log_entry(index))
    opened = officer.open_entry(index, "Complaint 17 of the clinic")
    assert opened["request"]["sql"] == COUNT.format("clinic")
    kept = officer.log_entry(opened["opened"]["receipt"]["index"])["entry"]
    assert (kept["actor"], kept["facts"]["reason"]) == ("walk-officer", "Complaint 17 of the clinic")
