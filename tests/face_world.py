"""A service that answers from memory, for tests of the faces: real keys, log, certificates, sealed bundles and refusals;
no data.

SQL steers it: `refuse:<code>` is refused with that code, `fault` breaks inside, anything else is answered. What a test
sets steers the rest: `world.votes = 1` holds answers for one reviewer, `world.forfeit` loses them, `world.wait_for` polls
pass before they are out. Analysts have no keys until they register some: the client does, `world.register(PAIR)` too.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import face_governed as governed
import face_queries as queries
import pytest
import uvicorn
from face_documents import (
    BUNDLE,
    CANARY,
    FREEZE_ID,
    GRANT,
    GRANT_ID,
    LOSS,
    NOW,
    NOW_TEXT,
    REQUEST,
    REQUEST_ID,
    REVIEW_ID,
    SCALE,
    SECRET,
    STATED,
    SUMMARY,
    TOKENS,
    VIEW,
    Doc,
    answer,
    cost,
    made_id,
    query_id,
)
from face_governed import need

from sandbox.faces.http.app import create_app
from sandbox.proof.checkpoint import Checkpoint, sign_checkpoint
from sandbox.proof.entry import entry_bytes
from sandbox.proof.key_pairs import KeyPair
from sandbox.proof.log_export import export_lines
from sandbox.proof.merkle import leaf_hash, prove_consistency, prove_inclusion, stored_hashes, tree_root
from sandbox.proof.signing import SigningKey
from sandbox.proof.submission import Submission
from sandbox.service import (
    about,
    accounts,
    catalogue,
    check_query,
    decide_grant,
    explain_policy,
    freeze,
    grants,
    identity,
    load_dataset,
    people,
    read_log,
    read_query,
    read_release,
    register_dataset,
    register_keys,
    request_grant,
    review_desk,
    search_log,
    submit_query,
)
from sandbox.terms.people import Person, PublicKeys, Role
from sandbox.terms.refusal import DescriptionInvalid, NotFound, SandboxError, SignInRequired

__all__ = [
    "BUNDLE", "CANARY", "FREEZE_ID", "GRANT", "GRANT_ID", "LOSS", "NOW", "NOW_TEXT", "PAIR", "REQUEST", "REQUEST_ID",
    "REVIEW_ID", "SCALE", "SECRET", "STATED", "SUMMARY", "TOKENS", "VIEW", "Doc", "World", "answer", "app_of", "cost",
    "made_id", "new_world", "query_id", "served", "stored_hashes",
]  # fmt: skip

PAIR = KeyPair("analyst", b"s" * 32, b"e" * 32)
"""Keys of the analyst, for tests that speak HTTP themselves."""


class World:
    """Stands where the `Enclave` stands."""

    def __init__(self) -> None:
        self.state = "ready"
        self.network = "private"
        self.wait_for = 0  # polls before an answer is out
        self.forfeit = False
        self.votes = 0  # reviewers that an answer waits for
        self.drop = 0  # answers to submissions that are thrown away by a fault in the middle
        self.origin = "enclave.test"
        self.log_key = SigningKey("enclave.test", b"l" * 32)
        self.release_key = SigningKey("enclave.test/release", b"r" * 32)
        self.entries: list[bytes] = []
        self.hashes: list[bytes] = []
        self.queries: dict[str, Doc] = {}
        self.asked: dict[str, tuple[Submission, str]] = {}  # by query: what was signed
        self.measured: dict[str, str] = {}  # by query: the query whose order measured its answer
        self.releases: dict[str, dict[str, Any]] = {}  # by measuring query: certificate, envelope, indexes of entries
        self.keys: dict[str, tuple[str, str]] = {}
        self.public_keys: dict[str, list[PublicKeys]] = {}
        self.requests: dict[str, Doc] = {}
        self.grants: dict[str, Doc] = {GRANT_ID: Doc(GRANT)}
        self.freezes: dict[str, Doc] = {}
        self.reviews: dict[str, dict[str, Any]] = {}
        self.loads: dict[str, int] = {}
        self.load_problem: SandboxError | None = None
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        facts = {"name": "enclave.test", "origin": "enclave.test", "log_key": self.log_key.verifier.text}
        self.append("enclave.created", facts)

    def register(self, pair: KeyPair) -> None:
        """Keys that an analyst has registered, whatever came before."""
        self.public_keys.setdefault(pair.person, []).append(pair.public)

    def names(self) -> set[str]:
        """Everybody."""
        return {person.name for person in TOKENS.values()}

    def let_out(self, query: dict[str, Any]) -> None:
        """Seal, certify and log an approved answer."""
        query["state"] = "done"
        queries.seal(self, query["id"])

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


# -- the use cases -------------------------------------------------------------------------------------------------------


def sign_in(_: World, token: str) -> Person:
    if token not in TOKENS:
        raise SignInRequired
    return TOKENS[token]


def enrol(
    world: World, actor: Person, name: str, organisation: str, role: str, identity: str = ""
) -> tuple[Person, str]:
    need(actor, Role.ADMINISTRATOR)
    world.append("person.enrolled", {"name": name, "organisation": organisation, "role": role, "identity": identity})
    return Person(name, organisation, Role(role), identity), SECRET


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


def register(world: World, actor: Person, text: str, file: str) -> Doc:
    need(actor, Role.STEWARD)
    if "wrong" in text:
        line = next(number for number, part in enumerate(text.split("\n"), 1) if "wrong" in part)
        raise DescriptionInvalid(
            f"{file}:{line}: there is no such key.", file=file, line=line, allowed=["name", "title"]
        )
    world.calls.append(("register", (text, file), {}))
    return Doc(VIEW)


def begin_load(world: World, actor: Person, dataset: str, files: dict[str, str], mode: str = "whole") -> Doc:
    need(actor, Role.STEWARD)
    if dataset != "clinic":
        raise NotFound
    world.calls.append(("load", (dataset, files, str(mode)), {}))
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


def own_accounts(_: World, actor: Person) -> list[Doc]:
    need(actor, Role.ANALYST)
    return [
        Doc(
            kind="grant",
            owner=GRANT_ID,
            space="patients",
            mode="zcdp",
            limit="0.39",
            spent="0.018",
            left="0.372",
            epsilon_limit="5",
            epsilon_spent="1",
        )
    ]


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
    (people, "me", governed.me),
    (register_keys, "register", governed.register_keys),
    (register_keys, "mine", governed.own_keys),
    (about, "about", seen_about),
    (about, "health", lambda world: world.state),
    (register_dataset, "register", register),
    (load_dataset, "begin", begin_load),
    (load_dataset, "view", load_view),
    (catalogue, "visible", visible),
    (catalogue, "view", view_dataset),
    (catalogue, "offered", governed.offered),
    (catalogue, "offer", governed.offer),
    (request_grant, "request", governed.request_grant),
    (request_grant, "listed", governed.list_requests),
    (decide_grant, "approve", governed.approve),
    (decide_grant, "decline", governed.decline),
    (grants, "listed", governed.list_grants),
    (grants, "view", governed.view_grant),
    (grants, "revoke", governed.revoke),
    (accounts, "mine", own_accounts),
    (check_query, "check", queries.check),
    (submit_query, "submit", queries.submit),
    (read_query, "view", queries.view_query),
    (read_query, "listed", queries.list_queries),
    (read_query, "wait", queries.wait_query),
    (read_release, "release", queries.release),
    (review_desk, "listed", governed.list_reviews),
    (review_desk, "copy", governed.copy_review),
    (review_desk, "vote", governed.vote),
    (review_desk, "withdraw", governed.withdraw),
    (freeze, "freeze", governed.freeze),
    (freeze, "lift", governed.lift),
    (freeze, "listed", governed.list_freezes),
    (explain_policy, "explain", governed.explain),
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
