"""Real servers to load from: PostgreSQL as Debian installs it, and S3-compatible storage as moto serves it."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "canary-secret-5150"
BUCKET = "city"


@dataclass(frozen=True)
class Postgres:
    """A server on a Unix socket in `folder`, with one database and a reader who needs a password."""

    folder: Path
    port: int
    programs: Path

    def run(self, text: str) -> None:
        command = [shutil.which("psql") or "psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder)]
        subprocess.run(
            [*command, "-p", str(self.port), "-U", "owner", "postgres", "-c", text], check=True, capture_output=True
        )


@contextmanager
def postgres() -> Iterator[Postgres]:
    """PostgreSQL cannot run as root: then it runs as the user that Debian's package made."""
    found = shutil.which("initdb")
    programs = Path(found).parent if found else next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))), None)
    assert programs is not None, "these tests need a PostgreSQL server: apt-get install postgresql"
    folder = Path(tempfile.mkdtemp(prefix="sbx-pg-"))
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    user = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    quiet = {"capture_output": True, "cwd": folder, **user}
    port, cluster = 5432, folder / "cluster"
    subprocess.run([programs / "initdb", "-D", cluster, "-U", "owner", "-A", "trust", "-N"], **quiet, check=True)
    rules = "local all owner trust\nlocal all all scram-sha-256\n"
    (cluster / "pg_hba.conf").write_text(rules)
    settings = (
        f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c unix_socket_permissions=0777"
    )
    control = [programs / "pg_ctl", "-D", cluster, "-w", "-s", "-l", folder / "log"]
    try:
        subprocess.run([*control, "-o", settings, "start"], **quiet, check=True)
        try:
            server = Postgres(folder, port, programs)
            server.run(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
            yield server
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **quiet, check=True)
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def storage() -> Iterator[str]:
    """The address of S3-compatible storage with one bucket."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
