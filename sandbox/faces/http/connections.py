"""Bounds on connections: callers without a token must not use up the file descriptors that ledger and engine need."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 512
"""Held at a time; one more is cut off. Below the usual limit of 1,024 descriptors, with room for everything else."""

IDLE_SECONDS = 60.0
"""A connection on which no request has begun for this long is closed, however slowly one is trickling in."""


class BoundedConnection(H11Protocol):
    """uvicorn's HTTP/1.1, with both bounds."""

    max_connections = MAX_CONNECTIONS
    idle_seconds = IDLE_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._seen: Any = self.cycle
        if len(self.connections) > self.max_connections:
            transport.abort()
        else:
            self._look_again()

    def _look_again(self) -> None:
        self.loop.call_later(self.idle_seconds, self._look)

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        resting = self.cycle is None or self.cycle.response_complete
        if resting and self.cycle is self._seen:
            self.transport.abort()
            return
        self._seen = self.cycle
        self._look_again()
