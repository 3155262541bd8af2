"""Secrets under a passphrase, and hostile files that would have us work without end."""

import copy
import json
import time

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from sandbox.proof.locking import RECOMMENDED
from sandbox.proof.sealing import Cost, lock, unlock
from sandbox.terms.refusal import ProofFailed

QUICK = Cost(memory_kib=64, passes=1, lanes=1)
SECRET = bytes(range(32))


def test_it_round_trips_through_json():
    document = json.loads(json.dumps(lock(SECRET, b"correct horse", cost=QUICK)))
    assert unlock(document, b"correct horse") == SECRET
    assert document["kdf"]["memory_kib"] == 64


def test_the_default_is_the_recommendation():
    assert Cost(65_536, 3, 4) == RECOMMENDED
    document = lock(b"s", b"p")
    assert {name: document["kdf"][name] for name in ("name", "memory_kib", "passes", "lanes")} == {
        "name": "argon2id",
        "memory_kib": 65_536,
        "passes": 3,
        "lanes": 4,
    }
    assert unlock(document, b"p") == b"s"


def test_argon2id_is_that_of_rfc_9106():
    """The RFC's test vector, §5.3: the library under us is the algorithm we name."""
    found = Argon2id(
        salt=b"\x02" * 16, length=32, iterations=3, lanes=4, memory_cost=32, ad=b"\x04" * 12, secret=b"\x03" * 8
    ).derive(b"\x01" * 32)
    assert found.hex() == "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"


def test_two_locks_of_the_same_secret_differ():
    first, second = lock(SECRET, b"p", cost=QUICK), lock(SECRET, b"p", cost=QUICK)
    assert first["kdf"]["salt"] != second["kdf"]["salt"]
    assert first["sealed"] != second["sealed"]


def test_a_wrong_passphrase_or_a_changed_file_fails():
    document = lock(SECRET, b"p", cost=QUICK)
    with pytest.raises(ProofFailed, match="passphrase is wrong"):
        unlock(document, b"q")
    for name, value in (("memory_kib", 72), ("passes", 2), ("salt", "AAAAAAAAAAAAAAAAAAAAAA==")):
        changed = copy.deepcopy(document)
        changed["kdf"][name] = value
        with pytest.raises(ProofFailed, match="passphrase is wrong"):
            unlock(changed, b"p")
    changed = copy.deepcopy(document)
    changed["sealed"] = ("B" if document["sealed"][5] != "B" else "C").join(
        (document["sealed"][:5], document["sealed"][6:])
    )
    with pytest.raises(ProofFailed):
        unlock(changed, b"p")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory_kib", 2**20 + 1),
        ("memory_kib", 2**40),
        ("memory_kib", 7),
        ("memory_kib", -1),
        ("memory_kib", 64.0),
        ("memory_kib", True),
        ("memory_kib", "64"),
        ("passes", 2**31),
        ("passes", 0),
        ("lanes", 0),
        ("lanes", 17),
        ("salt", ""),
        ("salt", "AAAA"),
        ("salt", "A" * 200_000),
        ("salt", None),
        ("name", "scrypt"),
        ("extra", 1),
    ],
)
def test_parameters_beyond_the_limits_are_refused_at_once(name, value):
    document = lock(SECRET, b"p", cost=QUICK)
    document["kdf"][name] = value
    start = time.perf_counter()
    with pytest.raises(ProofFailed, match="more work than is accepted"):
        unlock(document, b"p")
    assert time.perf_counter() - start < 1


def test_memory_and_passes_are_bounded_together():
    """The worst file that is accepted costs 4 GiB of memory traffic; one more pass at that memory is refused."""
    Cost(memory_kib=2**20, passes=4, lanes=4)
    with pytest.raises(ValueError, match="passes"):
        Cost(memory_kib=2**20, passes=5, lanes=4)


@pytest.mark.parametrize(
    "document",
    [{}, {"format": "sandbox/locked/v1"}, {"format": "sandbox/locked/v2", "kdf": {}, "sealed": ""}, [], None,
     {"format": "sandbox/locked/v1", "kdf": None, "sealed": ""}, {"format": "sandbox/locked/v1", "kdf": {}, "sealed": 1}],
)  # fmt: skip
def test_other_documents_are_refused(document):
    with pytest.raises(ProofFailed):
        unlock(document, b"p")


def test_long_secrets_and_files_are_refused():
    with pytest.raises(ValueError, match="64 KiB"):
        lock(bytes(65_537), b"p", cost=QUICK)
    document = lock(bytes(65_536), b"p", cost=QUICK)
    assert unlock(document, b"p") == bytes(65_536)
    document["sealed"] += "A" * 100_000
    with pytest.raises(ProofFailed):
        unlock(document, b"p")
