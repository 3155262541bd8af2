"""A held clock, a small thread pool that can be waited for, an engine that does as told, and a real SQLite ledger."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import product

from sandbox.adapters.sqlite_ledger import SqliteLedger
from sandbox.plan.canonical import read_plan
from sandbox.plan.nodes import CountOutput, KeyOutput, SumOutput
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.proof.signing import SigningKey
from sandbox.service import give_grant, people, register_dataset
from sandbox.service.ask import QueryRequest
from sandbox.service.enclave import Enclave, Settings
from sandbox.service.identity import sign_in
from sandbox.service.ports import EngineStatus, Entry
from sandbox.terms.answer import Answer, CountColumn, KeyColumn, MeanColumn, Noise, SumColumn
from sandbox.terms.dataset import Version
from sandbox.terms.refusal import EnclaveNotReady

START = datetime(2026, 3, 1, tzinfo=UTC)
MANIFEST = "ab" * 32
ENGINE_KEY = SigningKey("enclave.test/engine", b"e" * 32).verifier.text

CLINIC = """
[dataset]
name = "clinic"
title = "Visits of the city clinic"
steward = "health-bureau"
unit_space = "patients"
grade = "general"
budget = { epsilon = "20" }
[unit_spaces.patients]
accounting = "zcdp"
budget = { epsilon = "20", delta = "1e-6" }
[tables.visits]
unit = "patient_id"
rows_max = 1_000_000
max_rows_per_unit = 5
[tables.visits.columns]
patient_id = { type = "string", role = "unit" }
sex = { type = "string", keys = ["F", "M"] }
age = { type = "int", bounds = [0, 110] }
cost = { type = "float", bounds = [0.0, 5000.0], granularity = 0.01 }
visited = { type = "date", bounds = ["2024-01-01", "2025-12-31"] }
note = { type = "string", role = "withheld" }
"""

ROADS = """
[dataset]
name = "roads"
title = "Counts of cars"
steward = "transport"
unit_space = "drivers"
grade = "important"
budget = { epsilon = "3" }
[unit_spaces.drivers]
accounting = "pure"
budget = { epsilon = "3" }
[tables.trips]
unit = "driver"
rows_max = 1_000
max_rows_per_unit = 10
[tables.trips.columns]
driver = { type = "int", role = "unit" }
km = { type = "int", bounds = [0, 100] }
"""

COUNT = "select sex, count(*) as n from clinic.visits group by sex"
MEAN = "select avg(cost) as c from clinic.visits where age > 30"


class HeldClock:
    """Time that stands until it is moved."""

    def __init__(self, condition: threading.Condition) -> None:
        self.condition = condition
        self.elapsed = 0.0
        self.sleepers: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return 1000.0 + self.elapsed

    def sleep_until(self, moment: float) -> None:
        with self.condition:
            self.sleepers.append(moment)
            self.condition.notify_all()
            self.condition.wait_for(lambda: self.monotonic() >= moment)
            self.sleepers.remove(moment)
            self.condition.notify_all()


class Jobs:
    """Threads, counted, so that a test can wait until each has ended or sleeps beyond now."""

    def __init__(self, condition: threading.Condition) -> None:
        self.condition = condition
        self.active = 0
        self.closed = False
        self.errors: list[BaseException] = []

    def submit(self, job) -> None:
        if self.closed:
            raise RuntimeError("closed")
        with self.condition:
            self.active += 1
        threading.Thread(target=self._run, args=(job,), daemon=True).start()

    def _run(self, job) -> None:
        try:
            job()
        except BaseException as error:
            self.errors.append(error)
        finally:
            with self.condition:
                self.active -= 1
                self.condition.notify_all()


class Engine:
    """The `Compute` port. `answer` makes an answer of an order or raises; `loading` likewise."""

    def __init__(self) -> None:
        self.alive = True
        self.network = "private"
        self.orders = []
        self.loads = []
        self.answer = answer_to
        self.loading = lambda order, progress: Version(order.dataset, order.version, MANIFEST)

    def status(self) -> EngineStatus:
        if not self.alive:
            raise EnclaveNotReady
        return EngineStatus("boot-1", self.network, 2, ENGINE_KEY)

    def measure(self, order) -> Answer:
        self.orders.append(order)
        return self.answer(order)

    def load(self, order, progress) -> Version:
        self.loads.append(order)
        return self.loading(order, progress)


class World:
    """An enclave with people in it. Times in milliseconds since the start."""

    def __init__(self, path, ledger_of=lambda ledger: ledger, **settings) -> None:
        self.condition = threading.Condition()
        self.clock, self.jobs, self.engine = HeldClock(self.condition), Jobs(self.condition), Engine()
        self.path, self.ledger_of = path, ledger_of
        self.log_key = SigningKey("enclave.test", b"l" * 32)
        self.settings = Settings("enclave.test", "enclave.test", self.log_key.verifier.text, **settings)
        self.open()
        facts = {"name": "enclave.test", "origin": "enclave.test", "log_key": self.settings.log_key}
        self.ledger.append(Entry("enclave.created", START, "enclave.test", facts))
        administrator = people.first_administrator(self.enclave)
        self.administrator = sign_in(self.enclave, administrator)
        self.sue = self.enrol("sue", "health-bureau", "steward")
        self.tom = self.enrol("tom", "transport", "steward")
        self.ann = self.enrol("ann", "acme", "analyst")
        self.bob = self.enrol("bob", "rival", "analyst")
        self.olga = self.enrol("olga", "bureau", "officer")

    def open(self) -> None:
        """Open the ledger, as a start does."""
        self.ledger = SqliteLedger(self.path, origin=self.settings.origin, signer=self.log_key, state_key=b"s" * 32)
        self.enclave = Enclave(
            ledger=self.ledger_of(self.ledger),
            compute=self.engine,
            clock=self.clock,
            runner=self.jobs,
            settings=self.settings,
            release_key=SigningKey("enclave.test/release", b"r" * 32),
            tag_key=b"t" * 32,
            state_key=b"s" * 32,
        )

    def enrol(self, name, organisation, role):
        return people.enrol(self.enclave, self.administrator, name, organisation, role)[0]

    def register(self):
        """Both datasets, loaded."""
        register_dataset.register(self.enclave, self.sue, CLINIC, "clinic.toml")
        register_dataset.register(self.enclave, self.tom, ROADS, "roads.toml")
        self.load("clinic", "visits", self.sue)
        self.load("roads", "trips", self.tom)
        return self

    def load(self, dataset, table, steward):
        from sandbox.service import load_dataset

        begun = load_dataset.begin(self.enclave, steward, dataset, {table: f"{table}.csv"})
        self.settle_down()
        return load_dataset.view(self.enclave, steward, begun.id)

    def grant(
        self, analyst="ann", datasets=("clinic",), purpose="research", epsilon="5", days=30, steward=None, **more
    ):
        return give_grant.give(
            self.enclave,
            steward or self.sue,
            analyst=analyst,
            datasets=datasets,
            purpose=purpose,
            epsilon=epsilon,
            not_after=self.clock.now() + timedelta(days=days),
            **more,
        )

    def settle_down(self) -> None:
        """Wait until every job has ended or sleeps beyond now."""
        with self.condition:
            calm = self.condition.wait_for(
                lambda: (
                    self.jobs.active == sum(moment > self.clock.monotonic() for moment in self.clock.sleepers)
                    and all(moment > self.clock.monotonic() for moment in self.clock.sleepers)
                ),
                timeout=20,
            )
        assert calm, "jobs did not settle down"
        assert self.jobs.errors == []

    def at(self, milliseconds: float) -> None:
        """Move time on."""
        with self.condition:
            self.clock.elapsed = milliseconds / 1000
            self.condition.notify_all()
        self.settle_down()

    def entries(self):
        import json

        return [json.loads(body) for body in self.ledger.entries(0, self.ledger.size())]

    def kinds(self):
        return [item["kind"] for item in self.entries()]

    def close(self) -> None:
        with self.condition:
            self.clock.elapsed = 10**9
            self.condition.notify_all()
        with self.condition:
            self.condition.wait_for(lambda: self.jobs.active == 0, timeout=20)
        self.ledger.close()


def request(sql=COUNT, purpose="research", epsilon="1") -> QueryRequest:
    return QueryRequest(sql, purpose, epsilon)


def answer_to(order) -> Answer:
    """A well-formed answer; its integers say nothing."""
    plan, spec = read_plan(order.plan), MeasurementSpec.from_json(order.spec)

    def noise(number):
        return Noise("discrete gaussian" if spec.mode == "zcdp" else "discrete laplace", spec.vectors[number].scale)

    integers = tuple(range(100, 100 + plan.groups))
    rows = list(product(*(key.values for key in plan.keys)))
    columns = []
    for output in plan.outputs:
        if isinstance(output, KeyOutput):
            key = plan.keys[output.key]
            columns.append(KeyColumn(output.name, key.type, tuple(row[output.key] for row in rows)))
        elif isinstance(output, CountOutput):
            columns.append(CountColumn(output.name, integers, noise(output.count)))
        elif isinstance(output, SumOutput):
            total = plan.primitives[output.total]
            columns.append(SumColumn(output.name, output.type, integers, total.granularity, noise(output.total)))
        else:
            total = plan.primitives[output.total]
            columns.append(
                MeanColumn(
                    output.name,
                    integers,
                    integers,
                    total.center,
                    total.granularity,
                    total.low,
                    total.high,
                    noise(output.total),
                    noise(output.count),
                )
            )
    return Answer(order.id, tuple(columns))
