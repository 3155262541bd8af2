"""Fuzzing of everything that reads what others wrote: only our refusals come out, soon, in bounded memory.

Each corpus runs in a process of its own whose address space may grow by 256 MiB; each input may take 0.1 s of CPU time for
every 64 KiB of it. Seeds are fixed; a failure prints the input, escaped.
"""

import pytest
from corpora import CORPORA
from figures import record_figure
from fuzz_child import run

SOURCE = "tests/fuzz/test_fuzz_corpora.py"
SECONDS = {"default": 60, "long": 600}
LEAST_TAKEN = 0.01
"""A corpus none of whose inputs is taken would not reach past the first check."""


def fuzzed(name: str, count: int, seed: int, suite: str) -> None:
    found = run(name, count, seed, SECONDS[suite])
    told = "\n\n".join(f"{what}\n    {shown}" for what, shown in found["findings"])
    assert not found["findings"], f"{name}, input {found['inputs']} of seed {seed}:\n{told}"
    assert found["inputs"] >= count
    assert found["outcomes"]["taken"] >= LEAST_TAKEN * count
    if suite == "long":
        cost = f"p99 {found['p99_ms']:.1f} ms, worst {found['max_ms']:.0f} ms, memory +{found['grown_mib']:.0f} MiB"
        record_figure(f"fuzz: {name}", found["inputs"], f"inputs, 0 findings, {cost}", SOURCE)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CORPORA)
def test_only_our_refusals_come_out(name):
    fuzzed(name, CORPORA[name].few, 1, "default")


@pytest.mark.slow
@pytest.mark.timeout(6_000)
@pytest.mark.parametrize("name", CORPORA)
def test_only_our_refusals_come_out_at_length(name):
    fuzzed(name, CORPORA[name].many, 2, "long")
