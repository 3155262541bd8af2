"""`python -m workers.courier`: brings rows of configured sources to the engine, and ends with its standard input.

Its first line of standard input is the bootstrap document, with the sources and their secrets. It serves one Unix socket, and
answers with rows or one of a few words: no address, name or library's text leaves it.
"""

import json
import os
import socket
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sandbox.terms.configured_source import ConfiguredSource, is_object, parse_sources
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import FileNotUsable
from workers import confine

SOCKET = "courier.sock"
_REQUEST_LIMIT = 1 << 20
_BOOTSTRAP_LIMIT = 1 << 20
_IDLE_S = 86_400.0


def main() -> int:
    """Serve until standard input ends."""
    os.umask(0o077)
    confine.forbid_dumps()
    bootstrap = json.loads(sys.stdin.buffer.readline(_BOOTSTRAP_LIMIT))
    sources = parse_sources(bootstrap["sources"])
    secrets = {name: dict(found) for name, found in bootstrap["secrets"].items()}
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)  # libraries may name hosts and users
    path = Path(bootstrap["runtime"]) / SOCKET
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(4)
    threading.Thread(target=_serve, args=(listener, sources, secrets), daemon=True).start()
    while os.read(0, 4096):
        continue
    return 0


def _serve(listener: socket.socket, sources: dict[str, ConfiguredSource], secrets: dict[str, dict[str, str]]) -> None:
    while True:
        connection, _ = listener.accept()
        connection.settimeout(_IDLE_S)
        threading.Thread(target=_talk, args=(connection, sources, secrets), daemon=True).start()


def _talk(connection: socket.socket, sources: dict[str, ConfiguredSource], secrets: dict[str, dict[str, str]]) -> None:
    """One load: its tables one after the other, of each source as of one moment."""
    opened: dict[str, Any] = {}
    with connection, connection.makefile("rwb") as stream, ExitStack() as held:
        try:
            while line := stream.readline(_REQUEST_LIMIT):
                _bring(json.loads(line), stream, sources, secrets, opened, held)
        except (OSError, ValueError, KeyError, TypeError):
            return  # the engine is gone, or is none


def _bring(
    request: dict[str, Any],
    stream: Any,
    sources: dict[str, ConfiguredSource],
    secrets: dict[str, dict[str, str]],
    opened: dict[str, Any],
    held: ExitStack,
) -> None:
    from workers.courier.frames import REFUSED, write_batch, write_end, write_frame
    from workers.courier.postgres import Unreadable, snapshot
    from workers.courier.s3 import Bucket

    source = sources.get(str(request["source"]))
    name, code = str(request["object"]), ""
    wanted = {str(column): Type(type_) for column, type_ in request["columns"].items()}
    if source is None or str(request["dataset"]) not in source.datasets:
        code = "source"
    elif not is_object(source.kind, name):
        code = "object"
    else:
        try:
            found = secrets.get(source.name, {})
            if source.name not in opened:
                made = snapshot(source.settings, found) if source.kind == "postgresql" else None
                opened[source.name] = Bucket(source.settings, found) if made is None else held.enter_context(made)
            reader, batches = opened[source.name], 0
            more = () if source.kind == "postgresql" else (int(request["rows_max"]),)
            for batch in reader.batches(name, wanted, *more):
                write_batch(stream, batch)
                batches += 1
            write_end(stream, batches)
        except Unreadable as refused:
            code = refused.code
        except FileNotUsable as refused:
            code = f"cell {refused.facts.get('column') or ''} {refused.facts.get('row') or ''}"
        except Exception:  # noqa: BLE001 - a driver's words name hosts, users and values
            code = "failed"
    if code:
        write_frame(stream, REFUSED, memoryview(code.encode()))


if __name__ == "__main__":
    raise SystemExit(main())
