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
from sandbox.proof.sealing import derive
from sandbox.terms.refusal import EnclaveNotReady, NotFound

__all__ = ["Enclave", "start_enclave"]

_ADDRESS = re.compile(r"http://\S+")


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

    def person(self, name: str, *, org: str, role: str) -> Connection:
        """Somebody of that role, enrolled at the first call and signed in."""
        if name not in self._tokens:
            self._tokens[name] = self.administrator.enrol(name, organisation=org, role=role).token
        return self._connection(name)

    def token(self, name: str) -> str:
        """The bearer token of a person enrolled here, for tests that speak HTTP themselves."""
        return self._tokens[name]

    @property
    def officer(self) -> Connection:
        """A security officer, signed in."""
        return self.person("officer", org="authority", role="officer")

    def steward(self, org: str) -> Connection:
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
    ) -> Connection:
        """An analyst with an active grant for the datasets, signed in. `epsilon` is the grant's budget.

        Raises:
            NotFound: no dataset of that name was loaded here.
        """
        connection = self.person(name, org=org, role="analyst")
        steward = self._stewards.get(datasets[0]) if datasets else None
        if steward is None:
            raise NotFound(f"No dataset {list(datasets)!r} was loaded into this enclave.")
        self.steward(steward).give_grant(
            analyst=name,
            datasets=list(datasets),
            purpose=purpose,
            epsilon=epsilon,
            not_after=datetime.now(UTC) + timedelta(days=days),
        )
        return connection

    # -- data ----------------------------------------------------------------------------------------------------------

    def load(
        self,
        description: str | Path,
        files: Mapping[str, str | Path],
        progress: Callable[[str, int, int], None] | None = None,
    ) -> dict[str, Any]:
        """Register a dataset by its description (a path, or the TOML text itself) and load its tables.

        The files are copied to the enclave's inbox for the time of the load. Returns the loaded version.

        Raises:
            DescriptionInvalid, FileNotUsable and the other refusals of the steward's calls.
        """
        text = (
            description
            if isinstance(description, str) and "\n" in description
            else Path(description).read_text("utf-8")
        )
        file = "description.toml" if "\n" in str(description) else Path(description).name
        organisation = str(tomllib.loads(text).get("dataset", {}).get("steward", "health-bureau"))
        steward = self.steward(organisation)
        name = steward.register(text, file=file)["name"]
        self._stewards[name] = organisation
        return self.reload(name, files, progress)

    def reload(
        self,
        dataset: str,
        files: Mapping[str, str | Path],
        progress: Callable[[str, int, int], None] | None = None,
    ) -> dict[str, Any]:
        """Load a new version of a registered dataset."""
        paths = {table: Path(path) for table, path in files.items()}
        with in_inbox(HomePaths(self.home).inbox, paths) as copies:
            return self.steward(self._stewards[dataset]).load(dataset, copies, progress=progress)

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

    def _connection(self, name: str) -> Connection:
        return Connection(self.url, token=self._tokens[name])

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
