"""HTTP bodies: strict JSON, then one of the models. Only MalformedRequest comes out, and it does not repeat what was sent."""

import json
from random import Random
from typing import Any

import mutations
from watching import Corpus

from sandbox.faces.http import schemas, strict_json
from sandbox.terms.refusal import MalformedRequest

KEY, DIGEST = "k_" + "0f" * 16, "ab" * 32
HALF, SIGNATURE, MOMENT = "A" * 43 + "=", "A" * 86 + "==", "2026-12-31T00:00:00Z"
REASON = "for the yearly report"
CANARY = "canary-4c1d"
BODIES: dict[type[schemas.Body], dict[str, Any]] = {
    schemas.EnrolPerson: {"name": "ann", "organisation": "acme", "role": "analyst", "identity": "staff 18"},
    schemas.RegisterKeys: {"sealing": HALF, "signing": HALF, "proof": SIGNATURE, "rotation": SIGNATURE},
    schemas.RegisterDataset: {"description": "[dataset]\n", "file": "clinic.toml"},
    schemas.LoadVersion: {"files": {"visits": "visits.csv"}},
    schemas.RequestGrant: {
        "datasets": ["clinic"], "tables": ["clinic.visits"], "columns": ["clinic.visits.age"], "aggregates": ["count"],
        "purpose": "research", "epsilon": "5", "uses": 3, "not_before": MOMENT, "not_after": MOMENT, "reason": REASON,
    },
    schemas.ApproveRequest: {"epsilon": "5", "uses": 3, "columns": [], "not_after": MOMENT, "review": "two"},
    schemas.Reasoned: {"reason": REASON},
    schemas.AskQuery: {
        "sql": "select count(*) from clinic.visits", "purpose": "research", "epsilon": "0.5", "need": "report", "key": KEY,
        "signature": SIGNATURE, "dry_run": False,
    },
    schemas.Nothing: {},
    schemas.Vote: {"verdict": "approve", "reason": REASON, "digest": DIGEST},
    schemas.SetFreeze: {"subject": "person", "name": "ann", "reason": REASON},
    schemas.ExplainPolicy: {"person": "ann", "action": "submit-query", "dataset": "clinic", "columns": ["clinic.visits.age"]},
    schemas.OpenEntry: {"reason": REASON},
    schemas.SearchLog: {"actor": "ann", "since": MOMENT, "text": "select 1", "before": 9, "limit": 50},
}  # fmt: skip
MODELS = tuple(BODIES)
TEXTS = (
    b"", b" ", b"null", b"[]", b"{}", b"\xef\xbb\xbf{}", b"\xff", b"{" * 100_000, b"[" * 100_000, b'{"a":' * 100_000,
    b"[" * 900 + b"]" * 900, b"9" * 1_000_000, b"1e" + b"9" * 30, b'{"a":1,"a":2}', b'{"sql":"\\ud800"}', b"NaN", b"Infinity",
    b'"' + b"\\" * 1_000_000, b'"' + b"a" * 1_000_000 + b'"', b"[" + b"0," * 400_000 + b"0]", b"{}" * 400_000, b"-" * 100_000,
    b'{"datasets":[' + b'"a",' * 200_000 + b'"a"]}', b'{"files":{' + b",".join(b'"%d":""' % n for n in range(60_000)) + b"}}",
    b"{" + b",".join(b'"%d":1' % n for n in range(80_000)) + b"}", b'{"name":"' + b"a" * 100_000 + b'!"}',
    '{"reason":"{}"}'.replace("{}", "e\u0301\u0323" * 60_000).encode(), '{"reason":"{}"}'.replace("{}", "\ufdfa" * 90_000).encode(),
    b'{"not_after":"' + b"0" * 40 + b'"}', b'{"purpose":"' + b" " * 1_000_000 + b'"}',
)  # fmt: skip


def make(chance: Random) -> tuple[int, bytes]:
    """A model's number, and a body with slips in the JSON or in its bytes."""
    number = chance.randrange(len(MODELS))
    body = BODIES[MODELS[number]]
    if chance.random() < 0.1:
        body = BODIES[chance.choice(MODELS)]
    if chance.random() < 0.7:
        body = mutations.mutated_json(chance, body)
    try:
        text = json.dumps(body, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    except RecursionError:
        text = b"[" * 2_000
    return number, mutations.mutated_bytes(chance, text) if chance.random() < 0.4 else text


def read(item: tuple[int, bytes]) -> schemas.Body:
    return schemas.read(MODELS[item[0]], strict_json.parse(item[1]))


def check(_: Any, outcome: Any) -> None:
    if isinstance(outcome, MalformedRequest):
        assert len(json.dumps(outcome.problem(), allow_nan=False)) < 4_000, "a refusal that repeats what was sent"
    else:
        outcome.model_dump_json()


def bodies() -> Corpus:
    always = tuple((number, text) for text in TEXTS for number in (4, 7, 13))
    valid = tuple((number, json.dumps(BODIES[model]).encode()) for number, model in enumerate(MODELS))
    return Corpus("HTTP bodies", make, read, (MalformedRequest,), always + valid, check)
