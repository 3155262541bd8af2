"""A relay between clients and an enclave that keeps every byte the enclave sends: status lines, headers and bodies."""

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class RecordingProxy:
    """Listens on a free loopback port and relays to `url`. What comes back is in `received`, connection by connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.received: list[bytearray] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def content(self) -> bytes:
        """All that was received."""
        return b"".join(map(bytes, self.received))

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                enclave = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            kept = bytearray()
            self.received.append(kept)
            threading.Thread(target=_relay, args=(client, enclave, None), daemon=True).start()
            threading.Thread(target=_relay, args=(enclave, client, kept), daemon=True).start()


def _relay(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
    with source:
        with suppress(OSError):
            while piece := source.recv(65_536):
                if kept is not None:
                    kept += piece
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
