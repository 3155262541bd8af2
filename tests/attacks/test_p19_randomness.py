"""P19, S25: randomness that repeats: after a fork, from a seed, in nonces and keys.

Noise, nonces and keys come from the operating system. Controls: generators that live in the process repeat in every fork;
under a nonce that repeats, AES-GCM shows the XOR of two texts.
"""

import ast
import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.proof.bundle import salted
from sandbox.proof.sealing import new_sealing_key, seal, seal_to, sealing_public
from sandbox.service.identity import new_token

ROOT = Path(__file__).parents[2]
FORKS = """
import json, os, random, sys
import numpy as np
sys.path.insert(0, {path!r})
from crafted_rows import plan_of, spec_of
from workers.noise import prepare
sql = "select ward, count(*) as n from clinic.visits group by ward"
spec = spec_of(sql, 10**3)
((mechanism,),) = prepare(plan_of(sql), spec, spec.cost)
mechanism.draw(np.zeros(3, np.int64))
generator, plainer = np.random.default_rng(), random.Random()
lines = []
for number in range(6):
    waiting, held = os.pipe()
    if os.fork() == 0:
        drawn = [mechanism.draw(np.zeros(3, np.int64)).tolist() for _ in range(20)]
        plain = [plainer.random(), generator.normal()]
        os.write(held, (json.dumps([drawn, plain]) + "\\n").encode())
        os._exit(0)
    os.wait()
    lines.append(json.loads(os.read(waiting, 65536)))
print(json.dumps(lines))
"""


def test_no_fork_draws_what_another_drew() -> None:
    script = FORKS.format(path=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=ROOT, timeout=120)
    children = json.loads(done.stdout)
    vectors = [tuple(vector) for drawn, _ in children for vector in drawn]
    assert len(vectors) == 120
    assert len(set(vectors)) == 120
    # The control: generators of the process draw the same in every child.
    assert len({tuple(plain) for _, plain in children}) == 1


@pytest.mark.parametrize("made", [
    lambda: seal(b"k" * 32, b"the same text", "the same place"),
    lambda: seal_to(sealing_public(b"p" * 32), b"the same text", b"the same place"),
    new_sealing_key,
    new_token,
    lambda: salted({})["salt"],
], ids=["sealed texts", "texts sealed to somebody", "keys", "tokens", "salts of answers"])  # fmt: skip
def test_nothing_is_made_twice(made) -> None:
    assert len({made() for _ in range(3_000)}) == 3_000


def test_control_a_nonce_that_repeats_shows_two_texts() -> None:
    cipher, nonce = AESGCM(secrets.token_bytes(32)), b"n" * 12
    one, other = (cipher.encrypt(nonce, text, None) for text in (b"epsilon = 0.5", b"epsilon = 9.9"))
    shown = bytes(a ^ b for a, b in zip(one, other, strict=True))[:13]
    assert shown == bytes(a ^ b for a, b in zip(b"epsilon = 0.5", b"epsilon = 9.9", strict=True))


def test_a_repeated_nonce_would_show_equal_texts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite is nonce-misuse resistant: even a broken generator leaves no XOR of texts."""
    monkeypatch.setattr("sandbox.proof.aead.token_bytes", lambda count: b"n" * count)
    one, other = (seal(b"k" * 32, text, "x")[13:26] for text in (b"epsilon = 0.5", b"epsilon = 9.9"))
    xor = bytes(a ^ b for a, b in zip(b"epsilon = 0.5", b"epsilon = 9.9", strict=True))
    assert bytes(a ^ b for a, b in zip(one, other, strict=True)) != xor
    assert seal(b"k" * 32, b"a", "x") == seal(b"k" * 32, b"a", "x")


def seeded(text: str) -> list[str]:
    """Calls that seed, and generators that are not the operating system's."""
    found = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Attribute(attr=("seed" | "default_rng" | "RandomState" | "Random") as name)):
                found.append(name)
            case ast.Import(names=names) if any(name.name == "random" for name in names):
                found.append("random")
            case ast.ImportFrom(module="random"):
                found.append("random")
            case ast.Attribute(value=ast.Name(id="np"), attr="random"):
                found.append("np.random")
    return found


def test_no_source_of_the_product_seeds_anything() -> None:
    for room in ("sandbox", "workers", "policies"):
        for path in (ROOT / room).rglob("*.py"):
            if "demo" not in path.parts:
                assert seeded(path.read_text("utf-8")) == [], path
    for planted in ("import random", "from random import Random", "np.random.seed(1)", "np.random.default_rng(7)"):
        assert seeded(planted)
