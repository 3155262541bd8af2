"""The controls of the fuzz suites: readers and handlers with a defence off, and that each is noticed, with its input."""

import os
import subprocess
import sys

import pytest
from api_walk import Good, Walk, refusal_problems
from face_world import TOKENS, World, app_of, new_world, served
from fuzz_child import PATHS, run

from sandbox.service import people
from sandbox.terms.refusal import Fault

CONTROLS = {
    "foreign": ("foreign: TOMLDecodeError", 40),
    "hungry": ("foreign: MemoryError", 0),
    "slow": ("slow: ", 0),
    "quadratic": ("slow: ", 0),
    "unsound": ("broken: ValueError", 60),
    "misleading": ("broken: AssertionError", 60),
    "beyond": ("broken: AssertionError", 300),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_reader_with_its_defence_off_is_noticed(name):
    told, count = CONTROLS[name]
    findings = run(f"planted-{name}", count, 1, 60)["findings"]
    assert any(what.startswith(told) for what, _ in findings), findings
    assert all(shown.isascii() and shown for _, shown in findings)


def test_a_reader_that_never_ends_is_noticed_with_the_input_in_hand():
    findings = run("planted-endless", 200, 1, 5)["findings"]
    assert findings == [["took more than 5 s", "'1e999999999'"]]


def test_the_same_machinery_finds_nothing_in_a_reader_that_keeps_the_rules():
    assert run("planted-sane", 60, 1, 60)["findings"] == []


def test_the_sql_texts_of_a_seed_are_the_same_on_every_machine():
    """Else a finding could not be made again: the parent would show another text than the child read."""
    program = (
        f"import sys; sys.path[:0] = {PATHS!r}\n"
        "from corpus_sql import make\n"
        "from random import Random\n"
        "chance = Random(3)\n"
        "print(ascii([make(chance) for _ in range(300)]))"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert made[0] == made[1]


# -- the walk over the API ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def face():
    world = World()
    with served(world) as address:
        yield world, address


def me(face, monkeypatch, answer) -> list[str]:
    """What the walk finds where GET /v1/me is answered by `answer`."""
    world = new_world(face[0], monkeypatch)
    monkeypatch.setattr(people, "me", answer)
    tokens = {"nobody": None, "analyst": next(iter(TOKENS))}
    walk = Walk(face[1], app_of(world).openapi(), tokens, {"GET /v1/me": [Good()]}, 1)
    return walk.run(lambda label: label == "GET /v1/me").findings


class Said(dict):
    def to_json(self):
        return dict(self)


RIGHT = Said(name="ann", organisation="acme", role="analyst", identity="", keys=[], frozen=False)


def broken(*_):
    raise KeyError("a planted mutant")


def faulty(*_):
    raise Fault


def test_the_walk_finds_nothing_in_an_answer_as_documented(face, monkeypatch):
    assert me(face, monkeypatch, lambda *_: RIGHT) == []


@pytest.mark.parametrize("handler", [broken, faulty])
def test_a_handler_that_fails_is_noticed(face, monkeypatch, handler):
    (finding,) = me(face, monkeypatch, handler)
    assert "a fault: 500" in finding
    assert "GET /v1/me as analyst" in finding
    assert "curl" in finding


@pytest.mark.parametrize(
    "wrong",
    [
        Said({name: value for name, value in RIGHT.items() if name != "keys"}),
        Said(RIGHT | {"salary": 3}),
        Said(RIGHT | {"frozen": "no"}),
        Said(RIGHT | {"keys": [{"id": 3}]}),
    ],
)
def test_a_body_out_of_its_schema_is_noticed(face, monkeypatch, wrong):
    (finding,) = me(face, monkeypatch, lambda *_: wrong)
    assert "schema" in finding.lower()


def test_an_undocumented_status_or_media_type_is_noticed(face, monkeypatch):
    """The document with something left out stands for a route that does more than it says."""
    world = new_world(face[0], monkeypatch)
    tokens = {"analyst": next(iter(TOKENS))}
    document = app_of(world).openapi()
    route = document["paths"]["/v1/me"]["get"]
    kept = route["responses"]
    for responses in (
        {"201": kept["200"]},
        {"200": {"description": "", "content": {"text/plain": {"schema": {"type": "string"}}}}},
    ):
        route["responses"] = responses
        monkeypatch.setattr(people, "me", lambda *_: RIGHT)
        walk = Walk(face[1], document, tokens, {}, 1)
        assert len(walk.run(lambda label: label == "GET /v1/me").findings) == 1


@pytest.mark.parametrize(
    ("status", "media", "content"),
    [
        (400, "text/html", b"<h1>no</h1>"),
        (404, "application/json", b'{"code":"not-found","status":404}'),
        (404, "application/problem+json", b"no"),
        (404, "application/problem+json", b'{"code":"not-found","status":403}'),
        (404, "application/problem+json", b'{"code":"lost","status":404}'),
        (500, "application/problem+json", b'{"code":"fault","status":500}'),
        (502, "application/problem+json", b'{"code":"enclave-not-ready","status":502}'),
    ],
)
def test_a_refusal_in_another_form_is_noticed(status, media, content):
    assert refusal_problems("GET /v1/me", status, {"content-type": [media]}, content)


def test_a_refusal_in_its_form_passes():
    problem = b'{"code":"enclave-not-ready","status":503}'
    assert refusal_problems("GET /v1/me", 503, {"content-type": ["application/problem+json"]}, problem) == []
