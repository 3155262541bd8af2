"""An enclave that answers over HTTP from memory, for tests of the client and the command line: real keys, real log, real
sealed releases, real refusals; no data, and nothing of the service or its web framework.

Bodies are held to the contract: a field that is missing or unknown is refused. SQL steers it: `refuse:<code>` is refused
with that code, `fault` breaks inside, `again` gives the stored answer, `hold` waits for one reviewer.
"""

import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sandbox.proof.bundle import bundle_document, certificate_digest, make_bundle, salted
from sandbox.proof.checkpoint import Checkpoint, sign_checkpoint
from sandbox.proof.entry import entry_bytes
from sandbox.proof.key_pairs import check_possession, check_rotation, key_id
from sandbox.proof.log_export import export_lines
from sandbox.proof.merkle import leaf_hash, prove_consistency, prove_inclusion, stored_hashes, tree_root
from sandbox.proof.release_proof import envelope_digest
from sandbox.proof.signing import SigningKey, strict_base64
from sandbox.proof.submission import Submission, check_submission
from sandbox.terms.answer import Answer, CountColumn, KeyColumn, MeanColumn, Noise, SumColumn
from sandbox.terms.canonical import digest
from sandbox.terms.dataset import Type
from sandbox.terms.loss import UNITS
from sandbox.terms.people import PublicKeys, Role
from sandbox.terms.refusal import (
    AlreadyDecided,
    AnswerPending,
    BudgetInsufficient,
    DescriptionInvalid,
    EnclaveSealed,
    Fault,
    IdempotencyKeyReused,
    KeysRequired,
    MalformedRequest,
    MeasurementForfeited,
    NotFound,
    ReleaseRefused,
    ReleaseWithdrawn,
    ReviewChanged,
    ReviewPending,
    RoleNotPermitted,
    SandboxError,
    SignatureInvalid,
    SignInRequired,
    Span,
)
from sandbox.terms.refusal import catalogue as refusals

SECRET = "token-of-nobody-else-77"
CANARY = "row-value-canary-4711"
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
AT = "2026-03-01T09:30:00.000000Z"
SCALE = Noise("discrete gaussian", (3.0).hex())
LOSS = {"mode": "zcdp", "units": str(18 * UNITS // 1000), "delta": "0"}
MANIFEST, BUNDLE, TAG = "ab" * 32, "cd" * 32, "ef" * 32
REASON = "Complaint 17 of the clinic"

SUMMARY = {
    "name": "clinic",
    "title": "Visits\x1b[31m of the clinic",
    "grade": "general",
    "steward": "bureau",
    "unit_space": "patients",
    "loaded": True,
}


def column(name: str, kind: str, **more: Any) -> dict[str, Any]:
    empty = {"keys": None, "bounds": None, "granularity": None, "max_length": None}
    return {"name": name, "type": kind, "role": "value", **empty, **more}


OFFER = {
    **{name: value for name, value in SUMMARY.items() if name != "loaded"},
    "tables": [
        {
            "name": "visits",
            "unit": "patient",
            "link": None,
            "key": [],
            "rows_max": 1000,
            "max_rows_per_unit": 5,
            "max_groups_per_unit": 5,
            "columns": [
                column("sex", "string", keys=["F", "M"]),
                column("age", "int", bounds=["0", "110"], granularity="1"),
            ],
        }
    ],
    "space": {"name": "patients", "mode": "zcdp", "epsilon": "20", "delta": "1e-6"},
    "epsilon": "20",
}
VIEW = OFFER | {"version": 1, "loaded": True}
GRANT = {
    "id": "g_1",
    "version": 1,
    "request": "gr_1",
    "analyst": "analyst",
    "organisation": "acme",
    "datasets": ["clinic"],
    "tables": ["clinic.visits"],
    "columns": ["clinic.visits.age", "clinic.visits.sex"],
    "aggregates": ["count", "count-units", "mean", "sum"],
    "purpose": "research",
    "epsilon": "5",
    "uses": None,
    "used": 2,
    "review": "profile",
    "not_before": "2026-01-01T00:00:00.000000Z",
    "not_after": "2026-12-31T00:00:00.000000Z",
    "given_by": "steward",
    "state": "active",
    "signature": "c2ln",
}
ASKED = {name: GRANT[name] for name in ("analyst", "organisation", "datasets", "tables", "columns", "aggregates", "purpose", "epsilon", "uses", "not_after")} | {"id": "gr_1", "not_before": None, "reason": REASON, "asked_at": AT, "state": "asked", "grant": None, "decided_by": None, "decision_reason": None}  # fmt: skip


def answer(order: str) -> Answer:
    return Answer(
        order,
        (
            KeyColumn("sex", Type.STRING, ("F", "M")),
            CountColumn("n", (101, 97), SCALE),
            SumColumn("paid", Type.FLOAT, (1000, 2500), Fraction(1, 100), SCALE),
            MeanColumn(
                "age", (40, -10), (100, 98), Fraction(55), Fraction(1), Fraction(0), Fraction(110), SCALE, SCALE
            ),
        ),
    )


def cost(epsilon: str, amount: str = "0.018") -> dict[str, Any]:
    return {"space": "patients", "mode": "zcdp", "amount": amount, "epsilon": epsilon, "delta": "5e-7"}


class World:
    """What the enclave knows. Tests turn its attributes to make things happen."""

    def __init__(self) -> None:
        self.state = "ready"
        self.wait_for = 0  # polls before a measurement is settled
        self.forfeit = False
        self.stop = threading.Lock()
        self.log_key = SigningKey("enclave.test", b"l" * 32)
        self.release_key = SigningKey("enclave.test/release", b"r" * 32)
        self.entries: list[bytes] = []
        self.hashes: list[bytes] = []
        self.queries: dict[str, dict[str, Any]] = {}
        self.submissions: dict[str, tuple[Submission, str]] = {}
        self.bundles: dict[str, dict[str, Any]] = {}
        self.measured: dict[str, dict[str, Any]] = {}
        self.idempotency: dict[str, tuple[str, str]] = {}
        self.people_keys: dict[str, list[PublicKeys]] = {}
        self.reviews: dict[str, dict[str, Any]] = {}
        self.requests: dict[str, dict[str, Any]] = {}
        self.freezes: dict[str, dict[str, Any]] = {}
        self.loads: dict[str, int] = {}
        self.load_problem: SandboxError | None = None
        self.calls: list[tuple[str, dict[str, Any]]] = []
        facts = {"name": "enclave.test", "origin": "enclave.test", "log_key": self.log_key.verifier.text}
        self.append("enclave.created", facts)

    # -- the log -------------------------------------------------------------------------------------------------------

    def append(self, kind: str, facts: dict[str, Any]) -> int:
        body = entry_bytes(kind, NOW, "enclave.test", facts)
        return self.append_bytes(body)

    def append_bytes(self, body: bytes) -> int:
        self.hashes += stored_hashes(len(self.entries), leaf_hash(body), self.read)
        self.entries.append(body)
        return len(self.entries) - 1

    def read(self, indexes: Any) -> list[bytes]:
        return [self.hashes[index] for index in indexes]

    def note(self) -> str:
        size = len(self.entries)
        return sign_checkpoint(Checkpoint("enclave.test", size, tree_root(size, self.read)), self.log_key)

    def receipt(self, index: int) -> dict[str, Any]:
        if index >= len(self.entries):
            raise NotFound("The log has no such entry.")
        proof = [item.hex() for item in prove_inclusion(index, len(self.entries), self.read)]
        leaf = leaf_hash(self.entries[index]).hex()
        return {"index": index, "leaf": leaf, "checkpoint": self.note(), "proof": proof}

    def stated(self, index: int) -> dict[str, Any]:
        return self.receipt(index) | {"entry": self.entries[index].decode()}

    def facts_of(self, index: int) -> tuple[str, dict[str, Any]]:
        entry = json.loads(self.entries[index])
        return entry["kind"], entry["facts"]

    # -- queries -------------------------------------------------------------------------------------------------------

    def reserve(self, query: str, submission: Submission, signature: str) -> int:
        self.submissions[query] = (submission, signature)
        return self.append("query.reserved", self.reserved_facts(query) | {"plan_tag": TAG})

    def reserved_facts(self, query: str) -> dict[str, Any]:
        submission, _ = self.submissions[query]
        return {
            "query": query,
            "order": f"o_{query}",
            "person": submission.person,
            "grant": "g_1",
            "grant_version": 1,
            "dataset": "clinic",
            "data_version": 1,
            "manifest": MANIFEST,
            "also": [],
            "also_under": [],
            "loss": LOSS,
            "key": submission.key,
            "text_tag": TAG,
            "bundle": BUNDLE,
        }

    def settle(self, query: str) -> None:
        """At the tick: committed; then let out, or held."""
        found = self.queries[query]
        if found["state"] != "running":
            return
        if self.forfeit:
            found["state"] = "failed"
            return
        if found["reused"]:
            found["state"] = "done"
            return
        review, committed = self.commit(query, held="hold" in found["sql"])
        if review["outcome"] != "held":
            self.let_out(query, review, committed, [])
            found["state"] = "done"
            return
        found["state"] = "in-review"
        found["review"] = {"id": review["id"], "outcome": "held", "votes_needed": 1}
        self.reviews[review["id"]] = {"query": query, "review": review, "committed": committed, "state": "waiting"}

    def commit(self, measured: str, *, held: bool) -> tuple[dict[str, Any], int]:
        """An answer and its review, and the entry that states both."""
        review = {
            "id": f"rr_{measured}",
            "outcome": "held" if held else "automatic",
            "votes": int(held),
            "profile": "general",
            "digest": digest({"query": measured}),
        }
        kept = self.measured[measured] = salted(answer(f"o_{measured}").to_json())
        facts = {
            "query": measured,
            "order": f"o_{measured}",
            "answer": digest(kept),
            "review": review | {"reasons": []},
        }
        return review, self.append("query.committed", facts)

    def let_out(self, measured: str, review: dict[str, Any], committed: int, approvals: list[Any]) -> None:
        receipt = self.receipt(committed)
        submission, signature = self.submissions[measured]
        facts = self.reserved_facts(measured) | {
            "plan_digest": "12" * 32,
            "mechanism": "discrete gaussian",
            "purpose": submission.purpose,
            "organisation": "acme",
            "review": review | {"decision": "approved", "approvals": approvals},
            "clock": {"on": True, "tick_ms": 250},
            "assurance": "software",
            "network": "private",
            "log": {
                "origin": "enclave.test",
                "reserved": self.place_of(measured),
                "committed": committed,
                "checkpoint": receipt["checkpoint"],
                "proof": receipt["proof"],
            },
        }
        self.bundles[measured] = self.bundle(measured, submission, signature, facts)

    def place_of(self, query: str) -> int:
        return next(
            index
            for index in range(len(self.entries))
            if self.facts_of(index)[0] == "query.reserved" and self.facts_of(index)[1]["query"] == query
        )

    def bundle(self, query: str, submission: Submission, signature: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Seal, certify, and state in the log what left."""
        keys = next(keys for keys in self.people_keys[submission.person] if keys.id == submission.key)
        certificate, envelope = make_bundle(self.measured[query], submission, signature, facts, keys, self.release_key)
        released = self.append("release.released", self.released_facts(query, facts, certificate, envelope))
        places = {"reserved": facts["log"]["reserved"], "committed": facts["log"]["committed"], "released": released}
        return bundle_document(certificate, envelope, {name: self.stated(at) for name, at in places.items()})

    def released_facts(self, query: str, facts: dict[str, Any], certificate: Any, envelope: bytes) -> dict[str, Any]:
        return {
            "query": query,
            "order": f"o_{query}",
            "review": facts["review"]["id"],
            "key": facts["key"],
            "certificate": certificate_digest(certificate),
            "envelope": envelope_digest(envelope),
        }


class Request:
    """One call: who, with what body and headers."""

    def __init__(self, person: str, headers: Any, query: dict[str, list[str]], body: Any) -> None:
        self.person, self.headers, self.query, self.body = person, headers, query, body

    def need(self, *roles: str) -> None:
        if self.person not in roles:
            raise RoleNotPermitted(f"This takes the role {roles[0]}.")

    def fields(self, required: str, optional: str = "") -> dict[str, Any]:
        """The body, held to its contract: exactly these fields."""
        wanted, allowed = set(required.split()), set(required.split()) | set(optional.split())
        if not isinstance(self.body, dict) or wanted - set(self.body) or set(self.body) - allowed:
            raise MalformedRequest("body is not of the form this call takes.")
        if "reason" in self.body and len(self.body["reason"]) < 10:
            raise MalformedRequest("reason is too short.")
        return dict(self.body)


def steer(sql: str) -> None:
    if sql.startswith("refuse:"):
        code = sql.removeprefix("refuse:").split()[0]
        kind = next(kind for kind in refusals() if kind.code == code)
        raise kind("This is why.", span=Span(1, 3, 4), rewrite="select count(*) from clinic.visits")
    if sql.startswith("fault"):
        raise RuntimeError(f"broke over {CANARY}")


# -- the calls -----------------------------------------------------------------------------------------------------------

Call = Callable[..., Any]
ROUTES: dict[tuple[str, str], Call] = {}


def route(method: str, path: str) -> Callable[[Call], Call]:
    def keep(call: Call) -> Call:
        ROUTES[method, path] = call
        return call

    return keep


@route("GET", "/v1/me")
def me(world: World, request: Request) -> Any:
    keys = [{"id": keys.id} for keys in world.people_keys.get(request.person, [])]
    return {
        "name": request.person,
        "organisation": "acme",
        "role": request.person,
        "identity": "",
        "keys": keys,
        "frozen": False,
    }


@route("POST", "/v1/me/keys")
def register_keys(world: World, request: Request) -> Any:
    request.need("analyst")
    body = request.fields("sealing signing proof", "rotation")
    sealing, signing = strict_base64(body["sealing"]), strict_base64(body["signing"])
    keys = PublicKeys(key_id(request.person, sealing, signing), request.person, sealing, signing)
    check_possession(keys, "enclave.test", strict_base64(body["proof"]))
    known = world.people_keys.setdefault(request.person, [])
    if known:
        if "rotation" not in body:
            raise MalformedRequest("rotation is missing.")
        check_rotation(known[-1], keys, "enclave.test", strict_base64(body["rotation"]))
    known.append(keys)
    return 201, {"id": keys.id, "sealing": body["sealing"], "signing": body["signing"]}


@route("POST", "/v1/people")
def enrol(_: World, request: Request) -> Any:
    request.need("administrator")
    body = request.fields("name organisation role", "identity")
    return 201, {"identity": "", **body, "token": SECRET}


@route("GET", "/v1/catalogue")
def catalogue(_: World, __: Request) -> Any:
    return {"datasets": [SUMMARY, SUMMARY | {"name": "roads", "title": "Roads"}]}


@route("GET", "/v1/catalogue/*")
def offer(_: World, __: Request, name: str) -> Any:
    if name not in {"clinic", "roads"}:
        raise NotFound
    return OFFER | {"name": name}


@route("GET", "/v1/datasets")
def datasets(_: World, __: Request) -> Any:
    return {"datasets": [SUMMARY]}


@route("GET", "/v1/datasets/*")
def dataset(_: World, __: Request, name: str) -> Any:
    if name != "clinic":
        raise NotFound
    return VIEW


@route("POST", "/v1/datasets")
def register(world: World, request: Request) -> Any:
    request.need("steward")
    body = request.fields("description file")
    if "wrong" in body["description"]:
        line = next(number for number, part in enumerate(body["description"].split("\n"), 1) if "wrong" in part)
        words = f"{body['file']}:{line}: there is no such key."
        raise DescriptionInvalid(words, file=body["file"], line=line, allowed=["name", "title"])
    world.calls.append(("register", body))
    return 201, VIEW


@route("POST", "/v1/datasets/*/versions")
def begin_load(world: World, request: Request, name: str) -> Any:
    request.need("steward")
    body = request.fields("files", "mode")
    if name != "clinic":
        raise NotFound
    world.calls.append(("load", body))
    world.loads["load_1"] = 0
    return 202, {"id": "load_1", "state": "running", "phase": "read", "done": 0, "total": 4}


@route("GET", "/v1/loads/*")
def load(world: World, _: Request, name: str) -> Any:
    world.loads[name] += 1
    done = world.loads[name]
    if done < 3:
        return {"id": name, "state": "running", "phase": "read", "done": done, "total": 4}
    if world.load_problem is not None:
        problem = world.load_problem.problem()
        return {"id": name, "state": "refused", "phase": "", "done": 4, "total": 4, "problem": problem}
    version = {"dataset": "clinic", "version": 1, "manifest": MANIFEST}
    return {"id": name, "state": "done", "phase": "", "done": 4, "total": 4, "version": version}


@route("POST", "/v1/grant-requests")
def request_grant(world: World, request: Request) -> Any:
    request.need("analyst")
    asked = "tables columns aggregates uses not_before"
    body = request.fields("datasets purpose epsilon not_after reason", asked)
    if not set(body["datasets"]) <= {"clinic", "roads"}:
        raise NotFound
    for name in body.get("columns", []):
        if name not in GRANT["columns"]:
            raise MalformedRequest(f"There is no column {name}.", field="columns")
    for name in body.get("tables", []):
        if name not in GRANT["tables"]:
            raise MalformedRequest(f"There is no table {name}.", field="tables")
    world.calls.append(("request", body))
    made = ASKED | body | {"id": f"gr_{len(world.requests) + 1}"}
    world.requests[made["id"]] = made
    return 201, made


@route("GET", "/v1/grant-requests")
def grant_requests(world: World, _: Request) -> Any:
    return {"requests": list(world.requests.values())}


@route("POST", "/v1/grant-requests/*/approval")
def approve(world: World, request: Request, name: str) -> Any:
    request.need("steward")
    body = request.fields("", "epsilon uses tables columns aggregates not_before not_after review")
    if world.requests[name]["state"] != "asked":
        raise AlreadyDecided
    world.calls.append(("approve", body))
    world.requests[name] |= {"state": "approved", "grant": "g_1", "decided_by": "steward"}
    return 201, GRANT | body


@route("POST", "/v1/grant-requests/*/refusal")
def decline(world: World, request: Request, name: str) -> Any:
    request.need("steward")
    body = request.fields("reason")
    world.requests[name] |= {"state": "declined", "decided_by": "steward", "decision_reason": body["reason"]}
    return world.requests[name]


@route("GET", "/v1/grants")
def grants(_: World, __: Request) -> Any:
    return {"grants": [GRANT]}


@route("GET", "/v1/grants/*")
def grant(_: World, __: Request, name: str) -> Any:
    if name != "g_1":
        raise NotFound
    return GRANT


@route("POST", "/v1/grants/*/revocation")
def revoke(world: World, request: Request, name: str) -> Any:
    request.need("steward")
    world.calls.append(("revoke", request.fields("reason")))
    return GRANT | {"id": name, "state": "revoked"}


@route("GET", "/v1/accounts")
def accounts(_: World, request: Request) -> Any:
    request.need("analyst")
    amounts = {"limit": "0.39", "spent": "0.018", "left": "0.372", "epsilon_limit": "5", "epsilon_spent": "1"}
    return {"accounts": [{"kind": "grant", "owner": "g_1", "space": "patients", "mode": "zcdp"} | amounts]}


def check(body: dict[str, Any]) -> Any:
    if Fraction(body["epsilon"]) > 5:
        raise BudgetInsufficient("The grant account does not cover it.", account="grant", left="0.372")
    held = "hold" in body["sql"]
    words = {"en": "The grant asks for a reviewer.", "zh": "授权要求审核。"}
    return {
        "verdict": "answerable",
        "dataset": "clinic",
        "datasets": ["clinic"],
        "table": "visits",
        "version": 1,
        "grant": "g_1",
        "plan": {"en": ["Counts rows by sex.", "2 public keys."], "zh": ["按性别计数。", "2 个公开键。"]},
        "groups": 2,
        "bounds": {"rows": 5, "groups": 2, "rows_per_group": 5},
        "mechanism": "discrete gaussian",
        "cost": cost(body["epsilon"]),
        "accounts": [{"kind": "grant", "owner": "g_1", "left": "0.372", "more_like_this": 20}],
        "errors": [
            {"column": "sex", "half_width": None, "level": 0.95, "by_group_size": None, "noisy": False},
            {"column": "n", "half_width": 6.0, "level": 0.95, "by_group_size": None, "noisy": True},
            {
                "column": "age",
                "half_width": None,
                "level": 0.95,
                "by_group_size": {"100": 9.5, "1000": 0.9},
                "noisy": True,
            },
            {"column": "typical", "half_width": None, "level": 0.95, "by_group_size": None, "noisy": True},
        ],
        "wait_ms": 250,
        "policy": {"permitted_by": ["analyst-grant"], "bundle": BUNDLE},
        "review": {
            "outcome": "held" if held else "automatic",
            "votes": int(held),
            "reasons": [{"id": "duty", "words": words}] if held else [],
        },
        "spent": "0",
    } | (
        {"picture": f'<svg xmlns="http://www.w3.org/2000/svg"><title>{body["picture"]}</title></svg>'}
        if "picture" in body
        else {}
    )


@route("POST", "/v1/queries")
def submit(world: World, request: Request) -> Any:
    request.need("analyst")
    body = request.fields("sql purpose epsilon dry_run", "need key signature picture")
    steer(body["sql"])
    world.calls.append(("check" if body["dry_run"] else "submit", body))
    if body["dry_run"]:
        return check(body)
    idempotency = request.headers["Idempotency-Key"]
    if "key" not in body or "signature" not in body:
        raise KeysRequired
    keys = next((keys for keys in world.people_keys.get(request.person, []) if keys.id == body["key"]), None)
    if keys is None:
        raise SignatureInvalid
    said = [body["sql"], body["purpose"], body["epsilon"], body.get("need", ""), idempotency]
    submission = Submission("enclave.test", request.person, body["key"], *said)
    check_submission(keys, submission, body["signature"])
    if idempotency in world.idempotency:
        known, query = world.idempotency[idempotency]
        if known != submission.digest:
            raise IdempotencyKeyReused
        return 202, shown(world, query)
    query = f"q_{len(world.queries) + 1}"
    reused = "again" in body["sql"]
    if reused:
        if "q_first" not in world.submissions:
            world.reserve("q_first", submission, body["signature"])
            world.let_out("q_first", *world.commit("q_first", held=False), [])
        reserved = world.facts_of(world.place_of("q_first"))[1]
        same = {
            name: reserved[name]
            for name in ("dataset", "data_version", "manifest", "also", "also_under", "plan_tag", "grant")
        }
        facts = same | {"query": query, "of": "q_first", "person": request.person, "key": body["key"]}
        index = world.append("query.reused", facts)
    else:
        index = world.reserve(query, submission, body["signature"])
    world.idempotency[idempotency] = (submission.digest, query)
    world.queries[query] = {
        "id": query,
        "state": "running",
        "dataset": "clinic",
        "datasets": ["clinic"],
        "purpose": body["purpose"],
        "epsilon": body["epsilon"],
        "need": body.get("need", ""),
        "key": body["key"],
        "review": None,
        "reused": reused,
        "cost": cost(body["epsilon"], "0" if reused else "0.018"),
        "accepted_at": AT,
        "visible_at": "2026-03-01T09:30:00.250000Z",
        "receipt": world.receipt(index),
        "sql": body["sql"],
    }
    return 202, shown(world, query)


def shown(world: World, query: str) -> dict[str, Any]:
    return {name: value for name, value in world.queries[query].items() if name != "sql"}


@route("GET", "/v1/queries")
def queries(world: World, _: Request) -> Any:
    return {"queries": [shown(world, query) for query in world.queries]}


@route("GET", "/v1/queries/*")
def query_view(world: World, _: Request, query: str) -> Any:
    if query not in world.queries:
        raise NotFound
    if world.wait_for > 0:
        world.wait_for -= 1
    else:
        world.settle(query)
    return shown(world, query)


@route("POST", "/v1/queries/*/withdrawal")
def withdraw(world: World, request: Request, query: str) -> Any:
    request.fields("")
    if world.queries[query]["state"] not in {"running", "in-review"}:
        raise AlreadyDecided
    world.queries[query]["state"] = "withdrawn"
    return shown(world, query)


@route("GET", "/v1/releases/*")
def release(world: World, request: Request, query: str) -> Any:
    request.need("analyst")
    if query not in world.queries:
        raise NotFound
    found = world.queries[query]
    if request.headers.get("prefer", "").startswith("wait="):
        if world.wait_for > 0:
            world.wait_for -= 1
        else:
            world.settle(query)
    spent = found["cost"]["amount"]
    match found["state"]:
        case "running":
            raise AnswerPending(visible_at=found["visible_at"])
        case "in-review":
            raise ReviewPending(review=found["review"]["id"], spent=spent)
        case "failed":
            raise MeasurementForfeited(spent=spent)
        case "refused":
            raise ReleaseRefused(found["reason"], spent=spent)
        case "withdrawn":
            raise ReleaseWithdrawn(spent=spent)
    document = dict(world.bundles["q_first" if found["reused"] else query])
    if found["reused"]:
        index = found["receipt"]["index"]
        document["receipts"] = document["receipts"] | {"reused": world.stated(index)}
    return document | {"id": query, "cost": found["cost"], "reused": found["reused"]}


@route("GET", "/v1/reviews")
def reviews(world: World, request: Request) -> Any:
    request.need("reviewer")
    rows = [
        {
            "id": name,
            "dataset": "clinic",
            "grade": "general",
            "purpose": "research",
            "outcome": "held",
            "state": found["state"],
            "votes_needed": 1,
            "voted": "verdict" in found,
            "opened_at": AT,
        }
        for name, found in world.reviews.items()
    ]
    return {"reviews": rows}


@route("GET", "/v1/reviews/*")
def review_copy(world: World, request: Request, name: str) -> Any:
    request.need("reviewer")
    if name not in world.reviews:
        raise NotFound
    found = world.reviews[name]
    world.append("review.viewed", {"review": name})
    return {
        "id": name,
        "sentence": {
            "en": f"analyst of acme asks of clinic: a count by sex. {name}",
            "zh": "acme 的 analyst 查询 clinic。",
        },
        "dataset": "clinic",
        "grade": "general",
        "data_version": 1,
        "purpose": "research",
        "need": "The yearly report\x1b[2J.",
        "author": "analyst",
        "organisation": "acme",
        "grant": {
            "id": "g_1",
            "purpose": "research",
            "uses": None,
            "used": 2,
            "not_after": GRANT["not_after"],
            "review": "held",
        },
        "plan": {"en": ["Counts rows by sex."], "zh": ["按性别计数。"]},
        "cost": cost("1"),
        "bounds": {"rows": 5, "groups": 2},
        "checks": [
            {
                "id": "duty",
                "words": {"en": "The grant asks for a reviewer.", "zh": "授权要求审核。"},
                "outcome": "held",
            },
            {"id": "loss", "words": {"en": "The loss is small.", "zh": "损失较小。"}, "outcome": "ok"},
        ],
        "table": {
            "columns": [{"name": "sex", "kind": "key"}, {"name": "n", "kind": "count"}],
            "rows": [["F", 101], ["M", 97]],
            "intervals": {"n": [[95.0, 107.0], [91.0, 103.0]]},
            "level": 0.95,
        },
        "state": found["state"],
        "round": "independent" if found["state"] == "waiting" else None,
        "outcome": "held",
        "votes_needed": 1,
        "votes": [],
        "digest": found["review"]["digest"],
        "opened_at": AT,
    }


@route("POST", "/v1/reviews/*/votes")
def vote(world: World, request: Request, name: str) -> Any:
    request.need("reviewer")
    body = request.fields("verdict reason digest")
    found = world.reviews[name]
    if found["state"] != "waiting":
        raise AlreadyDecided
    if body["digest"] != found["review"]["digest"]:
        raise ReviewChanged
    world.calls.append(("vote", body))
    approved = body["verdict"] == "approve"
    found |= {"verdict": body["verdict"], "state": "approved" if approved else "rejected"}
    if approved:
        voted = world.append("review.voted", {"review": name, "query": found["query"], "verdict": "approve"})
        approvals = [{"entry": voted, "round": "independent"}]
        world.let_out(found["query"], found["review"], found["committed"], approvals)
        world.queries[found["query"]]["state"] = "done"
    else:
        world.queries[found["query"]] |= {"state": "refused", "reason": body["reason"]}
    return 201, {"id": name, "state": found["state"], "decision": found["state"]}


@route("POST", "/v1/freezes")
def freeze(world: World, request: Request) -> Any:
    request.need("officer")
    body = request.fields("subject name reason")
    name = f"f_{len(world.freezes) + 1}"
    world.freezes[name] = {"id": name, **body, "by": "officer", "at": AT, "lift_asked_by": None, "lifted": False}
    return 201, world.freezes[name]


@route("GET", "/v1/freezes")
def freezes(world: World, request: Request) -> Any:
    request.need("officer", "steward")
    return {"freezes": list(world.freezes.values())}


@route("POST", "/v1/freezes/*/lift")
def lift(world: World, request: Request, name: str) -> Any:
    request.need("officer")
    request.fields("reason")
    found = world.freezes[name]
    world.freezes[name] = found | ({"lifted": True} if found["lift_asked_by"] else {"lift_asked_by": "officer"})
    return world.freezes[name]


@route("POST", "/v1/policy/explanation")
def explain(world: World, request: Request) -> Any:
    request.need("officer", "steward")
    body = request.fields("person action", "dataset purpose columns")
    world.calls.append(("explain", body))
    allowed = body["person"] == "analyst"
    words = {"en": "An analyst may ask under a grant in force.", "zh": "分析者可依据有效授权查询。"}
    code = None if allowed else "not-granted"
    return {"allowed": allowed, "policies": [{"id": "analyst-grant", "words": words}], "code": code, "bundle": BUNDLE}


@route("GET", "/v1/log/checkpoint")
def checkpoint(world: World, _: Request) -> Any:
    return world.note()


@route("GET", "/v1/log/proof/inclusion/*")
def inclusion(world: World, request: Request, index: str) -> Any:
    request.need("officer", "analyst")
    return world.receipt(int(index))


@route("GET", "/v1/log/proof/consistency")
def consistency(world: World, request: Request) -> Any:
    old, new = (int(request.query[name][0]) for name in ("old", "new"))
    return {"old": old, "new": new, "proof": [item.hex() for item in prove_consistency(old, new, world.read)]}


@route("GET", "/v1/log/export")
def export(world: World, request: Request) -> Any:
    request.need("officer")
    lines = export_lines("enclave.test", world.log_key.verifier.text, world.entries, world.note())
    return "".join(f"{line}\n" for line in lines)


@route("POST", "/v1/log/search")
def search(world: World, request: Request) -> Any:
    request.need("officer")
    body = request.fields("", "actor organisation dataset purpose decision kind since until text text_tag before limit")
    world.calls.append(("search", body))
    top = min(len(world.entries), body.get("before", len(world.entries)))
    known = {"actor": "enclave.test", "person": "ann", "organisation": "acme", "datasets": ["clinic"]}
    known |= {"purpose": "research", "decision": "reserved", "text_tag": None, "at": AT}
    rows = [known | {"index": index, "kind": world.facts_of(index)[0]} for index in reversed(range(top))]
    limit = body["limit"]
    return {"entries": rows[:limit], "next": top - limit if len(rows) > limit else None, "searched": 0}


@route("GET", "/v1/log/entries/*")
def show_entry(world: World, request: Request, index: str) -> Any:
    request.need("officer")
    return world.stated(int(index)) if int(index) < len(world.entries) else world.receipt(int(index))


@route("POST", "/v1/log/entries/*/open")
def open_entry(world: World, request: Request, index: str) -> Any:
    request.need("officer")
    body = request.fields("reason")
    opened = world.append("entry.opened", {"index": int(index), "reason": body["reason"]})
    sealed = {"sql": f"select {CANARY}\nfrom clinic.visits", "purpose": "research", "epsilon": "1"}
    return {"entry": world.stated(int(index)), "request": sealed, "opened": world.stated(opened)}


# -- the server ----------------------------------------------------------------------------------------------------------

OPEN = {"/v1/enclave", "/v1/health"}


def about(world: World, _: Request) -> Any:
    return {
        "name": "enclave.test",
        "origin": "enclave.test",
        "log_key": world.log_key.verifier.text,
        "release_key": world.release_key.verifier.text,
        "network": "private",
        "clock": {"tick_ms": 250, "on": True},
        "version": "0.1.0",
    }


def answered(world: World, method: str, target: str, headers: Any, content: bytes) -> tuple[int, Any]:
    """Status and answer of one call."""
    parts = urlsplit(target)
    if parts.path == "/v1/health":
        return 200 if world.state == "ready" else 503, {"status": world.state}
    if parts.path == "/v1/enclave":
        return 200, about(world, None)
    token = headers.get("Authorization", "").removeprefix("Bearer token-of-")
    if token not in set(Role):
        raise SignInRequired
    if world.state != "ready":
        raise EnclaveSealed
    segments = parts.path.split("/")
    for (verb, path), call in ROUTES.items():
        pattern = path.split("/")
        if verb == method and len(pattern) == len(segments):
            pairs = list(zip(pattern, segments, strict=True))
            if all(part in ("*", segment) for part, segment in pairs):
                names = [unquote(segment) for part, segment in pairs if part == "*"]
                body = json.loads(content) if content else None
                found = call(world, Request(token, headers, parse_qs(parts.query), body), *names)
                return found if isinstance(found, tuple) else (200, found)
    raise NotFound


class Handler(BaseHTTPRequestHandler):
    """One connection; `world` is set by `served`."""

    protocol_version = "HTTP/1.1"
    world: World

    def do_GET(self) -> None:
        self.answer("GET")

    def do_POST(self) -> None:
        self.answer("POST")

    def answer(self, method: str) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.world.stop:
            try:
                status, found = answered(self.world, method, self.path, self.headers, content)
            except SandboxError as error:
                status, found = error.status, error.problem()
            except Exception:
                status, found = 500, Fault().problem()
        body = found.encode() if isinstance(found, str) else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(found, str) else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: tests read stderr."""


@contextmanager
def served(world: World) -> Iterator[str]:
    """`world` on a loopback port, in threads; gives its address."""
    handler = type("Bound", (Handler,), {"world": world, "disable_nagle_algorithm": True})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def renewed(world: World) -> World:
    """`world` as on its first day."""
    vars(world).update(vars(World()))
    return world


def base64(content: bytes) -> str:
    return b64encode(content).decode("ascii")
