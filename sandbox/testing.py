"""A real enclave for tests: its own home, `sandbox serve` on a loopback port, its engine and local Ray.

    from sandbox.testing import start_enclave

    with start_enclave() as enclave:
        enclave.load("clinic.toml", {"visits": "visits.parquet"})
        ann = enclave.analyst("ann", org="acme", datasets=["clinic"], purpose="research", epsilon="5")
        query = ann.query("select sex, count(*) as n from clinic.visits group by sex", purpose="research", epsilon="1")
        quote = query.check()
        release = query.run().result(timeout=60)
        release.to_pylist(), release.interval("n", 0.95), release.cost

Nothing in it is a double: requests go over HTTP, data is encrypted, noise is drawn, the ledger is on disk. Needs the
extra `enclave`.
"""

import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.adapters.home import HomePaths, create_home
from sandbox.client.connection import Connection
from sandbox.client.inbox import in_inbox
from sandbox.client.key_store import FileKeyStore
from sandbox.proof.sealing import derive
from sandbox.terms.refusal import EnclaveNotReady, NotFound

__all__ = ["Enclave", "start_enclave"]

_ADDRESS = re.compile(r"http://\S+")
_GRADE = re.compile(r"^[ \t]*grade[ \t]*=.*$", re.MULTILINE)
_DATASET = re.compile(r"^[ \t]*\[dataset\].*$", re.MULTILINE)


@contextmanager
def start_enclave(
    *,
    home: Path | None = None,
    name: str = "test.enclave",
    tick_ms: int = 250,
    clock: bool = True,
    workers: int = 2,
    private_network: bool = True,
    timeout: float = 60.0,
) -> Iterator["Enclave"]:
    """A running enclave, stopped and (where its home was made here) removed at the end.

    `name` is its log's origin, `tick_ms` the release clock's tick; `clock=False` runs without the clock, as only
    benchmarks may; `timeout` seconds are allowed until it is ready.

    Raises:
        EnclaveNotReady: it did not start in time.
    """
    folder = Path(tempfile.mkdtemp(prefix="sandbox-")) if home is None else home
    enclave = Enclave(
        folder / "home", name=name, tick_ms=tick_ms, clock=clock, workers=workers, private_network=private_network
    )
    try:
        enclave.start(timeout)
        yield enclave
    finally:
        enclave.stop()
        if home is None:
            shutil.rmtree(folder, ignore_errors=True)


class Enclave:
    """One enclave: its process, and people who are signed in to it."""

    def __init__(
        self, home: Path, *, name: str, tick_ms: int, clock: bool, workers: int, private_network: bool
    ) -> None:
        self.home = home
        self.name = name
        self.keys = FileKeyStore(home.parent / "client-keys")
        self.url = ""
        self.stderr: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._options = [
            f"--workers={workers}",
            f"--tick-ms={tick_ms}",
            *(() if clock else ("--benchmark-without-clock",)),
            *(() if private_network else ("--shared-network",)),
        ]
        self._passphrase = secrets.token_urlsafe(24)
        self._tokens: dict[str, str] = {}
        self._stewards: dict[str, str] = {}

    # -- running -------------------------------------------------------------------------------------------------------

    def start(self, timeout: float = 60.0) -> None:
        """Start `sandbox serve` (making the home at the first start) and wait until it answers.

        Raises:
            EnclaveNotReady: it ended or did not answer in time.
        """
        self._let_go()
        if not HomePaths(self.home).root_key.exists():
            self._found()
        self.process = subprocess.Popen(  # noqa: S603
            [
                sys.executable,
                "-m",
                "sandbox.faces.cli.main",
                "serve",
                str(self.home),
                "--port=0",
                "--passphrase-file=-",
                "--with-parent",
                *self._options,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        if self.process.stdin is None or self.process.stdout is None or self.process.stderr is None:
            raise EnclaveNotReady("The enclave's process has no pipes.")
        # The pipe stays open: the enclave stops by itself when this process ends, however that may be.
        self.process.stdin.write(f"{self._passphrase}\n")
        self.process.stdin.flush()
        address = threading.Event()
        threading.Thread(target=self._read_address, args=(self.process.stdout, address), daemon=True).start()
        threading.Thread(target=self._read_errors, args=(self.process.stderr,), daemon=True).start()
        until = time.monotonic() + timeout
        while time.monotonic() < until and self.process.poll() is None:
            if address.is_set() and Connection(self.url).health() == "ready":
                return
            time.sleep(0.05)
        raise EnclaveNotReady(f"The enclave was not ready in {timeout:.0f} s: {''.join(self.stderr[-20:])}")

    def stop(self, timeout: float = 40.0) -> int | None:
        """Ask the enclave to stop and wait; returns its exit code (None if it does not run)."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._let_go()
        return self.process.returncode

    # -- people --------------------------------------------------------------------------------------------------------

    @property
    def administrator(self) -> Connection:
        """The administrator made with the home, signed in."""
        return self._connection("administrator")

    def person(self, name: str, *, org: str, role: str, identity: str = "") -> Connection:
        """Somebody of that role, enrolled at the first call and signed in. `identity` says which human it is; the name does
        where it is left out."""
        if name not in self._tokens:
            self._tokens[name] = self.administrator.enrol(name, organisation=org, role=role, identity=identity).token
        return self._connection(name)

    def token(self, name: str) -> str:
        """The bearer token of a person enrolled here, for tests that speak HTTP themselves."""
        return self._tokens[name]

    @property
    def officer(self) -> Connection:
        """A security officer, signed in."""
        return self.officers(1)[0]

    def officers(self, count: int) -> list[Connection]:
        """So many different security officers, signed in; the first is `officer`."""
        return self._people("officer", "authority", count)

    @property
    def reviewer(self) -> Connection:
        """A reviewer of an organisation that no analyst belongs to, signed in."""
        return self.reviewers(1)[0]

    def reviewers(self, count: int) -> list[Connection]:
        """So many different reviewers, signed in; the first is `reviewer`."""
        return self._people("reviewer", "review-office", count)

    @property
    def steward(self) -> Connection:
        """The steward whose dataset was loaded last (of the health bureau where none was), signed in."""
        return self.steward_of(next(reversed(self._stewards.values()), "health-bureau"))

    def steward_of(self, org: str) -> Connection:
        """The steward of an organisation, signed in."""
        return self.person(f"steward-of-{org}", org=org, role="steward")

    def analyst(
        self,
        name: str,
        *,
        org: str,
        datasets: Sequence[str],
        purpose: str,
        epsilon: str,
        days: float = 30,
        tables: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        aggregates: Sequence[str] | None = None,
        uses: int | None = None,
        review: str | None = None,
        identity: str = "",
    ) -> Connection:
        """An analyst ready to ask: signed in, keys registered, a grant requested and approved. `epsilon` is its budget.

        `tables` ("dataset.table"), `columns` ("dataset.table.column") and `aggregates` narrow the grant, which covers all of
        the datasets otherwise; `uses` limits how many queries it takes; `review` ("profile", "held", "two") is what it
        demands of the review. Each call gives one more grant.

        Raises:
            NotFound: no dataset of that name was loaded here.
        """
        connection = self.person(name, org=org, role="analyst", identity=identity)
        steward = self._stewards.get(datasets[0]) if datasets else None
        if steward is None:
            raise NotFound(f"No dataset {list(datasets)!r} was loaded into this enclave.")
        connection.ensure_keys()
        request = connection.request_grant(
            datasets,
            purpose,
            epsilon,
            datetime.now(UTC) + timedelta(days=days),
            f"Access for {purpose}, in a test.",
            tables=tables,
            columns=columns,
            aggregates=aggregates,
            uses=uses,
        )
        self.steward_of(steward).approve_grant(str(request["id"]), review=review)
        return connection

    # -- data ----------------------------------------------------------------------------------------------------------

    def load(
        self,
        description: str | Path,
        files: Mapping[str, str | Path],
        progress: Callable[[str, int, int], None] | None = None,
        *,
        grade: str | None = None,
    ) -> dict[str, Any]:
        """Register a dataset by its description (a path, or the TOML text itself) and load its tables.

        `grade` ("general", "important", "core") goes in the place of the description's own. The files are copied to the
        enclave's inbox for the time of the load. Returns the loaded version.

        Raises:
            DescriptionInvalid, FileNotUsable and the other refusals of the steward's calls.
        """
        text = (
            description
            if isinstance(description, str) and "\n" in description
            else Path(description).read_text("utf-8")
        )
        if grade is not None:
            text = _graded(text, grade)
        file = "description.toml" if "\n" in str(description) else Path(description).name
        organisation = str(tomllib.loads(text).get("dataset", {}).get("steward", "health-bureau"))
        steward = self.steward_of(organisation)
        name = steward.register(text, file=file)["name"]
        self._stewards[name] = organisation
        return self.reload(name, files, progress)

    def reload(
        self,
        dataset: str,
        files: Mapping[str, str | Path],
        progress: Callable[[str, int, int], None] | None = None,
        mode: str = "whole",
    ) -> dict[str, Any]:
        """Load a new version of a registered dataset; `mode` "append" and "replace-units" add to the current one."""
        paths = {table: Path(path) for table, path in files.items()}
        with in_inbox(HomePaths(self.home).inbox, paths) as copies:
            return self.steward_of(self._stewards[dataset]).load(dataset, copies, progress=progress, mode=mode)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _let_go(self) -> None:
        """Close our end of an earlier run's pipe."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()

    def _found(self) -> None:
        from sandbox.wiring import found_enclave

        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = create_home(self.home, self.name, self._passphrase.encode())
        self._tokens["administrator"] = found_enclave(self.home, derive(root, "control"))

    def _people(self, role: str, org: str, count: int) -> list[Connection]:
        names = [role, *(f"{role}-{number}" for number in range(2, count + 1))][:count]
        return [self.person(name, org=org, role=role) for name in names]

    def _connection(self, name: str) -> Connection:
        return Connection(self.url, token=self._tokens[name], keys=self.keys)

    def _read_address(self, source: Any, ready: threading.Event) -> None:
        with source:
            for line in source:
                found = _ADDRESS.search(line)
                if found:
                    self.url = found.group(0)
                    ready.set()

    def _read_errors(self, source: Any) -> None:
        with source:
            for line in source:
                self.stderr.append(line)


def _graded(text: str, grade: str) -> str:
    """A description with another grade."""
    line = f'grade = "{grade}"'
    if _GRADE.search(text):
        return _GRADE.sub(line, text, count=1)
    return _DATASET.sub(lambda found: f"{found[0]}\n{line}", text, count=1)
