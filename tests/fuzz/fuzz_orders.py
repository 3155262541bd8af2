"""Orders that fuzzed readers of the engine's socket start from, and the key that signs them anew after a slip."""

import json
from itertools import product
from random import Random
from typing import Any

import mutations
from plan_examples import CLINIC, CLINIC_TEXT

from sandbox.plan.canonical import plan_json
from sandbox.plan.compile import compile_query
from sandbox.plan.query import Plan
from sandbox.privacy.mechanism import measurement_spec
from sandbox.proof.signing import SigningKey
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.order import SIGNING_CONTEXT, LoadOrder, MeasureOrder, SourceVersion
from workers.noisy_table import NoisyTable

BOOT = "ab" * 16
ORDER_KEY = SigningKey("sandbox-order", b"o" * 32)
UNITS = 10**9
SQL = (
    "select count(*) from clinic.visits",
    (
        "select sex, ward, count(*), count(distinct patient_id), sum(cost), avg(age + 1) from clinic.visits"
        " where (age > 3 or city in ('a', 'b')) and not urgent and visited < date '2024-06-01' group by sex, ward"
    ),
    "select day, avg(cost / (age + 1)), count(city) from clinic.visits where seen is not null group by day",
)
PLANS = tuple(compile_query(sql, CLINIC) for sql in SQL)


def order_of(number: int) -> MeasureOrder:
    plan = PLANS[number]
    spec = measurement_spec(plan, Mode.ZCDP, UNITS)
    sources = (SourceVersion("clinic", 1, "ef" * 32),)
    return MeasureOrder("o_1", BOOT, sources, plan_json(plan), spec.to_json(), Loss(Mode.ZCDP, UNITS), 8_000)


ORDERS = tuple(order_of(number) for number in range(len(PLANS)))
LOAD = LoadOrder("o_2", BOOT, "clinic", 1, CLINIC_TEXT, 16, {"visits": "visits.csv"})


def zeros(plan: Plan) -> tuple[NoisyTable, ...]:
    """Noisy tables of nothing but zeros; no private group shows."""
    found = []
    for measurement in plan.measurements:
        lines = () if measurement.selected else tuple(product(*(key.values or () for key in measurement.keys)))
        found.append(NoisyTable(lines, tuple((0,) * (wide * len(lines)) for wide in measurement.widths)))
    return tuple(found)


def signed(chance: Random, order: dict[str, Any]) -> tuple[bytes, bytes]:
    """An order with slips, signed; what has no canonical form is signed in some other form."""
    changed = mutations.mutated_json(chance, order)
    try:
        body = canonical_bytes(changed)
    except (TypeError, ValueError, RecursionError):
        body = lax_bytes(changed)
    if chance.random() < 0.1:
        body = mutations.mutated_bytes(chance, body)
    return body, ORDER_KEY.sign(SIGNING_CONTEXT + body)


def lax_bytes(document: Any) -> bytes:
    try:
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    except (RecursionError, ValueError):
        return b"[" * 5_000


def bombs() -> tuple[tuple[bytes, bytes], ...]:
    plain = (b"", b"null", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000, b'"\\ud800"', b"\xff", b"1e999", b"NaN")
    return tuple((body, ORDER_KEY.sign(SIGNING_CONTEXT + body)) for body in plain)
