"""TPC-H as an analyst asks it: over HTTP, past grants, review and the ledger, with noise that is next to nothing."""

from pathlib import Path

import pytest
from noiseless import NoiselessEngine
from tpch_queries import DESCRIPTIONS, queries
from tpch_world import load_all, make_tables

from sandbox.terms.description import parse_description
from sandbox.terms.refusal import NotAnswerable
from sandbox.testing import start_enclave

EPSILON = "100000000"


@pytest.mark.slow
def test_every_answered_text_is_served(tmp_path: Path) -> None:
    files = tmp_path / "files"
    make_tables(files)
    (tmp_path / "exact").mkdir()
    exact = NoiselessEngine(tmp_path / "exact")
    load_all(exact, files)
    with start_enclave(clock=False) as enclave:
        for text in DESCRIPTIONS.values():
            tables = [table.name for table in parse_description(text).tables]
            enclave.load(text, {table: files / f"{table}.parquet" for table in tables})
        analyst = enclave.analyst("ann", org="acme", datasets=["tpch"], purpose="research", epsilon="7000000000")
        for query in queries():
            for text, _ in query.asked:
                release = analyst.query(text, purpose="research", epsilon=EPSILON).run().result(timeout=60)
                same(release.to_pylist(), exact.ask(text))
            if query.why and (query.original, query.original) not in query.asked:
                with pytest.raises(NotAnswerable) as refused:
                    analyst.query(query.original, purpose="research", epsilon=EPSILON).check()
                assert refused.value.span is not None


def same(served: list[dict[str, object]], exact: list[dict[str, object]]) -> None:
    """Every exact line is served: keys and counts to the digit, sums and means to what is left of the noise."""
    names = list(exact[0])
    measured = [name for name in names if any(isinstance(line[name], float) for line in exact)]
    known = {tuple(line[name] for name in names if name not in measured): line for line in served}
    assert all(list(line) == names for line in served)
    for line in exact:
        mine = known[tuple(line[name] for name in names if name not in measured)]
        for name in measured:
            assert line[name] is None or mine[name] == pytest.approx(line[name], rel=0.02, abs=10_000), (name, line)
