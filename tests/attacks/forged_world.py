"""What forgers start from: an enclave with releases of two analysts, an open review, tokens, and what each of them signed."""

import asyncio
import copy
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import httpx
from line_steps import later, pins, release, review_of, vote
from service_world import COUNT, World

from sandbox.client import MemoryKeyStore
from sandbox.client.credentials import Pins
from sandbox.faces.http.app import create_app
from sandbox.proof.key_pairs import new_key_pair, prove_possession
from sandbox.proof.submission import Submission, sign_submission
from sandbox.service import people, register_keys, review_desk
from sandbox.service.identity import sign_in

ORIGIN = "enclave.test"
L = 2**252 + 27742317777372353535851937790883648493
"""The order of Ed25519's group: a signature with L added to its second half is the same number."""

Document = dict[str, Any]


class Http:
    """The HTTP face of a world's enclave, without a socket."""

    def __init__(self, world: World) -> None:
        self._app = create_app(world.enclave, lambda: "ready")

    def get(self, path: str, headers: Any = ()) -> httpx.Response:
        return asyncio.run(self._send("GET", path, headers, None))

    def post(self, path: str, body: Document, headers: Any = ()) -> httpx.Response:
        return asyncio.run(self._send("POST", path, headers, body))

    async def _send(self, method: str, path: str, headers: Any, body: Document | None) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, headers=headers, json=body)


class Attacked(World):
    """ann, bob and eve hold grants on the clinic that hold every answer for one reviewer."""

    def __init__(self, path) -> None:
        super().__init__(path)
        self.register()
        self.tokens: dict[str, str] = {}
        self.named = {}
        self.enrol_with_token("eve", "acme", "analyst")
        self.enrol_with_token("ron", "statistics", "reviewer")
        self.enrol_with_token("rex", "acme", "reviewer")
        self.enrol_with_token("self", "elsewhere", "analyst", "one-human")
        self.pairs["eve old"] = self.keys_of("eve")
        self.register_keys(self.named["eve"])
        for analyst in ("ann", "bob", "eve"):
            self.grant(analyst, review="held", epsilon="5")
        self.first = self.let_out("ann", "key-first", COUNT)
        self.second = self.let_out("ann", "key-second", "select count(*) as n from clinic.visits")
        self.strange = self.let_out("bob", "key-strange", COUNT)
        self.waiting = self.ask_and_wait("ann", "key-waiting", "select count(*) as m from clinic.visits where age > 1")
        self.other = self.ask_and_wait("bob", "key-other", "select count(*) as m from clinic.visits where age > 2")
        self.control = self.ask_and_wait("ann", "key-control", "select count(*) as m from clinic.visits where age > 3")
        self.http = Http(self)
        store = MemoryKeyStore()
        for name in ("ann", "bob"):
            store.keep(ORIGIN, self.pairs[name])
        self.keys = store
        found = pins(self)
        self.pins = Pins(found.origin, found.log_key, found.release_key)

    def enrol_with_token(self, name, organisation, role, identity=""):
        person, self.tokens[name] = people.enrol(self.enclave, self.administrator, name, organisation, role, identity)
        self.named[name] = person
        assert sign_in(self.enclave, self.tokens[name]).name == name

    def keys_of(self, name):
        pair = new_key_pair(name)
        proof = prove_possession(pair, ORIGIN)
        register_keys.register(self.enclave, self.named[name], pair.public.sealing, pair.public.signing, proof)
        self.pairs[name] = pair
        return pair

    def ask_and_wait(self, by, key, sql):
        query = self.submit(sql, key, by)
        self.settle_down()
        later(self)
        return query

    def let_out(self, by, key, sql) -> Document:
        query = self.ask_and_wait(by, key, sql)
        vote(self, self.rita, query)
        return release(self, query, by)

    def review(self, query) -> str:
        return review_of(self, query).opening.id

    def digest(self, query) -> str:
        return review_desk.copy(self.enclave, self.rita, self.review(query)).to_json()["digest"]

    def body(self, pair, key="key-00077", sql=COUNT, purpose="research", epsilon="1", need="", origin=ORIGIN, **as_):
        """A body signed by `pair`; `as_` replaces what is signed without what is sent."""
        said = {"person": pair.person, "sql": sql, "purpose": purpose, "epsilon": epsilon, "need": need} | as_
        submission = Submission(origin=origin, key=pair.id, idempotency_key=key, **said)
        sent = {"sql": sql, "purpose": purpose, "epsilon": epsilon} | ({"need": need} if need else {})
        return sent | {"key": pair.id, "signature": sign_submission(pair, submission), "dry_run": False}

    def post(self, path, body, token, **headers):
        return self.http.post(path, body, headers={"Authorization": f"Bearer {token}"} | headers)


def changed(value: object) -> object:
    """Another value of the same shape."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return ("1" if value[:1] != "1" else "2") + value[1:]
        case list():
            return [*value, {"entry": 1, "round": "third"}]
        case dict():
            return {**value, "more": 1}
    return 1


def places(value: object, path: tuple = ()) -> Iterator[tuple]:
    """Every place in a document."""
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def at(document: Any, path: tuple) -> Any:
    for key in path:
        document = document[key]
    return document


def put(document: Any, path: tuple, value: object) -> Any:
    """A copy with another value at a place."""
    found = copy.deepcopy(document)
    at(found, path[:-1])[path[-1]] = value
    return found


def without(document: Any, path: tuple) -> Any:
    found = copy.deepcopy(document)
    del at(found, path[:-1])[path[-1]]
    return found


def respelled(signature: str) -> dict[str, str]:
    """Other spellings of one signature, and other signatures made of it."""
    raw = b64decode(signature)
    bigger = (int.from_bytes(raw[32:], "little") + L).to_bytes(32, "little")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    slack = alphabet[alphabet.index(signature[-3]) ^ 1]
    return {
        "with the group's order added": b64encode(raw[:32] + bigger).decode(),
        "with slack bits set": signature[:-3] + slack + "==",
        "without padding": signature.rstrip("="),
        "with a line end": signature + "\n",
        "with a space": " " + signature,
        "for URLs": signature.replace("+", "-").replace("/", "_") if set("+/") & set(signature) else signature[:-4],
        "cut short": b64encode(raw[:63]).decode(),
        "lengthened": b64encode(raw + b"\0").decode(),
        "all zeros": b64encode(bytes(64)).decode(),
        "of the identity": b64encode(b"\1" + bytes(63)).decode(),
        "with one bit turned": b64encode(bytes([raw[0] ^ 1]) + raw[1:]).decode(),
        "empty": "",
    }
