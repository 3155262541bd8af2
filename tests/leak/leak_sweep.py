"""Searching many bytes for many patterns at once.

The last eight bytes of every pattern are a window. All windows of the searched bytes, at each of the eight alignments, are
looked up in a table of bits first, and what is left in the sorted windows: linear in the bytes, whatever is sought.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from leak_unpack import unpacked

WINDOW = 8
CHUNK = 8 << 20
_TABLE_BITS = 24
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Patterns:
    """What is sought: pattern → the name of what it would betray. Patterns have eight bytes at least."""

    def __init__(self, named: Mapping[bytes, str]) -> None:
        self._named: dict[int, list[tuple[bytes, str]]] = {}
        for pattern, name in named.items():
            assert len(pattern) >= WINDOW, "a shorter pattern is found by chance"
            self._named.setdefault(int.from_bytes(pattern[-WINDOW:], "little"), []).append((pattern, name))
        self._windows = np.sort(np.fromiter(self._named, np.uint64, len(self._named)))
        self._table = np.zeros(1 << _TABLE_BITS, np.bool_)
        self._table[self._mixed(self._windows)] = True
        self._longest = max(map(len, named))

    def among(self, content: bytes) -> set[str]:
        """The names of all patterns in `content`."""
        found: set[str] = set()
        for start in range(0, len(content), CHUNK):
            found |= self._in_piece(content[max(0, start - self._longest) : start + CHUNK])
        return found

    def _in_piece(self, piece: bytes) -> set[str]:
        found: set[str] = set()
        for shift in range(WINDOW):
            count = (len(piece) - shift) // WINDOW
            if count <= 0:
                break
            windows = np.frombuffer(piece, np.dtype("<u8"), count, shift)
            likely = np.flatnonzero(self._table[self._mixed(windows)])
            values = windows[likely]
            places = np.minimum(np.searchsorted(self._windows, values), len(self._windows) - 1)
            for place in likely[self._windows[places] == values]:
                end = shift + (int(place) + 1) * WINDOW
                for pattern, name in self._named[int(windows[place])]:
                    if end >= len(pattern) and piece[end - len(pattern) : end] == pattern:
                        found.add(name)
        return found

    @staticmethod
    def _mixed(windows: np.ndarray) -> np.ndarray:
        return (windows * _MIX) >> np.uint64(64 - _TABLE_BITS)


@dataclass
class Swept:
    """What a sweep looked at, and where it found what."""

    places: int = 0
    size: int = 0
    found: dict[str, set[str]] = field(default_factory=dict)

    def take(self, place: str, content: bytes, patterns: Patterns) -> None:
        names = patterns.among(content) | patterns.among(place.encode("utf-8", "surrogateescape"))
        for inner in unpacked(content):
            names |= patterns.among(inner)
        self.places += 1
        self.size += len(content)
        if names:
            self.found.setdefault(place, set()).update(names)

    def names(self) -> set[str]:
        return set().union(*self.found.values())

    def files(self, roots: Iterable[Path], patterns: Patterns) -> "Swept":
        """Every file below the roots."""
        for path in _files(roots):
            try:
                content = path.read_bytes()
            except OSError:
                continue  # it went meanwhile, or is a socket
            self.take(str(path), content, patterns)
        return self

    def processes(self, pids: Iterable[int], patterns: Patterns) -> "Swept":
        """What the processes hold beside the named files: memory files, shared memory, deleted files; and their arguments
        and environments."""
        for pid in pids:
            folder = Path("/proc", str(pid))
            for name in ("cmdline", "environ"):
                try:
                    self.take(f"{folder / name}", (folder / name).read_bytes(), patterns)
                except OSError:
                    continue
            for path in _open_files(folder):
                try:
                    content = path.read_bytes()
                except OSError:
                    continue
                self.take(str(path), content, patterns)
        return self


def _files(roots: Iterable[Path]) -> Iterator[Path]:
    for root in roots:
        if root.is_file():
            yield root
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink():
                    yield path


def _open_files(process: Path) -> Iterator[Path]:
    """Open regular files without a name on disk, or in shared memory."""
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:
        return
    for descriptor in descriptors:
        try:
            target = str(descriptor.readlink())
            regular = stat.S_ISREG(descriptor.stat().st_mode)
        except OSError:
            continue
        if regular and (target.endswith(" (deleted)") or target.startswith(("/memfd:", "/dev/shm"))):
            yield descriptor
