"""Keys: made once, kept for their owner alone, registered by their public halves, and never lost on the way."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from client_world import World
from hypothesis import given
from hypothesis import strategies as st

from sandbox.client import Connection, FileKeyStore, MemoryKeyStore
from sandbox.client.credentials import config_folder
from sandbox.client.key_store import KeyFileUnsafe, KeysElsewhere, usable
from sandbox.proof.key_pairs import new_key_pair
from sandbox.terms.refusal import KeysRequired, RoleNotPermitted, SignatureInvalid, catalogue

SQL = "select sex, count(*) as n from clinic.visits group by sex"


@pytest.fixture
def store(tmp_path: Path) -> FileKeyStore:
    return FileKeyStore(tmp_path / "keys")


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_what_is_kept_comes_back_oldest_first(kind: str, store: FileKeyStore) -> None:
    kept = store if kind == "file" else MemoryKeyStore()
    first, second, other = new_key_pair("ann"), new_key_pair("ann"), new_key_pair("ben")
    assert kept.pairs("enclave.test", "ann") == ()
    for pair in (first, second, other, first):
        kept.keep("enclave.test", pair)
    assert kept.pairs("enclave.test", "ann") == (first, second)
    assert kept.pairs("another.test", "ann") == ()
    assert usable(kept, "enclave.test", "ann", first.id) == first
    with pytest.raises(KeysElsewhere) as missing:
        usable(kept, "enclave.test", "ann", other.id)
    assert missing.value.facts == {"key": other.id}
    assert kept.place("enclave.test", "ann") in missing.value.detail


def test_only_the_owner_reads_keys(store: FileKeyStore) -> None:
    old = os.umask(0)
    try:
        store.keep("enclave.test", new_key_pair("ann"))
    finally:
        os.umask(old)
    path = store.path("enclave.test", "ann")
    assert path == store.folder / "enclave.test" / "ann.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, store.folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(item.name for item in path.parent.iterdir()) == [".lock", "ann.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_read_is_refused(store: FileKeyStore, mode: int) -> None:
    store.keep("enclave.test", new_key_pair("ann"))
    path = store.path("enclave.test", "ann")
    path.chmod(mode)
    with pytest.raises(KeyFileUnsafe, match="others"):
        store.pairs("enclave.test", "ann")
    with pytest.raises(KeyFileUnsafe):
        store.keep("enclave.test", new_key_pair("ann"))
    path.chmod(0o600)
    assert len(store.pairs("enclave.test", "ann")) == 1
    path.parent.chmod(0o755)
    with pytest.raises(KeyFileUnsafe):
        store.pairs("enclave.test", "ann")


@pytest.mark.parametrize(
    "change", ["", "{", "[]", "{}", "person", "format", "sealing", "id", "short", "swap", "number"]
)
def test_a_broken_file_is_named_and_left_alone(store: FileKeyStore, change: str) -> None:
    pair = new_key_pair("ann")
    store.keep("enclave.test", pair)
    path = store.path("enclave.test", "ann")
    document = json.loads(path.read_text())
    match change:
        case "person":
            document["person"] = "ben"
        case "format":
            document["format"] = "sandbox/keys/v9"
        case "sealing":
            document["keys"][0]["sealing"] = "!"
        case "id":
            document["keys"][0]["id"] = "k_" + "0" * 32
        case "short":
            document["keys"][0]["sealing"] = "AAAA"
        case "number":
            document["keys"][0]["sealing"] = 7
        case "swap":
            document["keys"][0]["sealing"], document["keys"][0]["signing"] = (
                document["keys"][0]["signing"],
                document["keys"][0]["sealing"],
            )
    path.write_text(json.dumps(document) if change.isalpha() else change)
    before = path.read_bytes()
    with pytest.raises(KeyFileUnsafe, match=r"ann\.json"):
        store.pairs("enclave.test", "ann")
    with pytest.raises(KeyFileUnsafe):
        store.keep("enclave.test", new_key_pair("ann"))
    assert path.read_bytes() == before


@pytest.mark.parametrize("what", ["file", "folder"])
def test_another_user_s_keys_are_not_used(store: FileKeyStore, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Whoever put a file where this person's keys are looked for would know them."""
    store.keep("enclave.test", new_key_pair("ann"))
    path, own = store.path("enclave.test", "ann"), os.geteuid()
    number = (path if what == "file" else path.parent).stat().st_ino
    true_stat, true_fstat = Path.stat, os.fstat

    def foreign(found: os.stat_result) -> os.stat_result:
        return os.stat_result((*found[:4], own + 1, *found[5:10])) if found.st_ino == number else found

    monkeypatch.setattr(Path, "stat", lambda self, **more: foreign(true_stat(self, **more)))
    monkeypatch.setattr(os, "fstat", lambda file: foreign(true_fstat(file)))
    with pytest.raises(KeyFileUnsafe, match="another user"):
        store.pairs("enclave.test", "ann")
    with pytest.raises(KeyFileUnsafe, match="another user"):
        store.keep("enclave.test", new_key_pair("ann"))
    monkeypatch.undo()
    assert len(store.pairs("enclave.test", "ann")) == 1  # control


def test_pairs_kept_at_once_are_all_kept(store: FileKeyStore) -> None:
    pairs = [new_key_pair("ann") for _ in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda pair: FileKeyStore(store.folder).keep("enclave.test", pair), pairs))
    assert {pair.id for pair in store.pairs("enclave.test", "ann")} == {pair.id for pair in pairs}


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_no_name_leads_out_of_the_folder(origin: str, person: str) -> None:
    try:
        path = FileKeyStore(Path("/keys")).path(origin, person)
    except UnicodeEncodeError:
        return  # a lone surrogate names nobody
    assert path.parent.parent == Path("/keys")
    assert len(path.parts) == 4
    assert not {"..", "."} & set(path.parts)


def test_private_halves_show_in_no_representation(store: FileKeyStore) -> None:
    pair = new_key_pair("ann")
    store.keep("enclave.test", pair)
    memory = MemoryKeyStore()
    memory.keep("enclave.test", pair)
    for thing in (pair, store, memory, vars(memory)):
        for secret in (pair.sealing_private, pair.signing_seed):
            assert secret.hex() not in repr(thing)
            assert repr(secret) not in repr(thing)


def test_the_settings_folder_has_the_keys_unless_another_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("SANDBOX_KEYS", raising=False)
    assert FileKeyStore().folder == config_folder() / "keys"
    monkeypatch.setenv("SANDBOX_KEYS", str(tmp_path / "mine"))
    assert FileKeyStore().folder == tmp_path / "mine"
    assert FileKeyStore(tmp_path / "given").folder == tmp_path / "given"


def test_the_refusals_of_the_client_keep_the_closed_set() -> None:
    assert KeysElsewhere.code == KeyFileUnsafe.code == KeysRequired.code
    assert KeysRequired in catalogue()
    for kind in (KeysElsewhere, KeyFileUnsafe):
        assert kind not in catalogue()
        assert (kind.title != KeysRequired.title) and kind.title_zh and kind.advice_zh


# -- registering ---------------------------------------------------------------------------------------------------------


def analyst(url: str, store: object, role: str = "analyst") -> Connection:
    return Connection(url, f"token-of-{role}", keys=store)


def test_keys_are_made_and_registered_once(url: str, world: World, store: FileKeyStore) -> None:
    with analyst(url, store) as connection:
        pair = connection.ensure_keys()
        assert connection.ensure_keys() is pair
    with analyst(url, store) as connection:
        assert connection.ensure_keys() == pair
        assert [item["id"] for item in connection.me()["keys"]] == [pair.id]
    assert len(world.people_keys["analyst"]) == 1


def test_the_first_run_makes_them(url: str, world: World) -> None:
    with analyst(url, MemoryKeyStore()) as connection:
        connection.query(SQL, purpose="p", epsilon="1").check()
        assert world.people_keys == {}
        connection.query(SQL, purpose="p", epsilon="1").run().result()
    assert len(world.people_keys["analyst"]) == 1


def test_a_pair_whose_registration_was_lost_is_registered_again(url: str, store: FileKeyStore) -> None:
    pair = new_key_pair("analyst")
    store.keep("enclave.test", pair)
    with analyst(url, store) as connection:
        assert connection.ensure_keys() == pair


def test_registered_elsewhere_says_what_to_do(url: str, world: World, store: FileKeyStore) -> None:
    with analyst(url, MemoryKeyStore()) as there:
        there.ensure_keys()
    with analyst(url, store) as here:
        with pytest.raises(KeysElsewhere, match=r"analyst\.json") as missing:
            here.query(SQL, purpose="p", epsilon="1").run()
        assert "Copy the key file" in missing.value.advice
        assert here.query(SQL, purpose="p", epsilon="1").check().verdict == "answerable"
    assert not store.path("enclave.test", "analyst").exists()
    assert world.queries == {}


def test_rotation_is_signed_by_the_old_keys_which_still_open_the_old(url: str, store: FileKeyStore) -> None:
    with analyst(url, store) as connection:
        before = connection.query(SQL, purpose="p", epsilon="1").run().result()
        old = connection.ensure_keys()
        new = connection.rotate_keys()
        assert old.id != new.id
        assert connection.ensure_keys() == new
        after = connection.query(SQL + " ", purpose="p", epsilon="1").run().result()
        assert (before.certificate["facts"]["key"], after.certificate["facts"]["key"]) == (old.id, new.id)
        assert connection.release("q_1").to_pylist() == before.to_pylist()
    with analyst(url, store) as connection:
        assert connection.ensure_keys() == new


def test_only_analysts_have_keys(url: str, store: FileKeyStore) -> None:
    for role in ("steward", "reviewer", "officer", "administrator"):
        with analyst(url, store, role) as connection, pytest.raises(RoleNotPermitted, match="Only analysts"):
            connection.ensure_keys()
    assert not store.folder.exists()


def test_what_is_sent_is_what_was_signed(url: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with analyst(url, MemoryKeyStore()) as connection:
        connection.ensure_keys()
        true_json = connection.transport.json

        def changing(method: str, path: str, **more: object) -> object:
            if isinstance(more.get("body"), dict) and "signature" in more["body"]:
                more["body"] |= {"epsilon": "5"}
            return true_json(method, path, **more)

        monkeypatch.setattr(connection.transport, "json", changing)
        with pytest.raises(SignatureInvalid):
            connection.query(SQL, purpose="p", epsilon="1").run()
    assert world.queries == {}
