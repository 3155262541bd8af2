"""The engine's own documents: orders to measure, and manifests of versions, both truly signed after a slip."""

import atexit
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from random import Random

import mutations
from fuzz_orders import BOOT, ORDER_KEY, ORDERS, PLANS, bombs, lax_bytes, signed, zeros
from plan_examples import CLINIC
from watching import Corpus

from sandbox.adapters.expected_answer import check_answer
from sandbox.plan.canonical import read_plan
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.privacy.mechanism import check_spec
from sandbox.proof.signing import SigningKey
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.order import SIGNING_CONTEXT
from workers import manifest as manifests
from workers import noise
from workers.admission import Admission, OrderRefused
from workers.claims import OrderInconsistent, check_claims
from workers.finish import finish
from workers.keyring import DataKeys
from workers.manifest import Manifest, ManifestTable, open_version, wrap, write_manifest
from workers.schema import TableLimits, schema_digest, stored_columns
from workers.store_refused import StoreRefused
from workers.stored_segment import ManifestFile, Segment

_VISITS = CLINIC["clinic"].tables[0]
TABLE = ManifestTable("visits", stored_columns(_VISITS), (), TableLimits.of(_VISITS))
MANIFEST = Manifest("clinic", 1, CLINIC["clinic"].unit_space, 1, schema_digest(CLINIC["clinic"]), (TABLE,), "engine")


def measure_orders() -> Corpus:
    """Through everything that the engine checks before it reads a row; then a noisy answer of zeros."""

    def read(item: tuple[bytes, bytes]) -> None:
        order = Admission(ORDER_KEY.verifier, BOOT).measure(*item)
        plan = read_plan(order.plan)
        spec = MeasurementSpec.from_json(order.spec)
        check_spec(plan, spec)
        noise.prepare(plan, spec, order.reserved)
        check_claims(plan, (MANIFEST,))
        answer = finish(order.id, plan, spec, zeros(plan))
        check_answer(answer, order.id, plan, spec)

    def make(chance: Random) -> tuple[bytes, bytes]:
        return signed(chance, chance.choice(ORDERS).to_json())

    valid = []
    for order in ORDERS:
        body = canonical_bytes(order.to_json())
        valid.append((body, ORDER_KEY.sign(SIGNING_CONTEXT + body)))
    refusals = (OrderRefused, OrderInconsistent, noise.NoiseRefused, ValueError, KeyError, TypeError)
    return Corpus("measure orders", make, read, refusals, (*bombs(), *valid))


def manifest_files() -> Corpus:
    """Manifests that the engine's own key signed, opened from a folder, and every key in them."""
    home = Path(tempfile.mkdtemp(prefix="sandbox-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    keys = DataKeys(home, b"d" * 32)
    signer = keys.create_signer()
    keys.create_kek("clinic")
    valid = _manifest(signer, *keys.create_segment_key("clinic", 1))
    document = valid.to_json()
    folder = home / "clinic" / "1"
    folder.mkdir(parents=True)
    write_manifest(valid, folder, keys)

    def make(chance: Random) -> bytes:
        changed = mutations.mutated_json(chance, document)
        try:
            body = canonical_bytes(changed)
        except (TypeError, ValueError, RecursionError):
            body = lax_bytes(changed)
        return mutations.mutated_bytes(chance, body) if chance.random() < 0.2 else body

    def read(body: bytes) -> None:
        digest = sha256(body).hexdigest()
        document, signature = manifests.manifest_names(digest)
        (folder / document).write_bytes(body)
        (folder / signature).write_bytes(signer.sign(manifests.SIGNING_CONTEXT + body))
        try:
            version = open_version(home, "clinic", 1, digest, keys)
        finally:
            (folder / document).unlink()
            (folder / signature).unlink()
        check_claims_of(version.manifest)
        for name in version.table_names:
            for bucket in range(min(version.buckets, 4)):
                version.bucket_key(name, bucket)

    return Corpus(
        "manifests", make, read, (StoreRefused, OrderInconsistent), (canonical_bytes(document), b"", b"[" * 100_000)
    )


def check_claims_of(manifest: Manifest) -> None:
    for plan in PLANS:
        check_claims(plan, (manifest,))


def _manifest(signer: SigningKey, key: str, kek: bytes) -> Manifest:
    space = CLINIC["clinic"].unit_space
    empty = Manifest("clinic", 1, space, 1, schema_digest(CLINIC["clinic"]), (), signer.verifier.text)
    files = tuple(
        ManifestFile(0, kind, "00" * 16, wrap(kek, b"k" * 32, empty.aad("visits", 0, kind, "00" * 16)), "ab" * 32)
        for kind in ("rows", "units")
    )
    table = ManifestTable(TABLE.name, TABLE.columns, (Segment(1, key, False, files),), TABLE.limits)
    return Manifest("clinic", 1, space, 1, empty.schema, (table,), signer.verifier.text)
