"""A load that is killed, wherever: no version is there, no plaintext, and the next load of the same file goes on."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import load_killer
import pyarrow.parquet as pq
import pytest
from store_world import World

from workers import spill

HERE = Path(load_killer.__file__)


class Killer:
    """The process whose children load and die."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, str(HERE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.made = World(self._home("made"))
        load_killer.put(self.made)
        self.ask(self.made, 0)  # makes the keys
        self.whole = self.ask(self.fresh("whole"), 0)

    def _home(self, name: str) -> Path:
        home = self.folder / name
        home.mkdir()
        return home

    def ask(self, world: World, step: int, seconds: float = 0.0) -> dict:
        print(step, seconds, world.home, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def fresh(self, name: str) -> World:
        """A home with the same keys and the same file, of the same age: the rows must come out in the same order."""
        world = World(self._home(name))
        shutil.copytree(self.made.home / "keys", world.home / "keys", dirs_exist_ok=True)
        shutil.copy2(self.made.inbox / "v.parquet", world.inbox)
        return world

    def end(self) -> None:
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    made = Killer(tmp_path_factory.mktemp("loads"))
    yield made
    made.end()


def plaintext(store: Path) -> list[str]:
    """Files below that hold a byte of what the steward's file says."""
    return [
        str(path)
        for path in store.rglob("*")
        if path.is_file() and (load_killer.CANARY.encode() in path.read_bytes() or b"PAR1" in path.read_bytes()[:4])
    ]


def check_killed(killer: Killer, name: str, step: int, seconds: float = 0.0) -> dict:
    """Kill a load there, look at what it left, and load again."""
    world = killer.fresh(name)
    killed = killer.ask(world, step, seconds)
    if "killed" not in killed:
        return killed  # it was done before
    assert killed == {"killed": -9}
    visible = [path for path in world.store.glob("*/*") if not path.name.startswith(".")]
    assert plaintext(world.store) == []
    again = killer.ask(world, 0)
    assert again["rows"] == killer.whole["rows"], (step, seconds)
    left = sorted(path.name for path in world.store.glob("*/*"))
    assert left == ["1"]
    assert not [path for path in world.store.rglob("*") if path.suffix not in {".parquet", ".json", ".sig", ""}]
    shutil.rmtree(world.home)
    return again | {"visible": [path.name for path in visible]}


def test_the_steps_of_a_load_are_many(killer: Killer) -> None:
    assert killer.whole["steps"] > 60
    assert killer.whole["phases"] == ["reading visits", "writing visits"]


@pytest.mark.parametrize("part", range(12))
def test_a_load_killed_at_a_step_goes_on(killer: Killer, part: int) -> None:
    check_killed(killer, f"part-{part}", 1 + part * killer.whole["steps"] // 12)


@pytest.mark.slow
def test_a_load_killed_at_any_step_goes_on(killer: Killer) -> None:
    for step in range(1, killer.whole["steps"] + 1):
        check_killed(killer, f"step-{step}", step)


@pytest.mark.slow
def test_a_load_killed_at_any_time_goes_on(killer: Killer) -> None:
    source = random.Random(7)
    for number in range(60):
        check_killed(killer, f"time-{number}", 0, source.uniform(0.001, 0.6))


def test_what_was_read_is_not_read_again(killer: Killer) -> None:
    """Late in a load all is spilled: the next one only writes. Control: of a changed file, nothing is taken up."""
    late = killer.whole["steps"] * 2 // 3
    assert "reading visits" not in check_killed(killer, "late", late)["phases"]
    world = killer.fresh("changed")
    assert killer.ask(world, late) == {"killed": -9}
    (world.inbox / "v.parquet").touch()
    assert killer.ask(world, 0)["phases"] == ["reading visits", "writing visits"]


def test_a_version_is_there_only_when_it_is_whole(killer: Killer) -> None:
    last = killer.whole["steps"]
    seen = [check_killed(killer, f"end-{back}", last - back).get("visible") for back in range(8)]
    assert [] in seen


def test_control_spilled_plaintext_would_be_found(tmp_path: Path) -> None:
    class Plain:
        def __init__(self, _key: bytes) -> None:
            pass

        def encrypt(self, _nonce: bytes, content: memoryview, _aad: bytes) -> bytes:
            return bytes(content)

    world = World(tmp_path)
    load_killer.put(world)
    found: list[str] = []

    def write(self: spill.Spill, number: int, rows: spill.Rows) -> spill.Run:
        made = written(self, number, rows)
        found.extend(plaintext(world.store))
        return made

    written = spill.Spill.write
    with (
        mock.patch.object(spill, "AESGCM", Plain),
        mock.patch.object(spill.Spill, "write", write),
        pytest.raises(AttributeError, match="decrypt"),
    ):
        load_killer.load(world)
    assert found
    pq.read_table(world.inbox / "v.parquet")  # and what was looked for is there to be found
    assert plaintext(world.inbox)


@pytest.mark.parametrize("name", ["load.journal", "load.key", "visits.000000.spill"])
def test_what_was_left_and_then_changed_is_not_believed(killer: Killer, name: str) -> None:
    """A changed journal or key starts anew; a changed spill fails, and the load after that starts anew."""
    world = killer.fresh(f"bent-{name}")
    assert killer.ask(world, killer.whole["steps"] * 45 // 100) == {"killed": -9}
    (path,) = world.store.glob(f"*/.loading-*/{name}")
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    again = killer.ask(world, 0)
    if "spill" in name:
        assert again == {"killed": 1}
        again = killer.ask(world, 0)
    assert again["rows"] == killer.whole["rows"]
    assert again["phases"][0] == "reading visits"
