import base64
import hashlib
import json
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from store_world import VISITS, World, dataset, parquet_bytes, visits

from sandbox.proof.signing import SigningKey
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.dataset import Column, Grade, Type
from workers.bucket import StoreRefused
from workers.keyring import DataKeys
from workers.manifest import (
    SIGNING_CONTEXT,
    Manifest,
    ManifestTable,
    open_version,
    write_manifest,
)
from workers.schema import Encoding, StoredColumn, TableLimits, schema_digest, stored_columns
from workers.stored_segment import ManifestFile, Segment

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def example(engine: str) -> Manifest:
    columns = (
        StoredColumn("sex", Type.STRING, Encoding.CODES, ("F", "M")),
        StoredColumn("year", Type.INT, Encoding.CODES, (1, 2)),
        StoredColumn("urgent", Type.BOOL, Encoding.CODES, (False, True)),
        StoredColumn("city", Type.STRING, Encoding.TEXT),
        StoredColumn("cost", Type.FLOAT, Encoding.FLOAT64, (), Grade.CORE),
    )
    files = (
        ManifestFile(0, "rows", "00" * 16, b"wrapped-rows", "ab" * 32),
        ManifestFile(0, "units", "11" * 16, b"wrapped-units", "cd" * 32),
    )
    later = (
        ManifestFile(0, "rows-core", "22" * 16, b"wrapped-core", "ef" * 32, 2),
        ManifestFile(0, "units", "33" * 16, b"wrapped-units", "01" * 32),
    )
    segments = Segment(1, "4" * 16, False, files), Segment(2, "5" * 16, True, later)
    table = ManifestTable("visits", columns, segments, TableLimits(1000, 5, 3))
    return Manifest("clinic", 2, "people", 1, schema_digest(dataset()), (table,), engine)


def test_manifest_bytes_and_signature_are_those_written_down():
    golden = json.loads((GOLDEN / "manifest-v2.json").read_text("utf-8"))
    key = SigningKey("sandbox-engine", bytes.fromhex(golden["seed"]))
    content = canonical_bytes(example(key.verifier.text).to_json())
    assert content.decode() == golden["manifest"]
    assert hashlib.sha256(content).hexdigest() == golden["digest"]
    assert base64.b64encode(key.sign(SIGNING_CONTEXT + content)).decode() == golden["signature"]
    assert Manifest.from_json(json.loads(content)) == example(key.verifier.text)


def test_aad_bytes_are_those_written_down():
    golden = json.loads((GOLDEN / "aad-v2.json").read_text("utf-8"))
    manifest = example("engine")
    assert manifest.schema == golden["schema"]
    for item in golden["aad"]:
        assert manifest.aad(item["table"], item["bucket"], item["kind"], item["file"], item["version"]) == item["aad"]


def test_a_loaded_version_opens_by_its_digest(world):
    version = world.load_visits(buckets=4)
    assert (version.buckets, version.table_names) == (4, ("visits",))
    assert version.bucket_key("visits", 3).bucket == 3
    for table, bucket in (("visits", 4), ("visits", -1), ("other", 0)):
        with pytest.raises(StoreRefused):
            version.bucket_key(table, bucket)


def test_the_manifest_counts_and_tells_nothing(world, tmp_path):
    (tmp_path / "other").mkdir()
    one = world.load_visits(visits(10), 1, 2).manifest.to_json()
    many = World(tmp_path / "other").load_visits(visits(400), 1, 2).manifest.to_json()

    def shape(value):
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        if isinstance(value, list):
            return [shape(item) for item in value]
        return len(value) if isinstance(value, str) else value

    assert shape(one) == shape(many)
    assert "CANARY" not in str(many)


def manifest_file(world, number=1):
    (found,) = (world.store / "clinic" / str(number)).glob("*.manifest.json")
    return found


def placed(path, content, signature):
    """Put a manifest beside the one at `path`; its digest."""
    digest = hashlib.sha256(content).hexdigest()
    path.with_name(f"{digest}.manifest.json").write_bytes(content)
    path.with_name(f"{digest}.manifest.sig").write_bytes(signature)
    return digest


def refused(world, digest, number=1, name="clinic", keys=None):
    try:
        open_version(world.store, name, number, digest, keys or world.keys)
    except StoreRefused as refusal:
        assert str(refusal) == str(StoreRefused())
        return True
    return False


def test_any_other_byte_is_refused(world):
    version = world.load_visits(buckets=1)
    path, digest = manifest_file(world), hashlib.sha256(manifest_file(world).read_bytes()).hexdigest()
    assert not refused(world, digest)
    good = path.read_bytes()
    for at in range(0, len(good), 7):
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        path.write_bytes(bad)
        assert refused(world, digest)
        # Even where the log's digest were the forger's: the signature is not.
        assert refused(world, placed(path, bad, path.with_suffix(".sig").read_bytes()))
    path.write_bytes(good)
    signature = path.with_suffix(".sig")
    signed = signature.read_bytes()
    for bad in (b"", signed[:-1], signed + b"\0", bytes([signed[0] ^ 1]) + signed[1:], bytes(64)):
        signature.write_bytes(bad)
        assert refused(world, digest)
    signature.write_bytes(signed)
    assert not refused(world, digest)
    assert refused(world, digest.upper())
    assert refused(world, "")
    assert version.buckets == 1


def test_a_version_under_another_number_or_name_is_refused(world):
    world.load_visits(number=1, buckets=1)
    digest = hashlib.sha256(manifest_file(world).read_bytes()).hexdigest()
    shutil.copytree(world.store / "clinic" / "1", world.store / "clinic" / "2")
    shutil.copytree(world.store / "clinic", world.store / "ward")
    assert refused(world, digest, 2)
    assert refused(world, digest, 1, "ward")
    assert refused(world, digest, 3)
    assert not refused(world, digest)


def test_rolling_back_to_an_older_version_is_refused(world):
    world.load_visits(visits(seed=1), number=1, buckets=1)
    world.load_visits(visits(seed=2), number=2, buckets=1)
    digest = hashlib.sha256(manifest_file(world, 2).read_bytes()).hexdigest()
    shutil.rmtree(world.store / "clinic" / "2")
    shutil.copytree(world.store / "clinic" / "1", world.store / "clinic" / "2")
    assert refused(world, digest, 2)


def test_another_engines_manifest_is_refused(world, tmp_path):
    world.load_visits(buckets=1)
    digest = hashlib.sha256(manifest_file(world).read_bytes()).hexdigest()
    (tmp_path / "others").mkdir()
    other = DataKeys(tmp_path / "others", bytes(32))
    assert refused(world, digest, keys=other)
    other.create_signer()
    assert refused(world, digest, keys=other)


def test_signed_nonsense_is_refused(world):
    world.load_visits(buckets=1)
    path = manifest_file(world)
    good = json.loads(path.read_bytes())
    for bad in (
        b"[]",
        b"not json",
        b"\xff",
        canonical_bytes({**good, "format": "sandbox/manifest/v1"}),
        canonical_bytes({**good, "suite": "none"}),
        canonical_bytes({key: value for key, value in good.items() if key != "tables"}),
        canonical_bytes({**good, "engine": "someone"}),
        b"[" * 100_000,
    ):
        assert refused(world, placed(path, bad, world.keys.signer.sign(SIGNING_CONTEXT + bad)))
    again = placed(path, canonical_bytes(good), world.keys.signer.sign(SIGNING_CONTEXT + canonical_bytes(good)))
    assert not refused(world, again)


def test_keys_are_wrapped_for_their_place_alone(world):
    version = world.load_visits(buckets=2)
    table = version.manifest.tables[0]
    (segment,) = table.segments
    first, second, third, fourth = segment.files
    swapped = (replace(first, key=third.key), second, replace(third, key=first.key), fourth)
    folder = world.home / "forged"
    folder.mkdir()
    forged = replace(version.manifest, tables=(replace(table, segments=(replace(segment, files=swapped),)),))
    assert write_manifest(forged, folder, world.keys)
    for bucket in range(2):
        with pytest.raises(StoreRefused):
            replace(version, manifest=forged).bucket_key("visits", bucket)
        assert version.bucket_key("visits", bucket)


def test_the_schema_digest_names_what_values_mean():
    digests = {schema_digest(dataset())}
    for position, column in enumerate(VISITS.columns):
        for change in ({"low": Fraction(-1)}, {"high": Fraction(9999)}, {"keys": ("x",)}, {"max_length": 3}):
            columns = list(VISITS.columns)
            columns[position] = replace(column, **change)
            digests.add(schema_digest(dataset(replace(VISITS, columns=tuple(columns)))))
    assert len(digests) == 1 + 4 * len(stored_columns(VISITS))


def test_withheld_columns_and_the_unit_are_not_stored():
    assert [column.name for column in stored_columns(VISITS)] == [
        "sex", "age", "cost", "visited", "seen_at", "urgent", "city",
    ]  # fmt: skip
    assert StoredColumn.from_json(stored_columns(VISITS)[0].to_json()) == stored_columns(VISITS)[0]
    years = replace(VISITS, columns=(VISITS.columns[0], Column("y", Type.INT, keys=(2**60, -1))))
    (stored,) = stored_columns(years)
    assert canonical_bytes(stored.to_json())
    assert StoredColumn.from_json(stored.to_json()) == stored


def test_parquet_options_do_not_reach_the_store(world):
    file = world.put("visits.parquet", parquet_bytes(visits(50), compression="none", row_group_size=7))
    assert world.open(world.load(dataset(), {"visits": file})).buckets == 4
