"""A whole log in one file, and its offline verifier: it needs this package and the log's public key, no server.

JSON lines, each canonical: a header {"format", "key", "origin"}, one {"entry": text, "index": n} an entry, and last
{"checkpoint": signed note}. So every byte matters, and a changed one is found in its line, in its entry, or in the root.
A cut at the end that brings an older checkpoint along verifies: only someone who remembers a newer one can tell.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sandbox.proof.books import Books
from sandbox.proof.checkpoint import open_checkpoint
from sandbox.proof.entry import BYTES_LIMIT, read_entry
from sandbox.proof.merkle import Peaks, leaf_hash
from sandbox.proof.report import Report
from sandbox.proof.signing import VerifyingKey
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.refusal import ProofFailed

FORMAT = "sandbox/log-export/v1"

_LINE_LIMIT = 8 * BYTES_LIMIT


def export_lines(origin: str, vkey: str, entries: Iterable[bytes], checkpoint: str) -> Iterator[str]:
    """The lines of an export, without line ends; `entries` are canonical bytes, in order."""
    yield _written({"format": FORMAT, "origin": origin, "key": vkey})
    for index, entry in enumerate(entries):
        yield _written({"index": index, "entry": entry.decode("utf-8")})
    yield _written({"checkpoint": checkpoint})


def verify_export(lines: Iterable[str | bytes], trusted_vkey: str) -> Report:
    """Verify an export against a key that came from elsewhere. Reads once, in memory that grows with people, grants and orders only.

    `lines` may end in a line feed each: a file opened with "rb", or one opened as UTF-8 text without newline translation.

    Raises:
        ProofFailed: the first thing wrong, and where; its fact `line` or `entry` numbers the place.
    """
    verifier = VerifyingKey.parse(trusted_vkey)
    numbered = _read(lines)
    origin = _header(next(numbered, None), verifier)
    peaks, books = Peaks(), Books()
    for number, line in numbered:
        if set(line) == {"checkpoint"}:
            root = peaks.root()
            _close(line, verifier, origin, peaks.size, root)
            if next(numbered, None) is not None:
                raise ProofFailed(f"Line {number + 1}: something follows the checkpoint.", line=number + 1)
            return Report(
                origin, verifier.short, peaks.size, root.hex(), books.kinds, books.accounts(), books.findings()
            )
        index, text = _entry_line(line, number, peaks.size)
        try:
            data = text.encode("utf-8")
            entry = read_entry(data)
        except (ProofFailed, UnicodeEncodeError):
            raise ProofFailed(f"Entry {index} is not an audit entry in canonical form.", entry=index) from None
        if index == 0:
            _check_first(entry, verifier, origin)
        books.take(index, entry)
        peaks.add(leaf_hash(data))
    raise ProofFailed("The export ends without a checkpoint: it was cut short.")


def _read(lines: Iterable[str | bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line with its number from 1, decoded strictly."""
    source = iter(lines)
    number = 0
    while True:
        number += 1
        try:
            line = next(source)
            text = line.decode("utf-8") if isinstance(line, bytes) else line
        except StopIteration:
            return
        except UnicodeDecodeError:
            raise ProofFailed(f"Line {number} is not UTF-8 text.", line=number) from None
        yield number, _line(text.removesuffix("\n"), number)


def _line(text: str, number: int) -> dict[str, Any]:
    try:
        if len(text) > _LINE_LIMIT:
            raise ValueError("too long")  # noqa: TRY301 - one answer for every way of being wrong
        value = json.loads(text)
        if not isinstance(value, dict) or _written(value) != text:
            raise ValueError("not canonical")  # noqa: TRY301 - the same
    except (ValueError, TypeError, RecursionError):
        raise ProofFailed(f"Line {number} is not a line of a log export.", line=number) from None
    return value


def _header(first: tuple[int, dict[str, Any]] | None, verifier: VerifyingKey) -> str:
    header = first[1] if first else {}
    if (
        set(header) != {"format", "origin", "key"}
        or header["format"] != FORMAT
        or not isinstance(header["origin"], str)
    ):
        raise ProofFailed("Line 1 is not the header of a log export.", line=1)
    if header["key"] != verifier.text:
        raise ProofFailed("The export names another log key than the trusted one.", line=1)
    return header["origin"]


def _entry_line(line: dict[str, Any], number: int, expected: int) -> tuple[int, str]:
    index, text = line.get("index"), line.get("entry")
    if set(line) != {"index", "entry"} or not isinstance(text, str) or isinstance(index, bool):
        raise ProofFailed(f"Line {number} is neither an entry nor the checkpoint.", line=number)
    if index != expected:
        raise ProofFailed(f"Line {number} should hold entry {expected}: entries are missing or moved.", line=number)
    return expected, text


def _check_first(entry: dict[str, Any], verifier: VerifyingKey, origin: str) -> None:
    facts = entry["facts"]
    if entry["kind"] != "enclave.created" or (facts.get("origin"), facts.get("log_key")) != (origin, verifier.text):
        raise ProofFailed("Entry 0 does not create this log under the trusted key.", entry=0)


def _close(line: dict[str, Any], verifier: VerifyingKey, origin: str, size: int, root: bytes) -> None:
    checkpoint = open_checkpoint(line["checkpoint"], verifier, origin)
    if checkpoint.size != size:
        raise ProofFailed(f"The checkpoint covers {checkpoint.size} entries, but the export holds {size}.")
    if checkpoint.root != root:
        raise ProofFailed("The entries do not lead to the signed root: at least one of them was changed.")


def _written(value: dict[str, Any]) -> str:
    return canonical_bytes(value).decode("utf-8")
