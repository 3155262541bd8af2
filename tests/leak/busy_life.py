"""A busy life of one enclave over its canaries: every use case that reads, refuses, reviews, releases, stops or explains."""

import contextlib
import os
import re
import secrets
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canary_values import DESCRIPTION, HEADER, Canaries, rows, write_csv, write_parquet
from recording_proxy import RecordingProxy

from sandbox.adapters.process_tree import descendants
from sandbox.client.connection import Connection
from sandbox.terms.refusal import MeasurementForfeited, Refusal, SandboxError
from sandbox.testing import Enclave

PURPOSE, NEED = "research", "For the yearly report of the harbour hospital."
WHY = "Nothing speaks against it."
T = "harbour.stays"
ANSWERED = (
    f"select count(*) as n from {T}",
    f"select sex, count(*) as n, count(remark) as r, count(distinct person) as p from {T} group by sex",
    f"select sum(amount) as s, avg(amount) as m, count(amount) as c from {T}",
    f"select count(serial) as n from {T} where serial > 1152921504606846976",
    f"select count(*) as n from {T} where remark = 'nobody' or remark in ('a', 'b') or remark <> 'c'",
    f"select sum(age) as s from {T} where seen < '1950-01-01T00:00:00Z' and born > '1700-06-01'",
    f"select sex, avg(age) as m from {T} where not (remark is null) group by sex",
    f"select remark, count(*) as n from {T} group by remark",
    f"select count(*) as n, count(distinct remark) as d from {T} where upper(remark) like 'A%' limit 1",
    f"select max(serial) as m, min(seen) as f from {T}",
    f"select count(*) as n from {T} limit 1 offset 5",
)
CRASHING = (
    f"select count(*) as n from {T} where amount / (age - 40) > 3",
    f"select count(*) as n from {T} where amount * amount * amount > 1e30",
    f"select count(*) as n from {T} where 1 / (serial - serial) > 0",
    f"select count(*) as n from {T} where -serial < 0 and amount / 0 > 1",
    f"select sum(age) as s from {T} where " + " or ".join(f"age = {number}" for number in range(100)),
)
"""Questions that a naive engine would fail on in some row. They are answered, or refused before any row is read."""
REFUSED = (
    "select * from {t}",
    "select person from {t}",
    "select remark from {t}",
    "select serial, amount, seen from {t}",
    "select note, count(*) as n from {t} group by note",
    "select count(*) as n from {t} where note = 'x'",
    "select count(*) as n from {t} where person = 'x'",
    "select count(*) as n from {t} group by person",
    "select sum(remark) as s from {t}",
    "select sum(cast(remark as int)) as s from {t}",
    "select sum(serial) as s from {t}",
    "select sum(amount / age) as s from {t}",
    "select error(remark) as e from {t}",
    "select string_agg(remark) as s from {t}",
    "select count(*) as n from {t} where serial = 'abc'",
    "select count(*) as n from {t} where seen = 'yesterday'",
    "select count(*) as n from {t} join {t} as u on u.person = person",
    "select count(*) over () as n from {t}",
    "select count(*) as n from {t} order by remark",
    "select count(*) as n from {t}; drop table stays",
    "select count(*) as n from read_csv('inbox')",
    "select count(*) as n from harbour.stay",
    "select count(*) as n from elsewhere.stays",
    "select count(*) as n, sum(age) as n from {t}",
    "select count(remarks) as n from {t}",
    "selec count(*) from {t}",
    "delete from {t}",
    "select count(*) as n from {t} where " + "(" * 2_000 + "true" + ")" * 2_000,
)


@dataclass
class Life:
    """The enclave behind its recording proxy, and what came out of it."""

    enclave: Enclave
    canaries: Canaries
    owner: Path
    desk: Path  # where people keep what they were given
    proxies: list[RecordingProxy] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10**6)))

    # -- running -------------------------------------------------------------------------------------------------------

    def relay(self) -> None:
        """Let everybody speak through a recording proxy from now on."""
        self.proxies.append(RecordingProxy(self.enclave.url))
        self.enclave.url = self.proxies[-1].url

    def close(self) -> None:
        for proxy in self.proxies:
            proxy.close()

    def received(self) -> bytes:
        return b"".join(proxy.content() for proxy in self.proxies)

    def find(self, word: bytes) -> list[int]:
        found = []
        for pid in descendants(self.enclave.process.pid):
            with contextlib.suppress(OSError):
                if word in Path("/proc", str(pid), "cmdline").read_bytes():
                    found.append(pid)
        return found

    def wait_ready(self) -> None:
        """Until the engine measures again."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            if Connection(self.enclave.url).health() == "ready" and self.find(b"ray::Scanner"):
                with contextlib.suppress(SandboxError):
                    self.lift()
                    self.run("ann", ANSWERED[0]).result(timeout=60)
                    return
            time.sleep(0.2)
        raise AssertionError("the enclave did not come back")

    def person(self, name: str) -> Connection:
        return self.enclave.person(name, org="acme", role="analyst")

    def epsilon(self) -> str:
        return f"0.1000{next(self.numbers):05d}"

    def refuses(self, act: Callable[[], object]) -> None:
        """A call that is refused: what kind of refusal it was is counted."""
        try:
            act()
        except SandboxError as refusal:
            self.codes[refusal.code] += 1
            self.refused += 1
            return
        raise AssertionError("this was not refused")

    # -- loading -------------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Two versions, by CSV and by Parquet; files that are refused; a load that a kill cuts short."""
        files = {"stays": write_csv(self.canaries, self.owner / "stays.csv")}
        self.enclave.load(DESCRIPTION, files)
        self.enclave.reload("harbour", {"stays": write_parquet(self.canaries, self.owner / "stays.parquet")})
        for number, text in enumerate(self.broken_files()):
            broken = self.owner / f"broken-{number}.csv"
            broken.write_text(text, "utf-8")
            self.refuses(lambda path=broken: self.enclave.reload("harbour", {"stays": path}))

    def broken_files(self) -> Iterator[str]:
        """A canary in the very cell that makes the file unusable."""
        header, good, c = ",".join(HEADER), rows(self.canaries), self.canaries
        for column, wrong in (
            ("serial", c.remark[0]),
            ("serial", f"{c.serial[0]}.5"),
            ("amount", c.person[1]),
            ("seen", f"{c.remark[2]}T00:00"),
            ("born", f"{c.serial[3]}-01-01"),
            ("age", c.note[4]),
            ("age", f"0x{c.serial[5]}"),
            ("remark", f'"{c.remark[6]}'),  # a quote that is never closed
            ("person", ""),
        ):
            bad = [good[0], good[1] | {column: wrong}, good[2]]
            yield "\n".join([header, *(",".join(row[name] for name in HEADER) for row in bad)]) + "\n"
        yield f"{c.person[7]},{c.remark[7]}\n1,2\n"  # canaries for names of columns
        yield "\n".join([header, ",".join([c.person[8], c.remark[8]])]) + "\n"  # a short row

    def cut_load(self) -> None:
        """kill -9 of the engine in the middle of a load."""
        name = f"{secrets.token_hex(8)}-stays.csv"
        inbox = self.enclave.home / "inbox" / name
        write_csv(self.canaries, inbox)
        steward = self.enclave.steward
        view = steward.begin_load("harbour", {"stays": name})
        time.sleep(0.15)
        os.kill(self.find(b"workers.engine")[0], signal.SIGKILL)
        while steward.load_status(view["id"])["state"] == "running":
            time.sleep(0.05)
        inbox.unlink()
        self.wait_ready()

    # -- asking --------------------------------------------------------------------------------------------------------

    def people(self) -> None:
        for name, review in (("ann", None), ("ben", "held"), ("cat", "two")):
            self.enclave.analyst(name, org="acme", datasets=["harbour"], purpose=PURPOSE, epsilon="40", review=review)
        self.enclave.reviewers(3)
        self.enclave.officers(2)

    def run(self, name: str, sql: str) -> Any:
        return self.person(name).query(sql, purpose=PURPOSE, epsilon=self.epsilon(), need=NEED).run()

    def answers(self) -> None:
        """All aggregates, what crashes on rows elsewhere, and the same question again."""
        for start in range(0, len(ANSWERED), 4):
            running = [self.run("ann", sql) for sql in ANSWERED[start : start + 4]]
            self.keep([item.result(timeout=60) for item in running])
        answerable = [sql for sql in CRASHING if self.checked(sql)]
        running = [self.run("ann", sql) for sql in answerable[:4]]
        self.keep([item.result(timeout=60) for item in running])
        again = self.person("ann").query(ANSWERED[0], purpose=PURPOSE, epsilon="0.2", need=NEED)
        self.keep([again.run().result(timeout=60), again.run().result(timeout=60)])

    def checked(self, sql: str) -> bool:
        try:
            self.person("ann").query(sql, purpose=PURPOSE, epsilon="0.1", need=NEED).check()
        except Refusal as refusal:
            self.codes[refusal.code] += 1
            self.refused += 1
            return False
        return True

    def keep(self, releases: list[Any]) -> None:
        """Opened, verified, exported in every form."""
        for release in releases:
            release.verify()
            stem = self.desk / release.id
            release.save(stem.with_suffix(".sealed.json"))
            release.to_parquet(stem.with_suffix(".parquet"))
            release.to_ipc(stem.with_suffix(".arrow"))
            stem.with_suffix(".csv").write_text(release.to_csv(), "utf-8")
            stem.with_suffix(".json").write_text(release.to_json(), "utf-8")

    def refusals(self) -> None:
        """Of texts, and of calls; checked and run."""
        ann = self.person("ann")
        for text in REFUSED:
            query = ann.query(text.format(t=T), purpose=PURPOSE, epsilon="0.1", need=NEED)
            self.refuses(query.check)
            self.refuses(query.run)
        stranger = self.enclave.person("stranger", org="elsewhere", role="analyst")
        mine = ann.queries()[0]["id"]
        for act in (
            lambda: ann.query(ANSWERED[0], purpose="advertising", epsilon="0.1").run(),
            lambda: ann.query(ANSWERED[0], purpose=PURPOSE, epsilon="0").run(),
            lambda: ann.query(ANSWERED[0], purpose=PURPOSE, epsilon="399").run(),
            lambda: stranger.dataset("harbour"),
            lambda: stranger.query(ANSWERED[0], purpose=PURPOSE, epsilon="0.1").check(),
            lambda: stranger.query_view(mine),
            lambda: stranger.release(mine),
            lambda: ann.register("[dataset]"),
            lambda: self.enclave.steward.register("[dataset"),
            lambda: self.enclave.steward.load("harbour", {"stays": "../ledger.sqlite"}),
            lambda: Connection(self.enclave.url, token="nobody-knows-this-token").queries(),
            lambda: self.enclave.administrator.enrol("ann", "acme", "analyst"),
            lambda: ann.freeze("person", "ben", "It is not mine to freeze."),
        ):
            self.refuses(act)

    # -- reviewing, stopping, looking ----------------------------------------------------------------------------------

    def reviews(self) -> None:
        """Approved, rejected, in conflict, withdrawn, lapsed."""
        approved, rejected, withdrawn, lapsed = (self.run("ben", sql) for sql in ANSWERED[:4])
        two = self.run("cat", ANSWERED[1])
        queries = {approved.id: ("approve",), rejected.id: ("reject",), two.id: ("approve", "reject")}
        for name in (*queries, withdrawn.id, lapsed.id):
            self.until(self.person("cat" if name == two.id else "ben"), name, "in-review")
        withdrawn.withdraw()
        ids = {
            str(view["review"]["id"]): str(view["id"])
            for name in ("ben", "cat")
            for view in self.person(name).queries()
            if view["review"]
        }
        for review, query in ids.items():
            for place, verdict in enumerate(queries.get(query, ())):
                reviewer = self.enclave.reviewers(3)[place]
                copy = reviewer.review(review)
                reviewer.vote(review, verdict, WHY, copy["digest"])
        self.keep([approved.result(timeout=60)])
        self.refuses(lambda: self.person("ben").release(rejected.id))
        self.refuses(lambda: self.person("ben").release(withdrawn.id))
        self.enclave.steward.revoke_grant(self.person("ben").grants()[0]["id"], "The contract has ended.")
        self.refuses(lambda: self.person("ben").release(lapsed.id))
        self.refuses(lambda: self.run("ben", ANSWERED[0]))

    def until(self, analyst: Connection, query: str, state: str) -> None:
        until = time.monotonic() + 60
        while analyst.query_view(query, wait=5)["state"] != state:
            assert time.monotonic() < until
            time.sleep(0.05)

    def officers(self) -> None:
        """Freeze and lift, explain, search, show and open."""
        first, second = self.enclave.officers(2)
        for subject, name in (("person", "ann"), ("dataset", "harbour")):
            frozen = first.freeze(subject, name, "Something is odd here.")
            self.refuses(lambda: self.run("ann", ANSWERED[0]))
            for officer in (first, second):
                officer.lift_freeze(frozen["id"], "It was nothing at all.")
        first.explain_policy("ann", "submit-query", dataset="harbour", purpose=PURPOSE)
        for words in ({}, {"dataset": "harbour"}, {"actor": "ann"}, {"decision": "refused"}, {"text": ANSWERED[0]}):
            found = first.search_log(**words)["entries"]
            assert found or "text" in words
        for item in first.search_log(kind="query.reserved", limit=20)["entries"]:
            first.log_entry(item["index"])
            first.open_entry(item["index"], "To see what was asked.")
        for person in (self.person("ann"), first, self.enclave.steward, self.enclave.reviewer):
            for look in (person.me, person.catalogue, person.checkpoint):
                look()
        for look in (self.person("ann").accounts, self.person("ann").queries, first.queries, first.freezes):
            look()

    # -- dying ---------------------------------------------------------------------------------------------------------

    def crashes(self) -> None:
        """A fault in a scanner, kill -9 of the engine, and of everything, while queries run."""
        for word, number in ((b"ray::Scanner", signal.SIGSEGV), (b"workers.engine", signal.SIGABRT)):
            running = [self.run("ann", sql) for sql in ANSWERED[1:4]]
            for pid in self.find(word):
                os.kill(pid, number)
            for item in running:
                with contextlib.suppress(MeasurementForfeited):  # one killed worker is replaced; the engine is not
                    self.keep([item.result(timeout=60)])
            self.wait_ready()
        self.run("ann", ANSWERED[2])
        self.enclave.process.kill()
        self.enclave.process.wait(60)

    def start_again(self) -> None:
        self.enclave.start(120)
        self.relay()
        self.lift()
        self.wait_ready()
        self.keep([self.run("ann", ANSWERED[0]).result(timeout=60)])

    def lift(self) -> None:
        """Of freezes that failed measurements brought about."""
        for freeze in self.enclave.officer.freezes():
            for officer in self.enclave.officers(2):
                officer.lift_freeze(freeze["id"], "Those failures were made by us.")

    def runtime(self) -> Path:
        """The folder of the run, that of its Ray among it."""
        found = re.search(r'"runtime": "([^"]+)"', (self.enclave.home / "run.json").read_text("utf-8"))
        assert found is not None
        return Path(found[1])
