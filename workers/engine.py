"""The engine process: `python -m workers.engine`.

Its first line of standard input is the bootstrap document; the end of standard input ends it, so it never outlives the
process that started it. It serves one Unix socket and prints "ready" once. Standard error carries constant event lines
and nothing else: descriptors 1 and 2 of everything that runs in here point to nowhere.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from workers import confine, guard

_BOOTSTRAP_LIMIT = 65_536
_READ_SIZE = 65_536


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """What the control plane hands over at start; `data_root` is secret."""

    home: Path
    runtime: Path
    data_root: bytes
    order_key: str
    workers: int
    threads: int
    private_network: bool

    def __repr__(self) -> str:
        return "Bootstrap()"

    @classmethod
    def parse(cls, line: bytes) -> "Bootstrap":
        """Read the bootstrap document.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        value = json.loads(line)
        found = cls(
            Path(str(value["home"])),
            Path(str(value["runtime"])),
            bytes.fromhex(value["data_root"]),
            str(value["order_key"]),
            int(value["workers"]),
            int(value["threads"]),
            bool(value["private_network"]),
        )
        if len(found.data_root) != 32 or min(found.workers, found.threads) < 1:
            raise ValueError("a root key has 32 bytes; workers and threads are at least 1")
        return found


@dataclass(frozen=True, slots=True)
class Streams:
    """The only ways out of the process beside the socket: private copies of descriptors 1 and 2."""

    out: int
    err: int

    @classmethod
    def take(cls) -> "Streams":
        """Keep the streams for ourselves; libraries and Ray's processes print to nowhere from now on."""
        streams = cls(os.dup(1), os.dup(2))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        os.close(nowhere)
        return streams

    def say(self, line: str) -> None:
        """One line on standard output."""
        _write(self.out, line)

    def event(self, name: str) -> None:
        """One constant event line on standard error."""
        _write(self.err, f"engine {name}")


def main() -> int:
    """Run until standard input ends or SIGTERM comes. 0 after a clean end, 1 where the engine could not start."""
    os.umask(0o077)
    guard.start()
    streams = Streams.take()
    try:
        bootstrap = Bootstrap.parse(_first_line())
    except (KeyError, ValueError, TypeError):
        streams.event("bootstrap-invalid")
        return 1
    streams.event("starting")
    try:
        # Before any import that starts a thread: a namespace is entered by the calling thread alone.
        private = confine.private_network() if bootstrap.private_network else False
        confine.forbid_dumps()
        _serve(bootstrap, private, streams)
    except Exception:  # noqa: BLE001 - the text could name data or paths; the event is all that leaves
        streams.event("failed")
        return 1
    streams.event("stopped")
    return 0


def _serve(bootstrap: Bootstrap, private: bool, streams: Streams) -> None:
    streams.event("network-private" if private else "network-shared")
    from workers import fleet

    fleet.prepare_environment(bootstrap.runtime)
    try:
        fleet.start_ray(bootstrap.runtime, bootstrap.workers)
        from workers.server import Server

        server = Server.build(
            home=bootstrap.home,
            data_root=bootstrap.data_root,
            order_key=bootstrap.order_key,
            scanners=fleet.Fleet.start(bootstrap.workers),
            network="private" if private else "shared",
            threads=bootstrap.threads,
            event=streams.event,
            courier=bootstrap.runtime / "courier.sock",
        )
        server.run(bootstrap.runtime / "engine.sock", ready=lambda: streams.say("ready"))
        streams.event("stopping")
    finally:
        fleet.stop_ray()


def _first_line() -> bytes:
    """The first line of descriptor 0, unbuffered, so that what follows is seen by who watches for its end."""
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < _BOOTSTRAP_LIMIT:
        byte = os.read(0, 1)
        if not byte:
            break
        line += byte
    return bytes(line)


def _write(descriptor: int, line: str) -> None:
    try:
        os.write(descriptor, f"{line}\n".encode("ascii"))
    except OSError:
        # Nobody reads any more: the end of standard input follows and ends the engine.
        return


if __name__ == "__main__":
    code = main()
    # Threads may still hold a measurement that nobody waits for; nothing is left to clean up.
    sys.stdout.flush()
    os._exit(code)
