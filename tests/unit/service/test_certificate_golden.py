"""The certificate of a release has exactly the facts, at every depth, of the golden one."""

import json
from pathlib import Path

from line_steps import asked, facts, release, vote

from sandbox.proof.certificate import verify_certificate
from sandbox.proof.signing import SigningKey

GOLDEN = Path(__file__).parents[2] / "golden" / "certificate-release.json"


def shape(value):
    """Names and types; a list has the shape of its first element."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(item) for item in value[:1]] if isinstance(value, list) else type(value).__name__


def test_a_held_release_is_certified_as_the_golden_one(bare):
    bare.register()
    bare.grant("ann", ("roads",), steward=bare.tom, epsilon="3")
    query = asked(bare, "select sum(km) as km from roads.trips", need="For planning the new road")
    for reviewer in (bare.rita, bare.rhea):
        vote(bare, reviewer, query)
    found = facts(bare, release(bare, query))
    golden = verify_certificate(
        json.loads(GOLDEN.read_text("utf-8")), SigningKey("enclave.example/release", bytes(range(32))).verifier
    )
    assert shape(found) == shape(golden)
    same = ("format", "suite", "assurance", "clock", "network")
    assert {name: found[name] for name in same} == {name: golden[name] for name in same}
    rounds = [[vote["round"] for vote in one["review"]["approvals"]] for one in (found, golden)]
    assert rounds[0] == rounds[1]
