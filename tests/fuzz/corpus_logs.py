"""Log exports: slips in the file, and entries with slips under a true checkpoint, so that the books' laws are reached."""

import json
from functools import cache
from random import Random
from typing import Any

import made_lives
import mutations
from made_logs import KEY, MadeLog
from watching import Corpus

from sandbox.proof.log_export import verify_export
from sandbox.proof.report import Report
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.refusal import ProofFailed


@cache
def logs() -> tuple[MadeLog, ...]:
    return made_lives.small(), made_lives.small(), made_lives.opened(), made_lives.lived()


@cache
def files() -> tuple[bytes, ...]:
    return tuple(log.data() for log in logs())


def make(chance: Random) -> bytes:
    """The bytes of an export."""
    number = chance.randrange(len(logs()))
    if chance.random() < 0.3:
        return mutations.mutated_bytes(chance, files()[number])
    log = MadeLog()
    log.entries = list(logs()[number].entries)
    for _ in range(chance.choice((1, 1, 2))):
        place = chance.randrange(len(log.entries))
        kind = chance.randrange(8)
        if kind == 0:
            del log.entries[place]
        elif kind == 1:
            log.entries.insert(chance.randrange(len(log.entries) + 1), log.entries[place])
        else:
            log.entries[place] = changed(chance, log.entries[place])
        if not log.entries:
            break
    return log.data()


def changed(chance: Random, entry: bytes) -> bytes:
    """The entry with slips in its facts, mostly, or in any part; as it was where that has no canonical form."""
    document = json.loads(entry)
    whole = chance.random() < 0.2
    new = mutations.mutated_json(chance, document if whole else document["facts"], lone=False)
    try:
        return canonical_bytes(new if whole else document | {"facts": new})
    except (TypeError, ValueError, RecursionError):
        return entry


def check(_: bytes, outcome: Any) -> None:
    """A report can be told in both languages."""
    if isinstance(outcome, Report):
        for language in ("en", "zh"):
            "\n".join(outcome.words(language)).encode("utf-8")


def log_exports() -> Corpus:
    header = files()[0].split(b"\n")[0] + b"\n"
    always = (
        b"",
        b"\n",
        header,
        header * 2,
        header + b"[" * 100_000 + b"\n",
        header + b'{"entry":"' + b"\\u0000" * 10_000 + b'","index":0}\n',
        header + b'{"checkpoint":' + b"9" * 5_000 + b"}\n",
        header + b'{"checkpoint":null}\n',
        header + b'{"entry":"\\ud800","index":0}\n',
        b"\xff\xfe",
        header + b"\n" * 65_536,
        *files(),
    )
    read = lambda data: verify_export(data.splitlines(keepends=True), KEY.verifier.text)  # noqa: E731
    return Corpus("log exports", make, read, (ProofFailed,), always, check)
