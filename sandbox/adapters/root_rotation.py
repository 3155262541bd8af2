"""A new root: every key file sealed anew under it, no data touched.

All of it is made beside the old in HOME/keys.next, which then takes the name of HOME/keys. A crash before the first rename
leaves the old keys; after it the next opening finishes. Keys of the data plane are carried over unread: those named in
`_UNDER_ROOT` are secrets sealed under a key derived from the root, with the file's bare name as context; others are sealed
under one of these, and stay as they are.
"""

import os
import shutil
from pathlib import Path

from sandbox.adapters.private_files import sync_folder, write_private
from sandbox.adapters.root_file import RootFile
from sandbox.proof.sealing import derive, seal, unseal
from sandbox.terms.refusal import EnclaveSealed, ProofFailed

CONTROL, DATA, ROOT = "control", "data", "root.json"
_DATA_LABEL = "sandbox/data-keys/v1"
_UNDER_ROOT = ("kek.", "space.", "signer")


def rotate_root(keys: Path, old: bytes, new: bytes, locks: RootFile) -> None:
    """Replace the root `old` of HOME/keys by `new`, which `locks` open.

    Raises:
        EnclaveSealed: a key file does not open under `old`. Nothing was changed.
    """
    following = _next(keys)
    shutil.rmtree(following, ignore_errors=True)
    for folder in (following, following / CONTROL, following / DATA):
        folder.mkdir(mode=0o700)
    for half, context in ((CONTROL, "control/{}"), (DATA, "{}")):
        before, after = _sealing_key(old, half), _sealing_key(new, half)
        for file in sorted((keys / half).glob("*.key")):
            bound = context.format(file.stem)
            try:
                content = file.read_bytes()
                if half == CONTROL or file.stem.startswith(_UNDER_ROOT):
                    content = seal(after, unseal(before, content, bound), bound)
            except (OSError, ProofFailed):
                raise EnclaveSealed("A key file is not readable or was changed; nothing was rotated.") from None
            write_private(following / half / file.name, content)
    # The root goes last: only a folder that has it is complete.
    write_private(following / ROOT, locks.to_bytes())
    sync_folder(following)
    _swap(keys)


def finish_rotation(keys: Path) -> None:
    """Finish or undo what a crash left of a rotation."""
    following, gone = _next(keys), _gone(keys)
    if not keys.exists() and (following / ROOT).exists():
        _rename(following, keys)
    for left in (following, gone):
        if left.exists() and (keys / ROOT).exists():
            shutil.rmtree(left)


def _swap(keys: Path) -> None:
    _rename(keys, _gone(keys))
    _rename(_next(keys), keys)
    shutil.rmtree(_gone(keys))


def _rename(old: Path, new: Path) -> None:
    os.rename(old, new)  # noqa: PTH104 - one system call, and no less
    sync_folder(new.parent)


def _sealing_key(root: bytes, half: str) -> bytes:
    derived = derive(root, half)
    return derived if half == CONTROL else derive(derived, _DATA_LABEL)


def _next(keys: Path) -> Path:
    return keys.with_name(keys.name + ".next")


def _gone(keys: Path) -> Path:
    return keys.with_name(keys.name + ".gone")
