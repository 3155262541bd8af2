"""Locks of the root key: each opens it, nothing else does, and a rotation loses no key wherever it is killed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soft_token import SoftToken, soft_token

from sandbox.adapters.home import HomePaths, create_home, open_control_keys, open_root, read_root_file
from sandbox.adapters.private_files import write_private
from sandbox.adapters.root_file import RootFile, SharesLock, passphrase_lock
from sandbox.adapters.root_opening import WithPassphrase, WithShares, WithToken
from sandbox.adapters.root_shares import open_shares, shares_lock
from sandbox.adapters.root_token import TokenAccess, open_token, token_lock
from sandbox.proof.sealing import derive
from sandbox.terms.refusal import EnclaveSealed, PassphraseWrong, ProofFailed, RootNotOpened, TokenNotUsable
from workers.keyring import DataKeys

ROOT = bytes(range(32))
PASSPHRASE = b"a long enough passphrase"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftToken]:
    with soft_token(tmp_path_factory.mktemp("tokens")) as made:
        yield made


def test_each_three_of_five_shares_open_and_fewer_say_nothing() -> None:
    lock, words = shares_lock(ROOT, "custodians", 3, 5)
    for chosen in combinations(words, 3):
        assert open_shares(lock, chosen) == ROOT
    assert open_shares(lock, words) == ROOT
    for few in [*combinations(words, 2), *combinations(words, 1), (), (words[0], words[0], words[0])]:
        with pytest.raises(ProofFailed, match="open this lock"):
            open_shares(lock, few)


def test_control_two_of_two_shares_would_open_what_two_of_five_do_not() -> None:
    """The threshold is in the scheme, not in our count: with the count off, two shares of three-of-five do not combine."""
    lock, words = shares_lock(ROOT, "custodians", 3, 5)
    with pytest.raises(ProofFailed, match="wrong word"):
        open_shares(replace(lock, threshold=2), words[:2])
    pair, two = shares_lock(ROOT, "pair", 2, 2)
    assert open_shares(pair, two) == ROOT


def test_shares_of_another_lock_are_refused() -> None:
    lock, words = shares_lock(ROOT, "custodians", 2, 3)
    other, others = shares_lock(ROOT, "custodians", 2, 3)
    for mixed in (others[:2], [words[0], others[1]]):
        with pytest.raises(ProofFailed, match="another lock"):
            open_shares(lock, mixed)
    with pytest.raises(ProofFailed):
        open_shares(replace(lock, sealed=other.sealed), words)
    with pytest.raises(ProofFailed):
        open_shares(replace(lock, name="others"), words)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_share_with_a_changed_word_is_refused_and_not_repeated(data: st.DataObject) -> None:
    lock, words = shares_lock(ROOT, "custodians", 2, 2)
    parts = words[0].split()
    at = data.draw(st.integers(0, len(parts) - 1))
    change = data.draw(st.sampled_from(["", "zebra-xyz", "academic academic", parts[(at + 1) % len(parts)]]))
    changed = " ".join([*parts[:at], change, *parts[at + 1 :]])
    if changed.split() == parts:
        return
    with pytest.raises(ProofFailed) as caught:
        open_shares(lock, [changed, words[1]])
    assert not any(len(part) > 5 and part in caught.value.detail for part in parts)


def test_shares_are_read_as_people_write_them() -> None:
    lock, words = shares_lock(ROOT, "custodians", 2, 2)
    assert open_shares(lock, [f"  {words[0].upper()}\t", words[1].replace(" ", "   ")]) == ROOT


@pytest.mark.parametrize(("threshold", "shares"), [(1, 5), (3, 2), (2, 17), (0, 0)])
def test_foolish_numbers_of_shares_are_refused(threshold: int, shares: int) -> None:
    with pytest.raises(ValueError, match="at least two"):
        shares_lock(ROOT, "custodians", threshold, shares)


def test_a_token_opens_with_its_key_and_no_other(token: SoftToken) -> None:
    one = token_lock(ROOT, "hsm", token.access, token.label)
    other = token_lock(ROOT, "hsm", token.access, token.label)
    assert open_token(one, token.access) == open_token(other, token.access) == ROOT
    assert one.key != other.key
    changed = bytes([one.sealed[0] ^ 1]) + one.sealed[1:]
    for wrong in (replace(one, key=other.key), replace(one, name="x"), replace(one, sealed=changed)):
        with pytest.raises(ProofFailed):
            open_token(wrong, token.access)
    for gone in (replace(one, key="nobody"), replace(one, token="nothing")):
        with pytest.raises(TokenNotUsable, match="not there"):
            open_token(gone, token.access)


def test_a_token_needs_its_pin_and_its_library(token: SoftToken) -> None:
    lock = token_lock(ROOT, "hsm", token.access, token.label)
    with pytest.raises(TokenNotUsable, match="PIN"):
        open_token(lock, replace(token.access, pin="9999"))
    with pytest.raises(TokenNotUsable, match="library"):
        open_token(lock, TokenAccess(Path("/nowhere.so"), "1234"))
    assert token.access.pin not in repr(token.access)
    assert open_token(lock, token.access) == ROOT


def test_the_tokens_key_does_not_come_out(token: SoftToken) -> None:
    """The control: a key that may come out does."""
    import pkcs11

    lock = token_lock(ROOT, "hsm", token.access, token.label)
    device = pkcs11.lib(str(token.access.module)).get_token(token_label=token.label)
    with device.open(rw=True, user_pin=token.access.pin) as session:
        kept = session.get_key(pkcs11.ObjectClass.SECRET_KEY, pkcs11.KeyType.AES, lock.key)
        with pytest.raises(pkcs11.AttributeSensitive):
            kept[pkcs11.Attribute.VALUE]
        open_key = session.generate_key(
            pkcs11.KeyType.AES,
            256,
            template={pkcs11.Attribute.SENSITIVE: False, pkcs11.Attribute.EXTRACTABLE: True},
        )
        assert len(open_key[pkcs11.Attribute.VALUE]) == 32


def test_a_home_opens_by_any_of_its_locks(tmp_path: Path, token: SoftToken) -> None:
    home = tmp_path / "home"
    root = create_home(home, "test.enclave", PASSPHRASE)
    shared, words = shares_lock(root, "custodians", 3, 5)
    file = read_root_file(home)
    everything = RootFile((*file.locks, shared, token_lock(root, "hsm", token.access, token.label)))
    write_private(HomePaths(home).root_key, everything.to_bytes())
    assert RootFile.read(HomePaths(home).root_key) == everything
    for opening in (WithPassphrase(PASSPHRASE), WithShares(tuple(words[1:4])), WithToken(token.access)):
        assert open_root(home, opening) == root
        assert "passphrase" not in repr(opening).lower().replace("withpassphrase", "")
    write_private(HomePaths(home).root_key, RootFile((shared,)).to_bytes())
    with pytest.raises(RootNotOpened, match="it has: shares"):
        open_root(home, WithPassphrase(PASSPHRASE))
    with pytest.raises(RootNotOpened, match="2 different"):
        open_root(home, WithShares(tuple(words[:2])))


def test_two_passphrases_open_and_a_third_does_not(tmp_path: Path) -> None:
    home = tmp_path / "home"
    root = create_home(home, "test.enclave", PASSPHRASE)
    locks = (*read_root_file(home).locks, passphrase_lock(root, "deputy", b"another passphrase"))
    write_private(HomePaths(home).root_key, RootFile(locks).to_bytes())
    assert open_root(home, WithPassphrase(PASSPHRASE)) == open_root(home, WithPassphrase(b"another passphrase"))
    with pytest.raises(PassphraseWrong):
        open_root(home, WithPassphrase(b"yet another passphrase"))


@pytest.mark.parametrize(
    "harm",
    [
        lambda d: d.update(format="sandbox/root/v1"),
        lambda d: d.update(locks=[]),
        lambda d: d["locks"].append(d["locks"][0]),
        lambda d: d["locks"][0].update(kind="magic"),
        lambda d: d["locks"][0].update(name="../x"),
        lambda d: d["locks"][0].pop("name"),
        lambda d: d["locks"][1].update(threshold="3"),
        lambda d: d["locks"][1].update(sealed="%%%"),
    ],
    ids=range(8),
)
def test_a_root_file_of_another_form_is_refused(tmp_path: Path, harm: object) -> None:
    path = tmp_path / "root.json"
    path.write_bytes(RootFile((passphrase_lock(ROOT, "one", PASSPHRASE), _shares("two"))).to_bytes())
    document = json.loads(path.read_bytes())
    harm(document)  # type: ignore[operator]
    path.write_text(json.dumps(document))
    with pytest.raises(EnclaveSealed):
        RootFile.read(path)


def _shares(name: str) -> SharesLock:
    return shares_lock(ROOT, name, 2, 2)[0]


KILLED = """
import os, sys
from pathlib import Path
import sandbox.adapters.root_rotation as rotation
from sandbox.adapters.root_file import RootFile, passphrase_lock
left = int(sys.argv[1])
def dying(real):
    def step(*given, **named):
        global left
        if left == 0:
            os._exit(9)
        left -= 1
        return real(*given, **named)
    return step
rotation.write_private = dying(rotation.write_private)
rotation.sync_folder = dying(rotation.sync_folder)
rotation.os = type("os", (), {"rename": staticmethod(dying(os.rename))})
rotation.shutil = type("shutil", (), {"rmtree": staticmethod(dying(rotation.shutil.rmtree))})
old, new = bytes.fromhex(sys.argv[3]), bytes(range(32))
locks = RootFile((passphrase_lock(new, "passphrase", b"the second passphrase"),))
rotation.rotate_root(Path(sys.argv[2]) / "keys", old, new, locks)
os._exit(7)
"""


def test_a_rotation_killed_at_any_step_leaves_one_root_and_every_key(tmp_path: Path) -> None:
    """Either root opens all keys there were, never neither; the next rotation goes through."""
    ended, step, roots = 9, 0, set()
    while ended == 9:
        home = tmp_path / str(step)
        old = create_home(home, "test.enclave", PASSPHRASE)
        data = DataKeys(home / "keys" / "data", derive(old, "data"))
        kek, space, signer = data.create_kek("clinic"), data.create_space_key("people"), data.create_signer()
        name, segment = data.create_segment_key("clinic", 1)
        log = open_control_keys(home, derive(old, "control")).log.verifier.text
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, str(step), str(home), old.hex()],
            check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        ).returncode
        found = []
        for passphrase in (PASSPHRASE, b"the second passphrase"):
            try:
                found.append(open_root(home, WithPassphrase(passphrase)))
            except PassphraseWrong:
                continue
        (root,) = found
        roots.add(root == old)
        data = DataKeys(home / "keys" / "data", derive(root, "data"))
        assert (data.kek("clinic"), data.space_key("people")) == (kek, space)
        assert data.signer.verifier.text == signer.verifier.text
        assert data.segment_key("clinic", 1, name) == segment
        assert open_control_keys(home, derive(root, "control")).log.verifier.text == log
        assert sorted(path.name for path in home.iterdir() if path.name.startswith("keys")) == ["keys"]
        step += 1
    assert ended == 7
    assert step > 12
    assert roots == {True, False}


def test_a_rotation_stops_at_a_key_that_does_not_open(tmp_path: Path) -> None:
    from sandbox.adapters.root_rotation import rotate_root

    home = tmp_path / "home"
    old = create_home(home, "test.enclave", PASSPHRASE)
    path = HomePaths(home).control_keys / "log.key"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(EnclaveSealed, match="nothing was rotated"):
        rotate_root(home / "keys", old, ROOT, RootFile((_shares("two"),)))
    path.write_bytes(content)
    assert open_root(home, WithPassphrase(PASSPHRASE)) == old
