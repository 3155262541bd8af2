"""The watch over a fuzzed reader: which exceptions come out, how long one input takes, how much memory the run needs.

A corpus makes inputs from a seed and hands each to one reader of the product. What may come out is nothing (the reader took
it, and what the corpus asserts of the result holds) or one of the corpus's own refusals. Everything else is a finding: a
foreign exception, a broken assertion, an input that takes longer than allowed each of `RETRIES` times (so that a busy
machine or a garbage collection is no finding), and memory beyond the limit of the process (an allocation fails there).

Allowed is 0.1 s of CPU time for every 64 KiB of an input, or part of it: a reader that takes quadratic time is found, one
that reads a megabyte is not. Where a fixed piece of work, done just before and just after, takes longer than on a plain server
core that is not busy, the input's time counts as many times less.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sandbox.terms.refusal import SandboxError

SECONDS = 0.1
PORTION = 64 * 2**10
RETRIES = 10
YARDSTICK_SECONDS = 0.008
"""What `yardstick` takes on a plain server core."""

FINDINGS_MAX = 5


@dataclass(frozen=True)
class Corpus:
    """`make` draws an input, `read` gives it to the product; `refusals` may come out. `hold` asserts what must be true of
    an input and what came of it, a value or a refusal; it is not timed. `always` are inputs of every run."""

    name: str
    make: Callable[[Random], Any]
    read: Callable[[Any], object]
    refusals: tuple[type[Exception], ...]
    always: tuple[Any, ...] = ()
    hold: Callable[[Any, Any], None] = lambda _item, _outcome: None


@dataclass(frozen=True)
class Finding:
    """What is wrong with an input, which is given escaped and, where it is long, in part."""

    what: str
    shown: str


@dataclass
class Watched:
    """What a run showed."""

    corpus: str
    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        times = sorted(self.seconds)
        return {
            "corpus": self.corpus,
            "inputs": self.inputs,
            "outcomes": dict(self.outcomes.most_common()),
            "p50_ms": round(1000 * times[len(times) // 2], 3),
            "p99_ms": round(1000 * times[math.ceil(0.99 * len(times)) - 1], 3),
            "max_ms": round(1000 * times[-1], 3),
            "findings": [[finding.what, finding.shown] for finding in self.findings],
        }


def inputs(corpus: Corpus, count: int, seed: int) -> Iterator[Any]:
    """The inputs of a run: those of every run, then `count` drawn ones."""
    yield from corpus.always
    chance = Random(f"{corpus.name} {seed}")
    for _ in range(count):
        yield corpus.make(chance)


def watch(corpus: Corpus, count: int, seed: int, begun: Callable[[int], None] = lambda _number: None) -> Watched:
    """Read every input of a run; stops after a few findings. `begun` hears the number of each input before it is read, so
    that somebody outside knows which one never ended."""
    found = Watched(corpus.name)
    for number, item in enumerate(inputs(corpus, count, seed)):
        found.inputs += 1
        begun(number)
        _one(corpus, item, found)
        if len(found.findings) >= FINDINGS_MAX:
            break
    return found


def _one(corpus: Corpus, item: Any, found: Watched) -> None:
    allowed = SECONDS * max(1, math.ceil(size_of(item) / PORTION))
    outcome, seconds = _read(corpus, item)
    for _ in range(RETRIES):
        if seconds <= allowed:
            break
        before = slowness()
        again = _read(corpus, item)[1]
        seconds = min(seconds, again / max(before, slowness()))
    name, broken = _judged(corpus, item, outcome)
    found.outcomes[name] += 1
    found.seconds.append(seconds)
    if broken is not None:
        found.findings.append(Finding(f"{name}: {_told(broken)}", shown(item)))
    if seconds > allowed:
        found.findings.append(Finding(f"slow: {seconds:.3f} s of {allowed:.3f} s", shown(item)))


def _read(corpus: Corpus, item: Any) -> tuple[Any, float]:
    """What came of an input, a value or an exception, and the CPU time it took.

    That of the thread: the clock of a process whose CPU time is limited moves in steps of 4 ms.
    """
    begin = time.thread_time()
    try:
        outcome = corpus.read(item)
    except Exception as error:
        outcome = error
    return outcome, time.thread_time() - begin


def _judged(corpus: Corpus, item: Any, outcome: Any) -> tuple[str, Exception | None]:
    """How the outcome is counted, and the exception that is a finding."""
    if isinstance(outcome, Exception) and not isinstance(outcome, corpus.refusals):
        return "foreign", outcome
    try:
        corpus.hold(item, outcome)
    except Exception as broken:
        return "broken", broken
    if isinstance(outcome, SandboxError):
        return outcome.code, None
    return (type(outcome).__name__ if isinstance(outcome, Exception) else "taken"), None


def _told(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else "nowhere"
    return f"{type(error).__name__} at {place}: {ascii(str(error))[:300]}"


def slowness() -> float:
    """How many times longer this machine takes now than a plain server core; at least 1."""
    return max(1.0, yardstick() / YARDSTICK_SECONDS)


def yardstick() -> float:
    """CPU seconds of a fixed piece of work of the kind that readers do: small objects, dictionaries, texts."""
    begin = time.thread_time()
    words: dict[str, list[int]] = {}
    for number in range(40_000):
        words.setdefault(f"word {number % 997}", []).append(number)
    assert sum(map(len, words.values())) == 40_000
    return time.thread_time() - begin


def size_of(item: Any) -> int:
    """Bytes or characters of an input, documents by their texts and parts."""
    total, waiting = 0, [item]
    while waiting:
        part = waiting.pop()
        total += len(part) if isinstance(part, str | bytes) else 8
        if isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple):
            waiting += part
    return total


def shown(item: Any) -> str:
    """The input, escaped; of a long one the beginning and the end."""
    try:
        text = ascii(item)
    except RecursionError:
        text = f"<{type(item).__name__} nested too deep to show>"
    return text if len(text) <= 4_000 else f"{text[:3_000]} ...({len(text)} characters)... {text[-800:]}"
