"""Every field of the governed calls, wrong in every way: a problem that names the place, no echo, nothing kept."""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, get_args

import httpx
import pytest
from face_world import CANARY, FREEZE_ID, GRANT_ID, REQUEST_ID, REVIEW_ID, World, query_id

from sandbox.faces.http import fields, schemas
from sandbox.proof.books import REASON_LEAST, REASON_LIMIT
from sandbox.terms.people import Aggregate, ReviewDuty, Role, Subject

KEY32, SIGNATURE = b64encode(b"\x01" * 32).decode(), b64encode(b"\x02" * 64).decode()
REASON = "A study of waiting times"
TOO_SHORT = "x" * (REASON_LEAST - 1)  # as a reason; a vote may be put in a word
END = "2030-01-01T00:00:00Z"

ENROL = {"name": "ann", "organisation": "acme", "role": "analyst", "identity": "staff 17"}
KEYS = {"sealing": KEY32, "signing": KEY32, "proof": SIGNATURE, "rotation": SIGNATURE}
ASK_GRANT = {
    "datasets": ["clinic"],
    "tables": ["clinic.visits"],
    "columns": ["clinic.visits.age"],
    "aggregates": ["count", "mean"],
    "purpose": "research",
    "epsilon": "5",
    "uses": 10,
    "not_before": "2029-01-01T00:00:00Z",
    "not_after": END,
    "reason": REASON,
}
APPROVE = {name: ASK_GRANT[name] for name in ASK_GRANT if name not in ("datasets", "purpose", "reason")}
APPROVE |= {"review": "held"}
QUERY = {
    "sql": "select count(*) from clinic.visits",
    "purpose": "research",
    "epsilon": "1",
    "need": "For the yearly report",
    "key": "k_" + "0a" * 16,
    "signature": SIGNATURE,
}
VOTE = {"verdict": "approve", "reason": REASON, "digest": "ab" * 32}
FREEZE = {"subject": "grant", "name": GRANT_ID, "reason": REASON}
EXPLAIN = {
    "person": "ann",
    "action": "submit-query",
    "dataset": "clinic",
    "purpose": "research",
    "columns": ["clinic.visits.age"],
}

# path: who may, a body that is well-formed in every field, the fields that may be left out or null
CALLS: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "/v1/people": ("administrator", ENROL, {"identity"}),
    "/v1/me/keys": ("analyst", KEYS, {"rotation"}),
    "/v1/grant-requests": ("analyst", ASK_GRANT, {"tables", "columns", "aggregates", "uses", "not_before"}),
    f"/v1/grant-requests/{REQUEST_ID}/approval": ("steward", APPROVE, set(APPROVE)),
    f"/v1/grant-requests/{REQUEST_ID}/refusal": ("steward", {"reason": REASON}, set()),
    f"/v1/grants/{GRANT_ID}/revocation": ("steward", {"reason": REASON}, set()),
    "/v1/queries": ("analyst", QUERY, {"need"}),
    f"/v1/queries/{query_id(1)}/withdrawal": ("analyst", {}, set()),
    f"/v1/reviews/{REVIEW_ID}/votes": ("reviewer", VOTE, set()),
    "/v1/freezes": ("officer", FREEZE, set()),
    f"/v1/freezes/{FREEZE_ID}/lift": ("officer", {"reason": REASON}, set()),
    "/v1/policy/explanation": ("officer", EXPLAIN, {"dataset", "purpose", "columns"}),
}

NOT_TEXT: list[Any] = [7, 1.5, True, ["x"], {"x": CANARY}]
NOT_LINES: list[Any] = [
    *NOT_TEXT, "", " ", f" {CANARY}", f"{CANARY} ", f"{CANARY}\nb", f"{CANARY}\0", "\x1b[31m" + CANARY, f"{CANARY}\u202eb",
    "e\u0301" * 10 + CANARY, f"\u200b{CANARY}", f"{CANARY}\u2028b", CANARY * 40,
]  # fmt: skip
NOT_NAMES: list[Any] = [*NOT_LINES, "A", "а", "a/b", "../x", "a" * 64, f"{CANARY} x", "-a", "a\n"]
NOT_LISTS: list[Any] = ["x", CANARY, 7, True, {"x": "y"}, [7], [None], [["x"]], [CANARY + "\n"], [""], ["A"]]
NOT_BASE64: list[Any] = [
    *NOT_TEXT, "", "====", CANARY, KEY32 + "\n", " " + KEY32, KEY32[:-1], KEY32 * 2, SIGNATURE + SIGNATURE,
    KEY32.replace("A", "-", 1), b64encode(b"\x01" * 31).decode(), b64encode(b"\x01" * 33).decode(),
    b64encode(b"\x02" * 63).decode(), b64encode(b"\x02" * 65).decode(), KEY32[:42] + "F=", SIGNATURE[:85] + "J==",
]  # fmt: skip
NOT_TIMES: list[Any] = [
    *NOT_TEXT,
    "",
    "tomorrow",
    CANARY,
    "2030-01-01",
    "2030-01-01T00:00:00",
    "9999-12-31T23:59:59-23:00",
]
NOT_CHOICES: list[Any] = [*NOT_TEXT, "", CANARY, "approve ", "APPROVE", "all", "root"]
NOT_USES: list[Any] = [0, -1, 1.0, "3", True, [3], 10**9, 10**30, {"x": 1}]
NOT_IDS: list[Any] = [
    *NOT_TEXT,
    "",
    CANARY,
    "k_" + "0A" * 16,
    "k_" + "0a" * 15,
    "0a" * 16,
    "k_" + "0a" * 16 + "\n",
    "K_" + "0a" * 16,
]
NOT_DIGESTS: list[Any] = [*NOT_TEXT, "", CANARY, "ab" * 31, "AB" * 32, "ab" * 33, "ab" * 32 + "\n"]

WRONG: dict[str, list[Any]] = {
    "name": NOT_NAMES,
    "person": NOT_NAMES,
    "organisation": NOT_LINES,
    "identity": NOT_LINES,
    "purpose": NOT_LINES,
    "need": NOT_LINES,
    "reason": [*NOT_LINES, TOO_SHORT, "x" * (REASON_LIMIT + 1)],
    "role": NOT_CHOICES,
    "review": NOT_CHOICES,
    "verdict": NOT_CHOICES,
    "subject": NOT_CHOICES,
    "action": [*NOT_TEXT, "", CANARY, "Submit-query", "submit query", "a" * 41, "a\n"],
    "dataset": NOT_NAMES,
    "datasets": [*NOT_LISTS, [], ["x"] * 101, [f"clinic.{CANARY}"]],
    "tables": [*NOT_LISTS, [], ["clinic"], ["clinic.visits.age"], ["clinic.Visits"], ["clinic.visits"] * 1001],
    "columns": [*NOT_LISTS, ["clinic.visits"], ["a.b.c.d"], ["*"], ["clinic.visits.*"], ["clinic.visits.age"] * 5001],
    "aggregates": [*NOT_LISTS, [], ["median"], ["count"] * 8],
    "epsilon": [7, 1.5, True, ["1"], {"x": CANARY}, "", "1" * 65],
    "uses": NOT_USES,
    "not_before": NOT_TIMES,
    "not_after": NOT_TIMES,
    "sql": [*NOT_TEXT, "", "select \0", "select \x1b[31m" + CANARY],
    "sealing": NOT_BASE64,
    "signing": NOT_BASE64,
    "proof": NOT_BASE64,
    "rotation": NOT_BASE64,
    "signature": NOT_BASE64,
    "key": NOT_IDS,
    "digest": NOT_DIGESTS,
}


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, trust_env=False) as opened:
        yield opened


def send(client: httpx.Client, role: str, path: str, body: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer token-of-{role}", "Content-Type": "application/json"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers=headers | {"Idempotency-Key": "key-12345"})


def kept(world: World) -> object:
    return (
        len(world.entries), world.calls, dict(world.queries), dict(world.requests), dict(world.grants),
        dict(world.freezes), dict(world.reviews), dict(world.public_keys),
    )  # fmt: skip


def refused(response: httpx.Response, place: str) -> list[str]:
    """What is wrong with a refusal, if anything."""
    problem = response.json()
    found = []
    if (response.status_code, problem.get("code")) != (400, "malformed-request"):
        return [f"{response.status_code} {problem.get('code')}"]
    if not any(name == place or name.startswith(f"{place}.") for name in problem["fields"]):
        found.append(f"names {problem['fields']}")
    if place not in problem["detail"] or "is not valid" in problem["detail"]:
        found.append(f"says {problem['detail']!r}")
    if CANARY in response.text:
        found.append("echoes")
    return found


@pytest.mark.parametrize("path", CALLS)
def test_every_field_wrong_in_every_way_is_refused_at_its_place(client: httpx.Client, world: World, path: str) -> None:
    role, body, optional = CALLS[path]
    before = repr(kept(world))
    faults = []
    for name in body:
        wrongs = WRONG[name] if name in optional else [*WRONG[name], None]
        if name == "name" and path == "/v1/freezes":
            wrongs = [*wrongs, GRANT_ID + "!", "g_" + "I" * 26, "g_" + "A" * 25, "gr_" + "A" * 26]
        if path.endswith("/votes"):
            wrongs = [wrong for wrong in wrongs if wrong != TOO_SHORT]
        for wrong in wrongs:
            faults += [(name, wrong, fault) for fault in refused(send(client, role, path, {**body, name: wrong}), name)]
    for name in set(body) - optional:
        left = {key: value for key, value in body.items() if key != name}
        faults += [(name, "left out", fault) for fault in refused(send(client, role, path, left), name)]
    assert faults == []
    assert repr(kept(world)) == before


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda body: {**body, "surprise": CANARY},
        lambda body: {**body, f"\x1b[{CANARY}": 1},
        lambda body: [body],
        lambda _: None,
        lambda _: CANARY,
        lambda _: b"",
        lambda _: b"{",
        lambda _: b'{"reason":"a","reason":"b"}',
        lambda _: b"{} {}",
        lambda _: b'{"reason":"\\ud800 and nothing more"}',
        lambda _: b"\xff",
    ],
    ids=["unknown", "strange", "list", "null", "text", "empty", "cut", "twice", "two", "half a pair", "not utf-8"],
)
def test_bodies_of_another_shape_are_refused(client: httpx.Client, world: World, path: str, wrap: Any) -> None:
    role, body, _ = CALLS[path]
    before = repr(kept(world))
    response = send(client, role, path, wrap(body))
    assert (response.status_code, response.json()["code"]) == (400, "malformed-request")
    assert CANARY not in response.text
    assert repr(kept(world)) == before


def test_the_controls_are_taken_by_the_face(client: httpx.Client) -> None:
    """Each body above, and each with its optional fields null or left out, goes through to the service."""
    for path, (role, body, optional) in CALLS.items():
        for sent in (
            body,
            body | dict.fromkeys(optional),
            {name: value for name, value in body.items() if name not in optional},
        ):
            code = send(client, role, path, sent).json().get("code")
            assert code != "malformed-request", (path, sent)


@pytest.mark.parametrize("left_out", [("key",), ("signature",), ("key", "signature")])
def test_what_is_to_run_must_be_signed(client: httpx.Client, world: World, left_out: tuple[str, ...]) -> None:
    body = {name: value for name, value in QUERY.items() if name not in left_out}
    response = send(client, "analyst", "/v1/queries", body)
    assert (response.status_code, response.json()["fields"]) == (400, list(left_out))
    assert world.queries == {}
    assert send(client, "analyst", "/v1/queries", body | {"dry_run": True}).status_code == 200  # the control


def test_the_choices_are_those_of_the_terms() -> None:
    for literal, enumeration in (
        (fields.RoleName, Role),
        (fields.AggregateName, Aggregate),
        (fields.DutyName, ReviewDuty),
        (fields.SubjectName, Subject),
    ):
        assert set(get_args(literal)) == {item.value for item in enumeration}


def test_a_choice_says_what_may_be_chosen(client: httpx.Client) -> None:
    response = send(client, "reviewer", f"/v1/reviews/{REVIEW_ID}/votes", {**VOTE, "verdict": CANARY})
    assert response.json()["detail"] == "verdict must be 'approve' or 'reject'."


def test_every_model_of_a_body_is_in_the_reference() -> None:
    assert set(schemas.Body.__subclasses__()) == set(schemas.BODIES)


def test_the_control_of_the_checks_a_lax_answer_is_noticed() -> None:
    problem = {"code": "malformed-request", "fields": ["reason"], "detail": "reason is too short."}
    lax = {"echoes": f"reason {CANARY}", "says": "reason is not valid", "names": ""}
    assert refused(httpx.Response(400, json=problem), "reason") == []
    assert refused(httpx.Response(200, json={}), "reason") == ["200 None"]
    for fault, detail in lax.items():
        told = problem | ({"detail": detail} if detail else {"fields": ["name"]})
        assert [item.split()[0] for item in refused(httpx.Response(400, json=told), "reason")] == [fault]
