"""Loads that add to what is there, over HTTP: one person's rows count together whichever load brought them."""

from pathlib import Path

from sandbox.testing import start_enclave

DESCRIPTION = """
[dataset]
name = "transport"
title = "Trips"
steward = "bureau"
unit_space = "riders"
grade = "general"
budget = { epsilon = "1000000" }
[unit_spaces.riders]
accounting = "pure"
budget = { epsilon = "1000000" }
[tables.trips]
unit = "rider"
rows_max = 100000
max_rows_per_unit = 3
[tables.trips.columns]
rider = { type = "int", role = "unit" }
zone = { type = "string", keys = ["a", "b"] }
"""


def rows(path: Path, riders: range, each: int, zone: str) -> Path:
    path.write_text("rider,zone\n" + "".join(f"{rider},{zone}\n" for rider in riders for _ in range(each)))
    return path


def test_rows_of_several_loads_are_bounded_together(tmp_path: Path) -> None:
    """1,000 riders with two rows each, two more each in a second load, of which three count; then ten riders' rows are
    replaced. The loss is so large that the noise is none."""
    with start_enclave(home=tmp_path, clock=False, workers=1) as enclave:
        enclave.load(DESCRIPTION, {"trips": rows(tmp_path / "first.csv", range(1000), 2, "a")})
        ann = enclave.analyst("ann", org="acme", datasets=["transport"], purpose="research", epsilon="900000")

        def counted() -> tuple[int, int]:
            texts = (
                "select count(*) as n from transport.trips",
                "select count(distinct rider) as n from transport.trips",
            )
            found = (ann.query(text, purpose="research", epsilon="50000").run().result(timeout=60) for text in texts)
            rows, riders = (release.to_pylist()[0]["n"] for release in found)
            return rows, riders

        assert counted() == (2000, 1000)
        added = rows(tmp_path / "second.csv", range(500, 1500), 2, "b")
        enclave.reload("transport", {"trips": added}, mode="append")
        assert counted() == (500 * 2 + 500 * 3 + 500 * 2, 1500)
        corrected = rows(tmp_path / "third.csv", range(500, 510), 1, "b")
        enclave.reload("transport", {"trips": corrected}, mode="replace-units")
        assert counted() == (500 * 2 + 490 * 3 + 10 + 500 * 2, 1500)
