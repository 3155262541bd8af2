"""Every corpus by its name, and how many inputs it gets: by default, and when the long suites run.

Each module is imported when its corpus is asked for: a child needs one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from watching import Corpus


@dataclass(frozen=True)
class Plan:
    module: str
    function: str
    few: int
    many: int

    def __call__(self) -> Corpus:
        made: Callable[[], Corpus] = getattr(import_module(self.module), self.function)
        return made()


CORPORA: dict[str, Plan] = {
    "sql": Plan("corpus_sql", "corpus", 2_500, 50_000),
    "descriptions": Plan("corpus_texts", "descriptions", 300, 10_000),
    "review-profiles": Plan("corpus_texts", "review_profiles", 300, 10_000),
    "checkpoints": Plan("corpus_proof", "checkpoints", 1_000, 20_000),
    "verifying-keys": Plan("corpus_proof", "keys", 1_000, 20_000),
    "certificates": Plan("corpus_proof", "certificates", 300, 8_000),
    "grants": Plan("corpus_proof", "grants", 500, 10_000),
    "submissions": Plan("corpus_proof", "submissions", 500, 10_000),
    "receipts": Plan("corpus_proof", "receipts", 500, 10_000),
    "releases": Plan("corpus_proof", "releases", 150, 4_000),
    "log-exports": Plan("corpus_logs", "log_exports", 300, 10_000),
    "http-bodies": Plan("corpus_http", "bodies", 800, 20_000),
    "measure-orders": Plan("corpus_engine", "measure_orders", 300, 10_000),
    "load-orders": Plan("corpus_frames", "load_orders", 300, 10_000),
    "frames-to-the-engine": Plan("corpus_frames", "frames_to_the_engine", 1_000, 20_000),
    "frames-from-the-engine": Plan("corpus_frames", "frames_from_the_engine", 1_000, 20_000),
    "answers": Plan("corpus_frames", "answers", 300, 6_000),
    "manifests": Plan("corpus_engine", "manifest_files", 300, 6_000),
}


def corpus(name: str) -> Corpus:
    """The corpus of that name, or the control `planted-…`."""
    if name.startswith("planted-"):
        made: Callable[[], Corpus] = getattr(import_module("corpus_planted"), name.removeprefix("planted-"))
        return made()
    return CORPORA[name]()
