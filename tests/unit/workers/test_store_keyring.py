from pathlib import Path

import pytest
from store_world import ROOT, World, dataset, parquet_bytes, visits

from sandbox.proof.sealing import derive, unseal
from workers.bucket import StoreRefused, read_bucket
from workers.keyring import DataKeys


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def keys(folder):
    return DataKeys(folder, ROOT)


def test_keys_are_made_once_and_read_again(folder, keys):
    kek, space = keys.create_kek("clinic"), keys.create_space_key("people")
    assert len(kek) == len(space) == 32
    assert kek != space
    again = DataKeys(folder, ROOT)
    assert (again.kek("clinic"), again.space_key("people")) == (kek, space)
    assert again.create_kek("clinic") == kek
    assert again.create_space_key("people") == space
    assert keys.create_kek("ward") != kek


def test_the_signer_is_made_once(folder, keys):
    made = keys.create_signer()
    assert keys.create_signer().verifier.text == made.verifier.text
    DataKeys(folder, ROOT).signer.verifier.verify(b"m", made.sign(b"m"))


def test_keys_that_are_not_there_are_refused(keys):
    for read in (lambda: keys.kek("clinic"), lambda: keys.space_key("people"), lambda: keys.signer):
        with pytest.raises(StoreRefused):
            read()


def test_files_are_private_sealed_and_alone(folder, keys):
    kek = keys.create_kek("clinic")
    keys.create_space_key("people")
    keys.create_signer()
    assert sorted(path.name for path in folder.iterdir()) == ["kek.clinic.key", "signer.key", "space.people.key"]
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        assert kek not in path.read_bytes()
    wrapping = derive(ROOT, "sandbox/data-keys/v1")
    assert unseal(wrapping, (folder / "kek.clinic.key").read_bytes(), "kek.clinic") == kek


def test_another_root_opens_nothing(folder, keys):
    keys.create_kek("clinic")
    with pytest.raises(StoreRefused):
        DataKeys(folder, bytes(32)).kek("clinic")


def test_a_key_under_another_name_is_refused(folder, keys):
    keys.create_kek("clinic")
    for name in ("kek.ward.key", "space.people.key", "signer.key"):
        (folder / name).write_bytes((folder / "kek.clinic.key").read_bytes())
    for read in (lambda: keys.kek("ward"), lambda: keys.space_key("people"), lambda: keys.signer):
        with pytest.raises(StoreRefused):
            read()
    assert keys.kek("clinic")


def test_a_key_that_does_not_open_is_never_replaced(folder, keys):
    keys.create_kek("clinic")
    path = folder / "kek.clinic.key"
    path.write_bytes(b"broken")
    with pytest.raises(StoreRefused):
        keys.create_kek("clinic")
    assert path.read_bytes() == b"broken"
    path.unlink()
    path.symlink_to(folder / "nowhere")
    with pytest.raises(StoreRefused):
        keys.create_kek("clinic")
    assert not (folder / "nowhere").exists()


def test_a_crash_while_writing_leaves_no_half_key(folder, keys, monkeypatch):
    with monkeypatch.context() as patch:

        def crash(*_):
            raise KeyboardInterrupt

        patch.setattr(Path, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            keys.create_kek("clinic")
    with pytest.raises(StoreRefused):
        keys.kek("clinic")
    assert keys.create_kek("clinic") == keys.kek("clinic")
    assert [path.name for path in folder.iterdir()] == ["kek.clinic.key"]


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "A", "a.b", "a|b", "x" * 64, "é"])
def test_names_cannot_lead_elsewhere(keys, name):
    for use in (keys.create_kek, keys.create_space_key, keys.kek, keys.space_key, keys.erase):
        with pytest.raises(ValueError, match="name"):
            use(name)


def test_erasing_a_dataset_makes_its_files_unreadable_and_no_others(tmp_path):
    world = World(tmp_path)
    file = world.put("visits.parquet", parquet_bytes(visits()))
    loaded = world.load(dataset(), {"visits": file}, buckets=1)
    assert read_bucket(world.open(loaded).bucket_key("visits", 0), []).rows
    world.keys.create_kek("ward")
    world.keys.erase("clinic")
    world.keys.erase("clinic")
    with pytest.raises(StoreRefused):
        world.open(loaded).bucket_key("visits", 0)
    world.keys.create_kek("clinic")
    with pytest.raises(StoreRefused):
        world.open(loaded).bucket_key("visits", 0)
    assert world.keys.kek("ward")


def test_repr_shows_nothing(keys):
    assert repr(keys) == "DataKeys()"
