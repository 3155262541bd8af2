"""Through the whole enclave: the operator configures a database, a steward names it, and the engine, which has no network,
gets its rows."""

from pathlib import Path

import pytest
from outside_servers import PASSWORD, postgres

from sandbox.adapters.home import HomePaths
from sandbox.terms.refusal import FileNotUsable, HomeNotUsable
from sandbox.testing import start_enclave

DESCRIPTION = """
[dataset]
name = "transport"
title = "Trips"
steward = "bureau"
unit_space = "riders"
grade = "general"
budget = { epsilon = "100" }
[unit_spaces.riders]
accounting = "pure"
budget = { epsilon = "100" }
[tables.trips]
unit = "rider"
rows_max = 100000
max_rows_per_unit = 50
[tables.trips.columns]
rider = { type = "int", role = "unit" }
fare = { type = "float", bounds = [0.0, 50.0], granularity = 0.01 }
"""


def test_a_steward_loads_from_a_configured_database(tmp_path: Path) -> None:
    with postgres() as server, start_enclave(home=tmp_path, clock=False, workers=1) as enclave:
        server.run(
            "CREATE TABLE trips AS SELECT n % 900 AS rider, (n % 40)::numeric(6, 2) AS fare FROM generate_series(1, 20000) n;"
            "GRANT SELECT ON trips TO reader"
        )
        steward = enclave.steward_of("bureau")
        steward.register(DESCRIPTION)
        with pytest.raises(FileNotUsable, match="operator"):
            steward.load("transport", {"trips": "warehouse:trips"})  # nothing is configured yet
        enclave.stop()
        secret = tmp_path / "password"
        secret.write_text(f"{PASSWORD}\n")
        HomePaths(enclave.home).sources.write_text(
            f"""
            [sources.warehouse]
            kind = "postgresql"
            datasets = ["transport"]
            host = "{server.folder}"
            port = {server.port}
            database = "postgres"
            user = "reader"
            password_file = "{secret}"
            """
        )
        enclave.start()
        steward = enclave.steward_of("bureau")
        steps: list[tuple[str, int, int]] = []
        version = steward.load("transport", {"trips": "warehouse:trips"}, progress=lambda *step: steps.append(step))
        assert version["version"] == 1
        assert {phase for phase, _, _ in steps} <= {"", "reading trips", "writing trips"}
        enclave._stewards["transport"] = "bureau"
        analyst = enclave.analyst("a", org="lab", datasets=["transport"], purpose="study", epsilon="50")
        answer = analyst.query("select count(*) as n from transport.trips", purpose="study", epsilon="40").run()
        assert abs(answer.result().to_pylist()[0]["n"] - 20_000) < 200
        for path in enclave.home.rglob("*"):
            assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()
        assert PASSWORD not in "".join(enclave.stderr)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[sources.warehouse", "not TOML"),
        ('[sources.warehouse]\nkind = "ftp"', "kind"),
        ('[sources.warehouse]\nkind = "s3"\nbucket = "b"', "datasets"),
        ('[sources.warehouse]\nkind = "s3"\ndatasets = ["d"]', "bucket"),
        ('[sources.warehouse]\nkind = "s3"\ndatasets = ["d"]\nbucket = "b"\npassword = "canary"', "setting"),
        ('[sources.warehouse]\nkind = "s3"\ndatasets = ["d"]\nbucket = "b"\nsecret_key_env = "canary"', "all of"),
        (
            '[sources.w]\nkind = "s3"\ndatasets = ["d"]\nbucket = "b"\nsecret_key_env = "NO_SUCH"\naccess_key_env = "NO_SUCH"',
            r"of \[sources.w\] is not where",
        ),
    ],
)
def test_a_wrong_configuration_is_named_at_the_start(tmp_path: Path, text: str, words: str) -> None:
    from sandbox.adapters.configured_sources import open_sources

    assert open_sources(tmp_path) == ("", {})
    HomePaths(tmp_path).sources.write_text(text)
    with pytest.raises(HomeNotUsable, match=words) as refused:
        open_sources(tmp_path)
    assert "canary" not in refused.value.detail
