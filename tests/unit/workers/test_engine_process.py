"""The engine as a process: answers over its socket, forfeits in one voice, and leaves nothing behind."""

import json
import os
import secrets
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import duckdb
import psutil
import pytest
from engine_process import CANARY, NO_NOISE, OLD, REGIONS, EngineProcess, Home, dataset, left_of, plan

from sandbox.plan.compile import compile_query
from sandbox.plan.measurement import ContributionBounds
from sandbox.proof.signing import SigningKey, new_seed
from sandbox.terms.answer import Answer
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.order import SIGNING_CONTEXT, LoadOrder

FORFEITED = {"failure": "forfeited"}
EVENTS = {
    "engine " + name
    for name in [
        "starting",
        "network-private",
        "network-shared",
        "measure-forfeited",
        "load-failed",
        "connection-dropped",
        "stopping",
        "stopped",
        "failed",
    ]
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def engine(home):
    engine = EngineProcess(home)
    assert engine.first_line == b"ready\n"
    yield engine
    code, errors = engine.close()
    assert code == 0
    assert set(errors.split("\n")) - {""} <= EVENTS
    assert left_of(engine.family) == []


def numbers(frame: dict) -> list[tuple]:
    answer = Answer.from_json(json.loads(frame["answer"]))
    return list(zip(*(column.numbers() for column in answer.columns), strict=True))


def duckdb_says(table, where: str = "true") -> list[tuple]:
    """The same question, exactly: every region, zeros included."""
    with duckdb.connect() as connection:
        connection.register("visits", table)
        places = [list(REGIONS), list(range(len(REGIONS)))]
        connection.execute("create table regions as select unnest(?) as region, unnest(?) as place", places)
        return connection.execute(
            f"""select r.region, count(v.person), count(distinct v.person), coalesce(sum(if(v.cost > 500, 500, v.cost)), 0),
            coalesce(avg(if(v.cost > 500, 500, v.cost)), 250)
            from regions r left join (select * from visits where {where}) v using (region)
            group by r.region, r.place order by r.place"""
        ).fetchall()


@pytest.mark.parametrize(("where", "sql"), [(None, "true"), (OLD, "age > 40")])
def test_answers_equal_duckdb_where_bounds_do_not_bind_and_noise_is_zero(engine, home, where, sql):
    found = numbers(engine.measure(engine.order(plan(where))))
    expected = duckdb_says(home.table, sql)
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    for row, exact in zip(found, expected, strict=True):
        assert row[3] == pytest.approx(exact[3], abs=1e-6)
        assert row[4] == pytest.approx(exact[4], abs=1e-9)


SHAPES = {
    "rows of a unit counted, then a statistic of them": (
        "select avg(n) as a, count(*) as c from (select person, count(*) as n from visits group by person) as each_one"
    ),
    "a join on the unit": (
        "select count(*) as c from visits v join (select person as p, max(age) as m from visits group by person) as t"
        " on v.person = t.p where t.m > 60"
    ),
    "a window": (
        "select count(*) as c from (select row_number() over (partition by person order by age) as r from visits)"
        " where r = 1"
    ),
    "another row of the unit": (
        "select count(distinct person) as c from visits v"
        " where not exists (select 1 from visits w where w.person = v.person and w.age > 90)"
    ),
    "groups, then what is computed of noisy numbers": (
        "select region, n, 2 * n as twice from (select region, count(*) as n from visits group by region)"
        " where n > 0 order by n desc, region limit 3"
    ),
    "two relations of a unit": (
        "select count(*) as c from (select age from visits union all select age from visits where age > 50)"
    ),
    "distinct values": "select count(distinct age) as c from visits where age < 20",
}


@pytest.mark.parametrize("sql", SHAPES.values(), ids=SHAPES)
def test_plans_of_every_shape_equal_duckdb(engine, home, sql):
    made = compile_query(sql, {"clinic": dataset()})
    found = numbers(engine.measure(engine.order(made)))
    with duckdb.connect() as connection:
        connection.register("visits", home.table)
        expected = connection.execute(sql).fetchall()
    assert found == [pytest.approx(row, abs=1e-6) for row in expected]


def test_groups_of_private_keys_show_where_they_have_more_units_than_the_threshold(engine, home):
    sql = "select left(note, 4) as found, count(*) as n, count(distinct person) as people from visits group by 1"
    made = compile_query(sql, {"clinic": dataset()})
    found = numbers(engine.measure(engine.order(made)))
    with duckdb.connect() as connection:
        connection.register("visits", home.table)
        expected = connection.execute(f"{sql} order by 1").fetchall()
    assert found == [row for row in expected if row[2] > 1]
    assert ("rare", 1, 1) in expected  # the control: it is there, and one person alone has it


def test_noise_is_fresh_and_of_the_asked_for_size(engine):
    drawn = [numbers(engine.measure(engine.order(plan(), 10**9)))[0][1] for _ in range(2)]
    assert drawn[0] != drawn[1]
    assert all(abs(value - 800) < 20_000 for value in drawn)


def test_status(engine):
    (frame,) = engine.ask({"op": "status"})
    assert set(frame["status"]) == {"boot", "network", "workers", "engine"}
    assert frame["status"]["workers"] == 2
    assert frame["status"]["network"] == "private"


def _body(engine, **changes):
    return canonical_bytes(engine.order(plan(), **changes).to_json())


def test_an_order_is_carried_out_once(engine):
    order = engine.order(plan())
    assert "answer" in engine.measure(order)
    assert engine.measure(order) == FORFEITED


def _weaker(spec: dict) -> dict:
    """The same cost with half the noise."""
    vectors = [{**v, "scale": (float.fromhex(v["scale"]) / 2).hex()} for v in spec["vectors"]]
    return {**spec, "vectors": vectors}


def _reading(order, **changes):
    return replace(order, sources=tuple(replace(source, **changes) for source in order.sources))


@pytest.mark.parametrize(
    "change",
    [
        lambda order: replace(order, boot="another"),
        lambda order: _reading(order, manifest="0" * 64),
        lambda order: _reading(order, version=2),
        lambda order: _reading(order, dataset="clinic2"),
        lambda order: _reading(order, dataset="../clinic"),
        lambda order: replace(order, sources=()),
        lambda order: replace(order, sources=order.sources * 2),
        lambda order: replace(order, plan={**order.plan, "more": 1}),
        lambda order: replace(order, spec=_weaker(order.spec)),
        lambda order: replace(order, spec={**order.spec, "vectors": order.spec["vectors"][1:]}),
        lambda order: replace(order, reserved=Loss(Mode.ZCDP, 1)),
        lambda order: replace(order, reserved=Loss(Mode.PURE, NO_NOISE)),
    ],
)
def test_whatever_is_wrong_is_forfeited_in_one_voice(engine, change):
    assert engine.measure(change(engine.order(plan()))) == FORFEITED


def test_only_the_control_planes_signature_counts(engine):
    body = _body(engine)
    stranger = SigningKey("sandbox-order", new_seed())
    assert engine.send(body, stranger.sign(SIGNING_CONTEXT + body)) == FORFEITED
    assert engine.send(body, engine.home.order_key.sign(body)) == FORFEITED
    spaced = body.replace(b'":', b'": ', 1)
    assert engine.send(spaced, engine.home.order_key.sign(SIGNING_CONTEXT + spaced)) == FORFEITED
    # Control: the untouched body was good all along.
    assert "answer" in engine.send(body, engine.home.order_key.sign(SIGNING_CONTEXT + body))


def test_junk_on_the_socket_does_no_harm(engine):
    assert engine.ask({"op": "measure", "body": 3, "signature": None}) == [FORFEITED]
    assert engine.ask({"op": "load"}) == [{"failure": "fault"}]
    assert engine.ask({"op": "sing"}) == [{"failure": "fault"}]
    assert engine.ask({}) == [{"failure": "fault"}]
    assert "answer" in engine.measure(engine.order(plan()))


def test_several_orders_at_once(engine):
    with ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(lambda _: numbers(engine.measure(engine.order(plan()))), range(16)))
    assert all(frame == frames[0] for frame in frames)


def test_a_scanner_killed_in_mid_query_changes_nothing_in_the_answer(engine):
    expected = numbers(engine.measure(engine.order(plan())))
    for _ in range(2):
        victims = engine.scanners()
        assert len(victims) == 2
        for victim in victims:
            victim.suspend()  # both now hold jobs that they cannot finish
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(engine.measure, engine.order(plan()))
            time.sleep(0.5)
            assert not waiting.done()
            os.kill(victims[0].pid, signal.SIGKILL)
            victims[1].resume()
            assert numbers(waiting.result(60)) == expected
        _until(lambda: len(engine.scanners()) == 2)


@pytest.mark.slow
def test_both_scanners_killed_in_mid_query(engine):
    expected = numbers(engine.measure(engine.order(plan())))
    victims = engine.scanners()
    for victim in victims:
        victim.suspend()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(engine.measure, engine.order(plan()))
        time.sleep(0.5)
        for victim in victims:
            os.kill(victim.pid, signal.SIGKILL)
        assert numbers(waiting.result(60)) == expected
    _until(lambda: len(engine.scanners()) == 2)


def test_nothing_of_the_rows_or_the_plan_lies_in_the_runtime_folder(engine):
    engine.measure(engine.order(plan()))
    assert engine.runtime.stat().st_mode & 0o077 == 0
    assert (engine.runtime / "ray-token").stat().st_mode & 0o077 == 0
    files = [path for path in engine.runtime.rglob("*") if path.is_file() and not path.is_symlink()]
    assert files
    for path in files:
        assert CANARY.encode() not in path.read_bytes()
    # Control: the plan that was sent names the canary, so a logged plan would have been found.
    assert CANARY in json.dumps(engine.order(plan()).plan)


def test_the_process_is_confined(engine):
    own, theirs = Path("/proc/self/ns/net").readlink(), Path(f"/proc/{engine.process.pid}/ns/net").readlink()
    assert own != theirs
    for process in (psutil.Process(engine.process.pid), *engine.scanners()):
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert any(
            line.split()[:4] == ["Max", "core", "file", "size"] and line.split()[4] == "0"
            for line in limits.splitlines()
        )
        assert Path(f"/proc/{process.pid}/ns/net").readlink() == theirs
        assert Path(f"/proc/{process.pid}/fd/1").readlink() == Path("/dev/null")
        assert Path(f"/proc/{process.pid}/fd/2").readlink() == Path("/dev/null")
        # A process that may not be dumped has its /proc files owned by root, whoever runs it; environ holds no secret.
        assert engine.home.data_root.hex() not in Path(f"/proc/{process.pid}/environ").read_text()
        assert engine.home.data_root.hex() not in Path(f"/proc/{process.pid}/cmdline").read_text()


def _load_order(engine, home, description: str, files: dict) -> dict:
    order = LoadOrder(secrets.token_hex(8), engine.boot, "shop", 1, description, 4, files)
    body = canonical_bytes(order.to_json())
    return {"op": "load", "body": body, "signature": home.order_key.sign(SIGNING_CONTEXT + body)}


DESCRIPTION = """
[dataset]
name = "shop"
title = "Shop"
steward = "bureau"
unit_space = "people"
grade = "general"
budget = { epsilon = "20" }
[unit_spaces.people]
accounting = "zcdp"
budget = { epsilon = "20", delta = "1e-6" }
[tables.sales]
unit = "person"
rows_max = 1000
max_rows_per_unit = 5
[tables.sales.columns]
person = { type = "string", role = "unit" }
paid = { type = "int", bounds = [0, 10] }
"""


def test_load_reports_progress_and_then_the_version(engine, home):
    (home.folder / "inbox" / "sales.csv").write_text("person,paid\na,1\nb,2\na,3\n")
    *progress, last = engine.ask(_load_order(engine, home, DESCRIPTION, {"sales": "sales.csv"}))
    assert last["version"]["dataset"] == "shop"
    assert last["version"]["number"] == 1
    assert len(last["version"]["manifest"]) == 64
    assert progress
    assert all(len(frame["progress"]) == 3 for frame in progress)


def test_a_bad_file_is_refused_with_its_place_and_a_bad_order_with_a_constant(engine, home):
    (home.folder / "inbox" / "bad.csv").write_text("person,paid\na,1\nb,two\n")
    last = engine.ask(_load_order(engine, home, DESCRIPTION, {"sales": "bad.csv"}))[-1]
    assert set(last) == {"refusal"}
    assert "bad.csv" in last["refusal"]["detail"]
    assert "two" not in json.dumps(last)
    assert engine.ask(_load_order(engine, home, "nonsense", {"sales": "bad.csv"}))[-1] == {"failure": "fault"}


def test_a_bucket_that_cannot_be_read_is_forfeited_after_the_retries(engine, home):
    victim = next((home.folder / "store" / "clinic").rglob("visits.0003.rows.parquet"))
    original = victim.read_bytes()
    middle = len(original) // 2
    for broken in (b"", original[:middle] + bytes([original[middle] ^ 1]) + original[middle + 1 :]):
        victim.write_bytes(broken)
        assert engine.measure(engine.order(plan())) == FORFEITED
    victim.write_bytes(original)
    assert "answer" in engine.measure(engine.order(plan()))


def test_bounds_bind_in_the_engine(engine):
    tight = numbers(engine.measure(engine.order(plan(bounds=ContributionBounds(1, 1, 1)))))
    assert [row[1] for row in tight] == [140] * 4  # one row of each unit that has a region
    assert [row[1] for row in tight] == [row[2] for row in tight]


@pytest.mark.slow
def test_sigterm_ends_everything(home):
    engine = EngineProcess(home, workers=1)
    engine.process.terminate()
    assert engine.process.wait(30) == 0
    assert left_of(engine.family) == []
    engine.close()


def test_sigkill_in_mid_query_leaves_no_process(home):
    engine = EngineProcess(home, workers=1)
    asking = threading.Thread(target=_ask_in_vain, args=(engine,))
    (scanner,) = engine.scanners()
    scanner.suspend()
    asking.start()
    time.sleep(0.3)
    engine.process.kill()
    scanner.resume()
    asking.join(30)
    _until(lambda: left_of(engine.family) == [], seconds=5)
    assert engine.close()[0] == -signal.SIGKILL


def test_a_bootstrap_that_is_not_one_ends_with_an_event(home):
    broken = EngineProcess(_Broken(home.folder, b"", home.order_key))
    assert broken.first_line == b""
    code, errors = broken.close()
    assert (code, errors) == (1, "engine bootstrap-invalid\n")


class _Broken:
    def __init__(self, folder, data_root, order_key) -> None:
        self.folder, self.data_root, self.order_key = folder, data_root, order_key


def _ask_in_vain(engine) -> None:
    try:
        engine.measure(engine.order(plan()))
    except (OSError, ValueError):
        return


def _until(holds, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_fractions_in_the_fixture_are_exact():
    assert plan().measurements[0].primitives[2].granularity == Fraction(1, 100)
