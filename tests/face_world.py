"""A service that answers from memory, for tests of the faces: real keys, log, certificates and refusals; no data.

SQL steers it: `refuse:<code>` is refused with that code, `fault` breaks inside, anything else is answered.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
import uvicorn

from sandbox.faces.http.app import create_app
from sandbox.proof.certificate import sign_certificate
from sandbox.proof.checkpoint import Checkpoint, sign_checkpoint
from sandbox.proof.entry import entry_bytes
from sandbox.proof.log_export import export_lines
from sandbox.proof.merkle import leaf_hash, prove_consistency, prove_inclusion, stored_hashes, tree_root
from sandbox.proof.signing import SigningKey
from sandbox.service import (
    about,
    accounts,
    catalogue,
    check_query,
    give_grant,
    identity,
    load_dataset,
    people,
    read_log,
    read_query,
    read_release,
    register_dataset,
    search_log,
    submit_query,
)
from sandbox.terms.answer import Answer, CountColumn, KeyColumn, MeanColumn, Noise, SumColumn
from sandbox.terms.canonical import digest
from sandbox.terms.dataset import Type
from sandbox.terms.loss import UNITS
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import (
    AnswerPending,
    BudgetInsufficient,
    DescriptionInvalid,
    IdempotencyKeyReused,
    MeasurementForfeited,
    NotFound,
    RoleNotPermitted,
    SandboxError,
    SignInRequired,
    Span,
)
from sandbox.terms.refusal import (
    catalogue as refusals,
)

SECRET = "token-of-nobody-else-77"
CANARY = "row-value-canary-4711"
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
TOKENS = {f"token-of-{role.value}": Person(role.value, "acme", role) for role in Role}
SCALE = Noise("discrete gaussian", (3.0).hex())


LOSS = {"mode": "zcdp", "units": str(18 * UNITS // 1000), "delta": "0"}
STATED = {"grant": "g_1", "dataset": "clinic", "data_version": 1, "manifest": "ab" * 32}


class Doc(dict[str, Any]):
    """A view: its JSON, with fields as attributes."""

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def to_json(self) -> dict[str, Any]:
        return dict(self)


class World:
    """Stands where the `Enclave` stands."""

    def __init__(self) -> None:
        self.state = "ready"
        self.network = "private"
        self.wait_for = 0  # polls before an answer is out
        self.forfeit = False
        self.drop = 0  # answers to submissions that are thrown away by a fault in the middle
        self.log_key = SigningKey("enclave.test", b"l" * 32)
        self.release_key = SigningKey("enclave.test/release", b"r" * 32)
        self.entries: list[bytes] = []
        self.hashes: list[bytes] = []
        self.queries: dict[str, Doc] = {}
        self.keys: dict[str, tuple[str, str]] = {}
        self.loads: dict[str, int] = {}
        self.load_problem: SandboxError | None = None
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        facts = {"name": "enclave.test", "origin": "enclave.test", "log_key": self.log_key.verifier.text}
        self.append("enclave.created", facts)

    def append(self, kind: str, facts: dict[str, Any]) -> dict[str, Any]:
        data = entry_bytes(kind, NOW, "enclave.test", facts)
        self.hashes += stored_hashes(len(self.entries), leaf_hash(data), self.read)
        self.entries.append(data)
        return self.receipt(len(self.entries) - 1)

    def read(self, indexes: Any) -> list[bytes]:
        return [self.hashes[index] for index in indexes]

    def note(self) -> str:
        size = len(self.entries)
        return sign_checkpoint(Checkpoint("enclave.test", size, tree_root(size, self.read)), self.log_key)

    def receipt(self, index: int) -> dict[str, Any]:
        proof = prove_inclusion(index, len(self.entries), self.read)
        leaf = leaf_hash(self.entries[index])
        return {
            "index": index,
            "leaf": leaf.hex(),
            "checkpoint": self.note(),
            "proof": [item.hex() for item in proof],
        }

    def read_entry(self, index: int) -> dict[str, Any]:
        entry: dict[str, Any] = json.loads(self.entries[index])
        return entry

    def stated(self, receipt: dict[str, Any]) -> dict[str, Any]:
        return receipt | {"entry": self.entries[receipt["index"]].decode()}


def steer(sql: str) -> None:
    """Refuse or break as the text says."""
    if sql.startswith("refuse:"):
        code = sql.removeprefix("refuse:").split()[0]
        kind = next(kind for kind in refusals() if kind.code == code)
        raise kind("This is why.", span=Span(1, 3, 4), rewrite="select count(*) from clinic.visits")
    if sql.startswith("fault"):
        raise RuntimeError(f"broke over {CANARY}")


def cost(epsilon: str, amount: str = "0.018") -> dict[str, Any]:
    return {"space": "patients", "mode": "zcdp", "amount": amount, "epsilon": epsilon, "delta": "5e-7"}


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


# -- the use cases -------------------------------------------------------------------------------------------------------


def sign_in(_: World, token: str) -> Person:
    if token not in TOKENS:
        raise SignInRequired
    return TOKENS[token]


def need(actor: Person, *roles: Role) -> None:
    if actor.role not in roles:
        raise RoleNotPermitted(f"This takes the role {roles[0].value}.")


def enrol(world: World, actor: Person, name: str, organisation: str, role: str) -> tuple[Person, str]:
    need(actor, Role.ADMINISTRATOR)
    world.append("person.enrolled", {"name": name, "organisation": organisation, "role": role})
    return Person(name, organisation, Role(role)), SECRET


def seen_about(world: World) -> Doc:
    return Doc(
        name="enclave.test",
        origin="enclave.test",
        log_key=world.log_key.verifier.text,
        release_key=world.release_key.verifier.text,
        network=world.network,
        clock={"tick_ms": 250, "on": True},
        version="0.1.0",
    )


SUMMARY = {
    "name": "clinic",
    "title": "Visits\x1b[31m of the clinic",
    "grade": "general",
    "steward": "bureau",
    "unit_space": "patients",
    "loaded": True,
}
VIEW = SUMMARY | {
    "tables": [
        {
            "name": "visits",
            "unit": "patient",
            "rows_max": 1000,
            "max_rows_per_unit": 5,
            "max_groups_per_unit": 5,
            "columns": [
                {
                    "name": "sex",
                    "type": "string",
                    "role": "value",
                    "keys": ["F", "M"],
                    "bounds": None,
                    "granularity": None,
                    "max_length": None,
                },
                {
                    "name": "age",
                    "type": "int",
                    "role": "value",
                    "keys": None,
                    "bounds": ["0", "110"],
                    "granularity": "1",
                    "max_length": None,
                },
            ],
        }
    ],
    "version": 1,
    "space": {"name": "patients", "mode": "zcdp", "epsilon": "20", "delta": "1e-6"},
    "epsilon": "20",
}


def register(world: World, actor: Person, text: str, file: str) -> Doc:
    need(actor, Role.STEWARD)
    if "wrong" in text:
        line = next(number for number, part in enumerate(text.split("\n"), 1) if "wrong" in part)
        raise DescriptionInvalid(
            f"{file}:{line}: there is no such key.", file=file, line=line, allowed=["name", "title"]
        )
    world.calls.append(("register", (text, file), {}))
    return Doc(VIEW)


def begin_load(world: World, actor: Person, dataset: str, files: dict[str, str]) -> Doc:
    need(actor, Role.STEWARD)
    if dataset != "clinic":
        raise NotFound
    world.calls.append(("load", (dataset, files), {}))
    world.loads["load_1"] = 0
    return Doc(id="load_1", state="running", phase="read", done=0, total=4, version=None, problem=None)


def load_view(world: World, _: Person, load: str) -> Doc:
    if load not in world.loads:
        raise NotFound
    world.loads[load] += 1
    done = world.loads[load]
    if done < 3:
        return Doc(id=load, state="running", phase="read", done=done, total=4, version=None, problem=None)
    if world.load_problem is not None:
        return Doc(
            id=load, state="refused", phase="", done=4, total=4, version=None, problem=world.load_problem.problem()
        )
    version = {"dataset": "clinic", "version": 1, "manifest": "ab" * 32}
    return Doc(id=load, state="done", phase="", done=4, total=4, version=version, problem=None)


def visible(_: World, __: Person) -> list[Doc]:
    return [Doc(SUMMARY)]


def view_dataset(_: World, __: Person, name: str) -> Doc:
    if name != "clinic":
        raise NotFound
    return Doc(VIEW)


GRANT = {
    "id": "g_1",
    "version": 1,
    "analyst": "ann",
    "organisation": "acme",
    "datasets": ["clinic"],
    "purpose": "research",
    "epsilon": "5",
    "not_before": "2026-01-01T00:00:00.000000Z",
    "not_after": "2026-12-31T00:00:00.000000Z",
    "given_by": "steward",
}


def give(world: World, actor: Person, **terms: Any) -> Doc:
    need(actor, Role.STEWARD)
    world.calls.append(("give", (), terms))
    return Doc(GRANT | {"analyst": terms["analyst"], "epsilon": terms["epsilon"]})


def grants(_: World, __: Person) -> list[Doc]:
    return [Doc(GRANT)]


def own_accounts(_: World, actor: Person) -> list[Doc]:
    need(actor, Role.ANALYST)
    return [
        Doc(
            kind="grant",
            owner="g_1",
            space="patients",
            mode="zcdp",
            limit="0.39",
            spent="0.018",
            left="0.372",
            epsilon_limit="5",
            epsilon_spent="1",
        )
    ]


def check(world: World, actor: Person, request: Any) -> Doc:
    need(actor, Role.ANALYST)
    steer(request.sql)
    world.calls.append(("check", (request.sql, request.purpose, request.epsilon), {}))
    if Fraction(request.epsilon) > 5:
        raise BudgetInsufficient("The grant account does not cover it.", account="grant", left="0.372")
    return Doc(
        verdict="answerable",
        dataset="clinic",
        table="visits",
        version=1,
        grant="g_1",
        plan={"en": ["Counts rows by sex.", "2 public keys."], "zh": ["按性别计数。", "2 个公开键。"]},
        groups=2,
        bounds={"rows": 5, "groups": 2, "rows_per_group": 5},
        mechanism="discrete gaussian",
        cost=cost(request.epsilon),
        accounts=[{"kind": "grant", "owner": "g_1", "left": "0.372", "more_like_this": 20}],
        errors=[
            {"column": "sex", "half_width": None, "level": 0.95, "by_group_size": None},
            {"column": "n", "half_width": 6.0, "level": 0.95, "by_group_size": None},
            {"column": "age", "half_width": None, "level": 0.95, "by_group_size": {"100": 9.5, "1000": 0.9}},
        ],
        wait_ms=250,
        spent="0",
    )


def submit(world: World, actor: Person, request: Any, idempotency_key: str) -> Doc:
    need(actor, Role.ANALYST)
    steer(request.sql)
    body = digest({"sql": request.sql, "purpose": request.purpose, "epsilon": request.epsilon})
    if idempotency_key in world.keys:
        known, query = world.keys[idempotency_key]
        if known != body:
            raise IdempotencyKeyReused
        return world.queries[query]
    query = f"q_{len(world.queries) + 1}"
    reused = "again" in request.sql
    own = {"of": "q_first"} if reused else {"order": f"o_{query}", "loss": LOSS}
    receipt = world.append("query.reused" if reused else "query.reserved", {"query": query} | STATED | own)
    world.keys[idempotency_key] = (body, query)
    world.queries[query] = Doc(
        id=query,
        state="running",
        dataset="clinic",
        purpose=request.purpose,
        epsilon=request.epsilon,
        reused=reused,
        cost=cost(request.epsilon, "0" if reused else "0.018"),
        accepted_at="2026-03-01T09:30:00.000000Z",
        visible_at="2026-03-01T09:30:00.250000Z",
        receipt=receipt,
    )
    return world.queries[query]


def view_query(world: World, actor: Person, query: str) -> Doc:
    need(actor, Role.ANALYST)
    if query not in world.queries:
        raise NotFound
    if world.wait_for > 0:
        world.wait_for -= 1
    else:
        world.queries[query]["state"] = "failed" if world.forfeit else "done"
    return world.queries[query]


def list_queries(world: World, _: Person) -> list[Doc]:
    return list(world.queries.values())


def wait_query(world: World, actor: Person, query: str, seconds: float) -> Doc:
    world.calls.append(("wait", (query, seconds), {}))
    return view_query(world, actor, query)


def release(world: World, actor: Person, query: str) -> Doc:
    need(actor, Role.ANALYST)
    if query not in world.queries:
        raise NotFound
    seen = world.queries[query]
    if seen["state"] == "running":
        raise AnswerPending(visible_at=seen["visible_at"])
    if seen["state"] == "failed":
        raise MeasurementForfeited(spent=seen["cost"]["amount"])
    measured = "q_first" if seen["reused"] else query
    document = answer(f"o_{measured}").to_json()
    facts = {
        "format": "sandbox/certificate/v1",
        "query": measured,
        "order": f"o_{measured}",
        "loss": LOSS,
        "answer": digest(document),
        "log": {"index": seen["receipt"]["index"], "origin": "enclave.test"},
        **STATED,
    }
    certificate = sign_certificate(facts, world.release_key)
    released = digest({"answer": document, "certificate": certificate})
    settled = world.append("query.committed", {"query": measured, "order": f"o_{measured}", "answer": released})
    return Doc(
        id=query,
        answer=document,
        certificate=certificate,
        receipt=world.stated(settled),
        reserved_receipt=world.stated(seen["receipt"]),
        cost=seen["cost"],
        reused=seen["reused"],
    )


def checkpoint(world: World, _: Person) -> str:
    return world.note()


def inclusion(world: World, actor: Person, index: int) -> Doc:
    need(actor, Role.OFFICER, Role.ANALYST)
    if index >= len(world.entries):
        raise NotFound("The log has no such entry.")
    return Doc(world.receipt(index))


def consistency(world: World, _: Person, old: int, new: int) -> Doc:
    return Doc(old=old, new=new, proof=[item.hex() for item in prove_consistency(old, new, world.read)])


def export(world: World, actor: Person) -> Iterator[str]:
    need(actor, Role.OFFICER)
    return iter(list(export_lines("enclave.test", world.log_key.verifier.text, world.entries, world.note())))


def search(world: World, actor: Person, wanted: Any, **more: Any) -> Doc:
    need(actor, Role.OFFICER)
    world.calls.append(("search", (wanted,), more))
    limit = more["limit"]
    top = min(len(world.entries), len(world.entries) if more["before"] is None else more["before"])
    rows = [
        {
            "index": index,
            "kind": world.read_entry(index)["kind"],
            "at": world.read_entry(index)["at"],
            "actor": "enclave.test",
            "person": "ann",
            "organisation": "acme",
            "datasets": ["clinic"],
            "purpose": "research",
            "decision": "reserved",
            "text_tag": None,
        }
        for index in reversed(range(top))
    ]
    return Doc(entries=rows[:limit], next=top - limit if len(rows) > limit else None, searched=len(world.entries))


def show_entry(world: World, actor: Person, index: int) -> Doc:
    need(actor, Role.OFFICER)
    if index >= len(world.entries):
        raise NotFound("The log has no such entry.")
    return Doc(world.stated(world.receipt(index)))


def open_entry(world: World, actor: Person, index: int, reason: str) -> Doc:
    shown = show_entry(world, actor, index)
    opened = world.append("entry.opened", {"index": index, "reason": reason})
    request = {"sql": f"select {CANARY}\nfrom clinic.visits", "purpose": "research", "epsilon": "1"}
    shown = show_entry(world, actor, index)
    return Doc(entry=shown, request=request, opened=world.stated(opened))


FAKED = (
    (identity, "sign_in", sign_in),
    (people, "enrol", enrol),
    (about, "about", seen_about),
    (about, "health", lambda world: world.state),
    (register_dataset, "register", register),
    (load_dataset, "begin", begin_load),
    (load_dataset, "view", load_view),
    (catalogue, "visible", visible),
    (catalogue, "view", view_dataset),
    (give_grant, "give", give),
    (give_grant, "listed", grants),
    (accounts, "mine", own_accounts),
    (check_query, "check", check),
    (submit_query, "submit", submit),
    (read_query, "view", view_query),
    (read_query, "listed", list_queries),
    (read_query, "wait", wait_query),
    (read_release, "release", release),
    (read_log, "checkpoint", checkpoint),
    (read_log, "inclusion", inclusion),
    (read_log, "consistency", consistency),
    (read_log, "export", export),
    (search_log, "search", search),
    (search_log, "show", show_entry),
    (search_log, "open_sealed", open_entry),
)


def new_world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """`world` as on its first day, with the service's functions answering from it."""
    for module, name, fake in FAKED:
        monkeypatch.setattr(module, name, fake)
    vars(world).update(vars(World()))
    return world


def app_of(world: World, **settings: Any) -> Any:
    return create_app(world, lambda: world.state, **settings)


@contextmanager
def served(world: World) -> Iterator[str]:
    """The application of `world` on a loopback port, in a thread; gives its address."""
    server = uvicorn.Server(
        uvicorn.Config(
            app_of(world),
            host="127.0.0.1",
            port=0,
            http="h11",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
