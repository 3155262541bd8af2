"""The client against a real server: the calls, the proofs, and what it does when connections break."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import httpx
import pytest
from client_world import SECRET, World

from sandbox.client import Connection, MemoryKeyStore, transport
from sandbox.client.credentials import Pins
from sandbox.client.quote import Quote
from sandbox.client.transport import EnclaveUnreachable
from sandbox.proof.log_export import verify_export
from sandbox.proof.signing import SigningKey
from sandbox.terms.refusal import (
    AnswerPending,
    BudgetInsufficient,
    EnclaveSealed,
    Fault,
    FileNotUsable,
    MalformedNumber,
    MalformedRequest,
    MeasurementForfeited,
    NotFound,
    ProofFailed,
    RoleNotPermitted,
    SignInRequired,
    UnknownColumn,
)

SQL = "select sex, count(*) as n from clinic.visits group by sex"


@pytest.fixture
def ann(url: str) -> Iterator[Connection]:
    with Connection(url, "token-of-analyst", keys=MemoryKeyStore()) as connection:
        connection.check_pins()
        yield connection


@pytest.fixture
def as_(url: str):
    opened = []

    def sign_in(role: str) -> Connection:
        opened.append(Connection(url, f"token-of-{role}", keys=MemoryKeyStore()))
        return opened[-1]

    yield sign_in
    for connection in opened:
        connection.close()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "RETRY_PAUSES", (0.01, 0.01, 0.01))


# -- the line ------------------------------------------------------------------------------------------------------------


def test_check_run_result(ann: Connection, world: World) -> None:
    query = ann.query(SQL, purpose="research", epsilon="1.0")
    quote = query.check()
    assert (quote.verdict, quote.groups, quote.wait_ms, quote.more_like_this) == ("answerable", 2, 250, 20)
    assert quote.cost["amount"] == "0.018"
    assert quote.plan("zh") == ["按性别计数。", "2 个公开键。"]
    for words in (
        "answerable: Counts rows by sex. 2 public",
        "epsilon 1 ",
        "n ± 6 at 95 %",
        "± 9.5 in groups of 100",
        "nothing was",
    ):
        assert words in str(quote)
    assert quote.review["outcome"] == "automatic"
    body = {"sql": SQL, "purpose": "research", "epsilon": "1", "dry_run": True}
    assert world.calls == [("check", body)]
    release = query.run().result(timeout=10)
    assert release.columns == ("sex", "n", "paid", "age")
    assert release.keys == ("sex",)
    assert release.to_pylist() == [
        {"sex": "F", "n": 101, "paid": 10.0, "age": 55.4},
        {"sex": "M", "n": 97, "paid": 25.0, "age": 55 - 10 / 98},
    ]
    assert (release.cost["amount"], release.reused) == ("0.018", False)
    assert release.verify().facts["key"] == ann.ensure_keys().id
    assert (release.request["sql"], release.request["epsilon"]) == (SQL, "1")


def test_a_quote_explains_and_draws_its_plan(ann: Connection, world: World, tmp_path: Path) -> None:
    query = ann.query(SQL, purpose="research", epsilon="1")
    quote = query.check()
    assert quote.explain() == "1. Counts rows by sex.\n2. 2 public keys."
    assert quote.explain("zh") == "1. 按性别计数。\n2. 2 个公开键。"
    assert quote.picture("zh") == '<svg xmlns="http://www.w3.org/2000/svg"><title>zh</title></svg>'
    assert world.calls[-1][1]["picture"] == "zh"
    saved = quote.save_picture(tmp_path / "plan.svg")
    assert saved.read_text("utf-8") == query.picture()
    assert "picture" not in quote.document
    assert quote._repr_html_().startswith("<pre>answerable: Counts")
    assert "typical: noisy, no interval known" in str(quote)
    assert "sex:" not in str(quote)
    with pytest.raises(MalformedRequest, match="drawn"):
        Quote.from_json(quote.document).picture()


def test_a_quote_with_private_keys_has_no_number_of_groups(ann: Connection) -> None:
    document = ann.query(SQL, purpose="research", epsilon="1").check().document
    assert Quote.from_json(document | {"groups": None}).groups is None
    with pytest.raises(Fault):
        Quote.from_json({name: value for name, value in document.items() if name != "groups"})


def test_an_enclave_that_draws_nothing_is_told(ann: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    query = ann.query(SQL, purpose="research", epsilon="1")
    monkeypatch.setattr(type(ann.transport), "json", lambda *_, **__: {"verdict": "answerable"})
    with pytest.raises(Fault, match="no picture"):
        query.picture()


def test_intervals_hold_the_value_and_grow_with_the_level(ann: Connection) -> None:
    release = ann.query(SQL, purpose="research", epsilon="1").run().result()
    for name in ("n", "paid", "age"):
        narrow, wide = release.interval(name, 0.5), release.interval(name)
        for row, (low, high), (lower, higher) in zip(release.to_pylist(), narrow, wide, strict=True):
            assert lower <= low <= row[name] <= high <= higher
    with pytest.raises(KeyError, match="it has sex, n"):
        release.interval("m")
    with pytest.raises(ValueError, match=r"noise|key"):
        release.interval("sex")
    for level in (0, 1, 95):
        with pytest.raises(ValueError, match="level"):
            release.interval("n", level)


def test_waiting_ends_when_the_answer_is_out_or_the_time_is_over(ann: Connection, world: World) -> None:
    world.wait_for = 3
    waited = []
    assert ann.query(SQL, purpose="research", epsilon="1").run().result(20, progress=waited.append).id == "q_1"
    assert waited == sorted(waited)
    world.wait_for = 1_000
    running = ann.query(SQL, purpose="research", epsilon="1").run()
    with pytest.raises(AnswerPending) as pending:
        running.result(timeout=0.3)
    assert pending.value.facts == {"query": "q_2", "spent": "0.018"}
    with pytest.raises(AnswerPending):
        ann.release("q_2")


def test_a_forfeit_is_told_with_what_stays_spent(ann: Connection, world: World) -> None:
    world.forfeit = True
    with pytest.raises(MeasurementForfeited) as forfeited:
        ann.query(SQL, purpose="research", epsilon="1").run().result()
    assert forfeited.value.facts["spent"] == "0.018"


def test_refusals_raise_their_classes(ann: Connection) -> None:
    with pytest.raises(UnknownColumn) as refused:
        ann.query("refuse:unknown-column", purpose="p", epsilon="1").check()
    assert (refused.value.span.column, refused.value.rewrite) == (3, "select count(*) from clinic.visits")
    with pytest.raises(UnknownColumn):
        ann.query("refuse:unknown-column", purpose="p", epsilon="1").run()
    with pytest.raises(BudgetInsufficient):
        ann.query(SQL, purpose="p", epsilon=6).check()
    with pytest.raises(Fault):
        ann.query("fault", purpose="p", epsilon=1).check()
    with pytest.raises(NotFound):
        ann.dataset("../me")
    with pytest.raises(NotFound):
        ann.dataset("..")
    with pytest.raises(RoleNotPermitted):
        ann.enrol("x", "y", "analyst")


def test_people_datasets_accounts(as_, world: World) -> None:
    enrolled = as_("administrator").enrol("ann", "acme", "analyst", identity="staff-17")
    assert (enrolled.token, enrolled.identity) == (SECRET, "staff-17")
    assert as_("administrator").enrol("ben", "acme", "analyst").identity == ""
    assert SECRET not in repr(enrolled)
    steward = as_("steward")
    assert steward.me()["role"] == "steward"
    assert steward.register("x", file="c.toml")["name"] == "clinic"
    steps = []
    version = steward.load("clinic", {"visits": "v.csv"}, progress=lambda *step: steps.append(step))
    assert version["version"] == 1
    assert steps == [("read", 1, 4), ("read", 2, 4), ("", 4, 4)]
    assert [item["name"] for item in steward.datasets()] == ["clinic"]
    assert as_("analyst").accounts()[0]["left"] == "0.372"
    assert as_("analyst").queries() == []


def test_a_refused_load_raises_its_reason(as_, world: World) -> None:
    world.load_problem = FileNotUsable("visits: column age: row 3 is not a whole number.")
    with pytest.raises(FileNotUsable, match="row 3"):
        as_("steward").load("clinic", {"visits": "v.csv"})


def test_health(url: str, world: World) -> None:
    with Connection(url) as connection:
        assert connection.health() == "ready"
        world.state = "sealed"
        assert connection.health() == "sealed"
        with pytest.raises(SignInRequired):
            world.state = "ready"
            connection.me()
        world.state = "sealed"
    with Connection(url, "token-of-analyst") as connection, pytest.raises(EnclaveSealed):
        connection.accounts()


# -- proofs --------------------------------------------------------------------------------------------------------------


def test_verify_finds_every_change(ann: Connection, world: World) -> None:
    release = ann.query(SQL, purpose="research", epsilon="1").run().result()
    release.verify()
    count = release.answer.columns[1]
    column = replace(count, integers=(count.integers[0] + 1, count.integers[1]))
    columns = (release.answer.columns[0], column, *release.answer.columns[2:])
    stranger = SigningKey("enclave.test", b"x" * 32).verifier.text
    facts = release.certificate["facts"]
    other = ann.query(SQL + " ", purpose="research", epsilon="1").run().result()
    receipts = release.document["receipts"]

    def document(**changes: object) -> dict[str, object]:
        return {"document": release.document | changes}

    def receipt(**changes: object) -> dict[str, object]:
        return document(receipts=receipts | {"committed": receipts["committed"] | changes})

    changes = [
        {"answer": replace(release.answer, columns=columns)},
        {"answer": replace(release.answer, order="o_other")},
        {"certificate": {**release.certificate, "facts": {**facts, "query": "q_7"}}},
        {"certificate": other.certificate},
        {"id": "q_7"},
        {"cost": release.cost | {"amount": "0.001"}},
        document(certificate=other.certificate),
        document(envelope=other.document["envelope"]),
        document(envelope=""),
        document(id="q_7"),
        document(reused=True),
        document(more=1),
        document(cost=release.cost | {"amount": "0.001"}),
        document(receipts={}),
        document(receipts={name: receipts[name] for name in ("reserved", "committed")}),
        document(receipts=receipts | {"released": receipts["committed"]}),
        receipt(leaf="00" * 32),
        receipt(index=0),
        receipt(proof=[]),
        receipt(leaf="zz"),
        receipt(checkpoint="enclave.test\n9\n\n"),
        receipt(entry="{}"),
        {"pins": replace(release.pins, log_key=stranger)},
        {"pins": replace(release.pins, release_key=stranger)},
        {"pins": replace(release.pins, origin="another.log")},
    ]
    for change in changes:
        with pytest.raises(ProofFailed):
            replace(release, **change).verify()


def test_pins_are_held_against_the_enclave(url: str, world: World) -> None:
    right = Pins("enclave.test", world.log_key.verifier.text, world.release_key.verifier.text)
    with Connection(url, "token-of-analyst", pins=right) as connection:
        assert connection.check_pins() == right
    wrong = replace(right, log_key=SigningKey("enclave.test", b"x" * 32).verifier.text)
    with Connection(url, "token-of-analyst", pins=wrong) as connection:
        with pytest.raises(ProofFailed):
            connection.check_pins()
        with pytest.raises(ProofFailed):
            connection.checkpoint()


def test_keys_are_pinned_before_anything_is_spent(url: str, world: World) -> None:
    with Connection(url, "token-of-analyst", keys=MemoryKeyStore()) as connection:
        running = connection.query(SQL, purpose="p", epsilon="1").run()
        world.release_key = SigningKey("enclave.test/release", b"q" * 32)
        with pytest.raises(ProofFailed):
            running.result()


def test_the_log_calls(as_, world: World, tmp_path) -> None:
    officer = as_("officer")
    old = officer.checkpoint()
    for number in range(5):
        world.append("query.checked", {"text_tag": "ab", "verdict": "answerable", "purpose": str(number)})
    assert officer.consistency(old).size == 6
    assert officer.inclusion(3)["index"] == 3
    with pytest.raises(NotFound):
        officer.inclusion(60)
    path = officer.export_log(tmp_path / "log.jsonl")
    with path.open("rb") as lines:
        assert verify_export(lines, world.log_key.verifier.text).size == 6
    assert [item.name for item in tmp_path.iterdir()] == ["log.jsonl"]
    forged = replace(old, root=bytes(32))
    with pytest.raises(ProofFailed):
        officer.consistency(forged)
    with pytest.raises(RoleNotPermitted):
        as_("analyst").export_log(tmp_path / "no.jsonl")
    assert [item.name for item in tmp_path.iterdir()] == ["log.jsonl"]


# -- broken connections --------------------------------------------------------------------------------------------------


@contextmanager
def flaky(
    url: str, losses: int, after_answer: bool = True, once_seen: bytes = b"POST"
) -> Iterator[tuple[str, list[bytes]]]:
    """A relay in front of `url` that loses the answers to the first requests of a kind: they reach the enclave, or not."""
    target = httpx.URL(url)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    seen: list[bytes] = []
    done = threading.Event()

    def request_of(connection: socket.socket) -> bytes:
        found = b""
        while b"\r\n\r\n" not in found:
            piece = connection.recv(65536)
            if not piece:
                return found
            found += piece
        head, _, body = found.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        closing = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:"))
        return closing + b"\r\nConnection: close\r\n\r\n" + body

    def relay(connection: socket.socket) -> None:
        with connection:
            request = request_of(connection)
            if not request:
                return
            matters = request.startswith(once_seen)
            if matters:
                seen.append(request)
            lost = matters and len(seen) <= losses
            if lost and not after_answer:
                return
            with socket.create_connection((target.host, target.port)) as onward:
                onward.sendall(request)
                answer = b""
                while piece := onward.recv(65536):
                    answer += piece
            if not lost:
                connection.sendall(answer)

    def serve() -> None:
        while not done.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(10)
            relay(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
    finally:
        done.set()
        thread.join(10)
        listener.close()


def keyed(url: str, keys: MemoryKeyStore) -> None:
    """The analyst's keys, made and registered before the connection gets worse."""
    with Connection(url, "token-of-analyst", keys=keys) as connection:
        connection.ensure_keys()


def key_of(request: bytes) -> bytes:
    return next(line for line in request.split(b"\r\n") if line.lower().startswith(b"idempotency-key:"))


@pytest.mark.parametrize("after_answer", [True, False], ids=["answer lost", "request lost"])
def test_a_lost_run_is_retried_with_its_key_and_spends_once(url: str, world: World, after_answer: bool) -> None:
    keys = MemoryKeyStore()
    keyed(url, keys)
    with (
        flaky(url, 2, after_answer) as (address, seen),
        Connection(address, "token-of-analyst", keys=keys) as connection,
    ):
        running = connection.query(SQL, purpose="p", epsilon="1").run()
    assert len(seen) == 3
    assert len({key_of(request) for request in seen}) == 1
    assert (running.id, len(world.queries)) == ("q_1", 1)


def test_a_run_that_stays_lost_names_its_key(url: str, world: World) -> None:
    keys = MemoryKeyStore()
    keyed(url, keys)
    with flaky(url, 99) as (address, _), Connection(address, "token-of-analyst", keys=keys) as connection:
        with pytest.raises(EnclaveUnreachable) as lost:
            connection.query(SQL, purpose="p", epsilon="1").run("my-key-0001")
        assert lost.value.facts == {"spent": "unknown", "idempotency_key": "my-key-0001"}
    with Connection(url, "token-of-analyst", keys=keys) as connection:
        assert connection.query(SQL, purpose="p", epsilon="1").run("my-key-0001").id == "q_1"
    assert len(world.queries) == 1


def test_what_has_no_key_is_not_sent_twice(url: str, world: World) -> None:
    with (
        flaky(url, 1) as (address, seen),
        Connection(address, "token-of-administrator") as connection,
        pytest.raises(EnclaveUnreachable),
    ):
        connection.enrol("ann", "acme", "analyst")
    assert len(seen) == 1


def test_reading_is_retried(url: str) -> None:
    with flaky(url, 2, once_seen=b"GET") as (address, seen), Connection(address, "token-of-analyst") as connection:
        assert connection.me()["name"] == "analyst"
    assert len(seen) == 3


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with Connection(f"http://127.0.0.1:{port}", "token-of-analyst") as connection:
        assert connection.health() == "unreachable"
        with pytest.raises(EnclaveUnreachable) as lost:
            connection.me()
        assert "spent" not in lost.value.facts
        assert lost.value.exit_code == 6


@contextmanager
def answering(payload: bytes) -> Iterator[str]:
    """A server that is no enclave: it gives the same bytes to everybody."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.recv(65536)
                connection.sendall(payload)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        done.set()
        thread.join(10)
        listener.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhtml",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\noops",
        b'HTTP/1.1 409 No\r\nContent-Length: 14\r\n\r\n{"code": "new"}'[:-1],
        b'HTTP/1.1 422 No\r\nContent-Length: 48\r\n\r\n{"code": "unknown-column", "span": {"line": "x"}}'[:-1],
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_answers_of_no_enclave_are_faults(answer: bytes) -> None:
    with answering(answer) as url, Connection(url, "token-of-analyst") as connection, pytest.raises(Fault):
        connection.me()


# -- what may be given ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [0.5, True, None, [1], 1j])
def test_epsilon_is_never_a_float(ann: Connection, wrong: object) -> None:
    with pytest.raises(TypeError, match="exact"):
        ann.query(SQL, purpose="p", epsilon=wrong)


@pytest.mark.parametrize(
    "wrong", ["", "-1", "abc", "1/3", "0x1", "nan", "inf", "٣", -1, Fraction(1, 3), Decimal("NaN")]
)
def test_epsilon_is_a_decimal(ann: Connection, wrong: object) -> None:
    with pytest.raises(MalformedNumber):
        ann.query(SQL, purpose="p", epsilon=wrong)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "sandbox",
        "ftp://x",
        "http://sandbox.example",
        "http://10.0.0.1",
        "https://",
        "https://user:pw@x.example",
        "http://[",
    ],
)
def test_addresses_that_would_leak_a_token(address: str) -> None:
    with pytest.raises(MalformedRequest):
        Connection(address, "token-of-analyst")


def test_tokens_that_no_header_takes(url: str) -> None:
    for token in ("a b", "a\nb", "ключ"):
        with pytest.raises(MalformedRequest):
            Connection(url, token)


def test_the_token_shows_in_no_representation(ann: Connection) -> None:
    query = ann.query(SQL, purpose="p", epsilon="1")
    for thing in (ann, query, query.run(), vars(ann)):
        assert "token-of-analyst" not in repr(thing)
