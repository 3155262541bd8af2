"""Files that are there whole or not at all after a crash, and readable by the enclave's own user alone."""

import os
import shutil
import stat
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def create(path: Path) -> int:
    """A descriptor of a new, empty, private file; the caller writes, syncs and closes it.

    Raises:
        FileExistsError: something is there already, be it a link to nowhere.
    """
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)


def write_new(path: Path, content: bytes) -> None:
    """Write and sync a file that was not there. Its folder is the caller's to sync."""
    with os.fdopen(create(path), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, content: bytes) -> None:
    """Write `path` so that a crash leaves either what was there or all of `content`."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    write_new(temporary, content)
    temporary.rename(path)
    sync_folder(path.parent)


def read(path: Path, limit: int) -> bytes:
    """The bytes of a regular file that is no link.

    Raises:
        OSError: no such file, a link, no regular file, or more than `limit` bytes.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError("file too large")
    return content


def open_regular(path: Path) -> int:
    """A reading descriptor of a regular file; links, pipes and devices raise OSError (and never block)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("not a regular file")
    return descriptor


def make_folder(path: Path) -> None:
    """Make a private folder where there is none, and make that durable. Its parent must be there."""
    try:
        path.mkdir(mode=FOLDER_MODE)
    except FileExistsError:
        return
    sync_folder(path.parent)


def erase(path: Path) -> None:
    """Overwrite a small file with zeros and remove it, for good; nothing there is fine."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(bytes(os.fstat(descriptor).st_size))
        file.flush()
        os.fsync(descriptor)
    path.unlink()
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make names made, moved or removed in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(path: Path) -> None:
    """Remove a file, or a folder and all in it, following no link; nothing there is fine."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
