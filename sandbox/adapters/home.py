"""The enclave's home directory: where its keys, its ledger and its store live, and how they are first made.

HOME/public.json          name, origin and public keys: nothing secret
HOME/keys/root.json       the root key, sealed for each lock that opens it: passphrase, shares, hardware token
HOME/keys/control/*.key   keys of the control plane, sealed by a key derived from the root
HOME/keys/data/*.key      keys of the data plane (made and read there only)
HOME/ledger.sqlite        accounts and audit log
HOME/store/               encrypted data
HOME/inbox/               where a steward's files are put to be loaded
HOME/sources.toml         outside sources that stewards may load from (the operator writes it; it holds no secret)
HOME/lock                 one enclave a home
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from sandbox.adapters.private_files import sync_folder, write_private
from sandbox.adapters.root_file import PASSPHRASE_LEAST, RootFile, passphrase_lock
from sandbox.adapters.root_opening import Opening, open_with
from sandbox.adapters.root_rotation import finish_rotation
from sandbox.proof.sealing import derive, seal, unseal
from sandbox.proof.signing import SigningKey, check_name, new_seed
from sandbox.terms.refusal import EnclaveSealed, HomeNotUsable, ProofFailed

FORMAT = "sandbox/home/v1"
_CONTROL_KEYS = ("log", "order", "release", "state", "tag")


@dataclass(frozen=True, slots=True, repr=False)
class ControlKeys:
    """Keys of the control plane: none of them opens a row."""

    log: SigningKey
    order: SigningKey
    release: SigningKey
    state: bytes
    tag: bytes


@dataclass(frozen=True, slots=True)
class HomePaths:
    """The places inside one home."""

    root: Path

    @property
    def public(self) -> Path:
        return self.root / "public.json"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def root_key(self) -> Path:
        return self.keys / "root.json"

    @property
    def control_keys(self) -> Path:
        return self.keys / "control"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.sqlite"

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def sources(self) -> Path:
        return self.root / "sources.toml"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def run(self) -> Path:
        return self.root / "run.json"


def create_home(root: Path, name: str, passphrase: bytes) -> bytes:
    """Make a home and return its root key.

    Raises:
        HomeNotUsable: the folder cannot be made or is not empty, the name is none that a log can have, or the
            passphrase is shorter than 12 bytes. Nothing was made.
    """
    try:
        check_name(name)
    except ValueError as wrong:
        raise HomeNotUsable(f"This name cannot be the origin of a log: {wrong}.") from None
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise HomeNotUsable(f"{root} is not empty; an enclave's home is made in a new folder.")
    if len(passphrase) < PASSPHRASE_LEAST:
        raise HomeNotUsable(f"The passphrase must have at least {PASSPHRASE_LEAST} characters.")
    paths = HomePaths(root)
    for folder in (root, paths.inbox, root / "store", root / "keys", paths.control_keys, root / "keys" / "data"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    sync_folder(root.parent)
    root_key = secrets.token_bytes(32)
    control = derive(root_key, "control")
    seeds = {key: new_seed() for key in _CONTROL_KEYS}
    for key, seed in seeds.items():
        write_private(paths.control_keys / f"{key}.key", seal(control, seed, f"control/{key}"))
    keys = _control_keys(seeds, name)
    public = {
        "format": FORMAT,
        "name": name,
        "origin": name,
        "log_key": keys.log.verifier.text,
        "release_key": keys.release.verifier.text,
    }
    write_private(paths.public, json.dumps(public, indent=2).encode() + b"\n")
    # The root goes last: a home without it was never finished and holds nothing.
    write_private(paths.root_key, RootFile((passphrase_lock(root_key, "passphrase", passphrase),)).to_bytes())
    return root_key


def open_root(root: Path, opening: Opening) -> bytes:
    """The root key of a home.

    Raises:
        HomeNotUsable: there is no enclave here, or others than its owner may open the folder.
        PassphraseWrong, RootNotOpened, TokenNotUsable: it does not open so.
        EnclaveSealed: the key file is not readable.
    """
    return open_with(read_root_file(root), opening)


def read_root_file(root: Path) -> RootFile:
    """The locks of a home's root key; a rotation that was cut short is finished first.

    Raises:
        HomeNotUsable, EnclaveSealed: as for `open_root`.
    """
    paths = HomePaths(root)
    finish_rotation(paths.keys)
    try:
        found = RootFile.read(paths.root_key)
    except FileNotFoundError:
        raise HomeNotUsable(f"{root} holds no enclave; `sandbox init` makes one.") from None
    if root.stat().st_mode & 0o077:
        raise HomeNotUsable(f"Others can open {root}, where keys, ledger and a steward's files lie; chmod 700 it.")
    return found


def open_control_keys(root: Path, control_root: bytes) -> ControlKeys:
    """The control plane's keys, checked against the public file.

    Raises:
        EnclaveSealed: a key file is missing, changed, or does not belong to the public file.
    """
    paths = HomePaths(root)
    public = read_public(root)
    try:
        seeds = {
            key: unseal(control_root, (paths.control_keys / f"{key}.key").read_bytes(), f"control/{key}")
            for key in _CONTROL_KEYS
        }
    except (OSError, ProofFailed):
        raise EnclaveSealed("A key of the control plane is missing or was changed.") from None
    keys = _control_keys(seeds, public["name"])
    if keys.log.verifier.text != public["log_key"] or keys.release.verifier.text != public["release_key"]:
        raise EnclaveSealed("public.json names other keys than the enclave holds.")
    return keys


def read_public(root: Path) -> dict[str, str]:
    """The public facts of a home.

    Raises:
        EnclaveSealed: the file is missing or is not of this format.
    """
    try:
        document = json.loads(HomePaths(root).public.read_bytes())
    except (OSError, ValueError):
        raise EnclaveSealed("public.json is missing or not readable.") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise EnclaveSealed("public.json is not of this version's format.")
    return {str(key): str(value) for key, value in document.items()}


def _control_keys(seeds: dict[str, bytes], name: str) -> ControlKeys:
    return ControlKeys(
        log=SigningKey(name, seeds["log"]),
        order=SigningKey(f"{name}/order", seeds["order"]),
        release=SigningKey(f"{name}/release", seeds["release"]),
        state=seeds["state"],
        tag=seeds["tag"],
    )
