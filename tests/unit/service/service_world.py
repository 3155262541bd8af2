"""A held clock, a small thread pool that can be waited for, an engine that does as told, a real SQLite ledger, and people
with keys: two stewards, two analysts, three reviewers of two organisations, two officers."""

import threading
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import product

from sandbox.adapters.sqlite_ledger import SqliteLedger
from sandbox.plan.answer_lines import lines_between
from sandbox.plan.answers import CountOutput, KeyOutput, SumOutput
from sandbox.plan.canonical import read_plan
from sandbox.plan.lineage import Passed, Scaled, lineage, meaning_of, vector_of
from sandbox.privacy.accuracy import noise_of
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.proof.key_pairs import new_key_pair, prove_possession, prove_rotation
from sandbox.proof.signing import SigningKey
from sandbox.proof.submission import Submission, sign_submission
from sandbox.service import decide_grant, people, register_dataset, register_keys, request_grant, submit_query
from sandbox.service.ask import QueryRequest
from sandbox.service.enclave import Enclave, Settings
from sandbox.service.identity import sign_in
from sandbox.service.ports import EngineStatus, Entry
from sandbox.terms.answer import Answer, ComputedColumn, CountColumn, KeyColumn, MeanColumn, SumColumn
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

VAULT = """
[dataset]
name = "vault"
title = "What never leaves"
steward = "health-bureau"
unit_space = "holders"
grade = "core"
budget = { epsilon = "1" }
[unit_spaces.holders]
accounting = "pure"
budget = { epsilon = "1" }
[tables.items]
unit = "holder"
rows_max = 1_000
max_rows_per_unit = 10
[tables.items.columns]
holder = { type = "int", role = "unit" }
weight = { type = "int", bounds = [0, 100] }
"""

PRIVATE_GROUPS = ("east", "west")
REASON = "Needed for the yearly report"
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
        self.oscar = self.enrol("oscar", "bureau", "officer")
        self.rita = self.enrol("rita", "statistics", "reviewer")
        self.rolf = self.enrol("rolf", "statistics", "reviewer")
        self.rhea = self.enrol("rhea", "archive", "reviewer")
        self.pairs = {}
        self.register_keys(self.ann)
        self.register_keys(self.bob)

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

    def enrol(self, name, organisation, role, identity=""):
        return people.enrol(self.enclave, self.administrator, name, organisation, role, identity)[0]

    def register_keys(self, person):
        """A fresh key pair of an analyst, registered; the one before it signs too."""
        pair, before = new_key_pair(person.name), self.pairs.get(person.name)
        public, origin = pair.public, self.settings.origin
        rotation = prove_rotation(before, public, origin) if before is not None else None
        proof = prove_possession(pair, origin)
        register_keys.register(self.enclave, person, public.sealing, public.signing, proof, rotation)
        self.pairs[person.name] = pair
        return pair

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

    def request_grant(self, analyst="ann", datasets=("clinic",), purpose="research", epsilon="5", days=30, **more):
        """`analyst`, a name or a person, asks for a grant. `more`: tables, columns, aggregates, uses, not_before, reason."""
        return request_grant.request(
            self.enclave,
            self.person(analyst),
            datasets=datasets,
            purpose=purpose,
            epsilon=epsilon,
            not_after=self.clock.now() + timedelta(days=days),
            reason=more.pop("reason", REASON),
            **more,
        )

    def grant(self, analyst="ann", datasets=("clinic",), *, steward=None, review=None, **more):
        """Asked for and approved, as asked; `review` tightens it. Other words as for `request_grant`."""
        asked = self.request_grant(analyst, datasets, **more)
        return decide_grant.approve(self.enclave, steward or self.sue, asked.to_json()["id"], review=review)

    def person(self, name):
        return self.ledger.person(name) if isinstance(name, str) else name

    def submit(self, sql=COUNT, key="key-00001", by="ann", **more):
        """A signed submission. `more`: purpose, epsilon, need."""
        return submit_query.submit(self.enclave, self.person(by), ask(self, sql, key=key, by=by, **more), key)

    def settle_down(self) -> None:
        """Wait until every job has ended or sleeps beyond now."""
        assert self._calm(20), "jobs did not settle down"
        assert self.jobs.errors == []

    def at(self, milliseconds: float) -> None:
        """Move time on. What is under way gets its chance first, or a busy machine would leap over it."""
        self._calm(0.5)
        with self.condition:
            self.clock.elapsed = milliseconds / 1000
            self.condition.notify_all()
        self.settle_down()

    def _calm(self, seconds: float) -> bool:
        def calm() -> bool:
            beyond = [moment > self.clock.monotonic() for moment in self.clock.sleepers]
            return all(beyond) and self.jobs.active == len(beyond)

        with self.condition:
            return self.condition.wait_for(calm, timeout=seconds)

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


def request(sql=COUNT, purpose="research", epsilon="1", need="") -> QueryRequest:
    """Not signed: enough to check."""
    return QueryRequest(sql, purpose, epsilon, need)


def ask(world, sql=COUNT, purpose="research", epsilon="1", *, need="", key="key-00001", by="ann") -> QueryRequest:
    """Signed with the newest keys of `by`, a name or a person; `key` is the idempotency key it will be submitted under."""
    pair = world.pairs[by if isinstance(by, str) else by.name]
    submission = Submission(world.settings.origin, pair.person, pair.id, sql, purpose, epsilon, need, key)
    try:
        signature = sign_submission(pair, submission)
    except ValueError:  # a text that UTF-8 cannot write cannot be signed either
        signature = "A" * 86 + "=="
    return QueryRequest(sql, purpose, epsilon, need, pair.id, signature)


def answer_to(order) -> Answer:
    """A well-formed answer; its integers say nothing. Groups of private keys are two, of made-up texts."""
    plan, spec = read_plan(order.plan), MeasurementSpec.from_json(order.spec)
    first = plan.measurements[0]
    declared = [key.values if key.values is not None else PRIVATE_GROUPS for key in first.keys]
    rows = list(product(*declared))[: lines_between(plan)[1]]
    lines = len(rows)
    integers = tuple(range(100, 100 + lines))
    columns = []
    for name, origin in lineage(plan).items():
        kind = plan.columns[name]
        if not isinstance(origin, Passed):
            noise = (
                noise_of(spec, vector_of(plan, origin.measurement, origin.vector))
                if isinstance(origin, Scaled)
                else None
            )
            step = origin.step if isinstance(origin, Scaled) else Fraction(0)
            columns.append(ComputedColumn(name, kind, (None,) * lines, meaning_of(origin), noise, step))
            continue
        output, measured = origin.output, plan.measurements[origin.measurement]

        def noise_at(number, measurement=origin.measurement):
            return noise_of(spec, vector_of(plan, measurement, number))

        if isinstance(output, KeyOutput):
            columns.append(KeyColumn(name, kind, tuple(row[output.key] for row in rows)))
        elif isinstance(output, CountOutput):
            columns.append(CountColumn(name, integers, noise_at(output.count)))
        elif isinstance(output, SumOutput):
            step = measured.primitives[output.total].granularity
            columns.append(SumColumn(name, output.type, integers, step, noise_at(output.total)))
        else:
            total = measured.primitives[output.total]
            noises = noise_at(output.total), noise_at(output.count)
            columns.append(
                MeanColumn(name, integers, integers, total.center, total.granularity, total.low, total.high, *noises)
            )
    return Answer(order.id, tuple(columns))
