"""A caller who hangs up while a submission waits for a place takes it out of the line."""

import asyncio
from collections.abc import Sequence

from sandbox.faces.http.queries import _give_up
from sandbox.service.line import Ticket


class _Connection:
    """What arrives after the body, in order; then nothing for ever."""

    def __init__(self, messages: Sequence[str]) -> None:
        self._messages = list(messages)

    async def receive(self) -> dict[str, str]:
        if not self._messages:
            await asyncio.Event().wait()
        return {"type": self._messages.pop(0)}


def told(*messages: str) -> bool:
    ticket = Ticket()

    async def watch() -> None:
        watching = asyncio.create_task(_give_up(_Connection(messages), ticket))
        await asyncio.sleep(0.01)
        watching.cancel()

    asyncio.run(watch())
    return ticket.gone


def test_the_end_of_the_connection_gives_the_ticket_up() -> None:
    assert told("http.disconnect")
    assert told("http.request", "http.disconnect")
    assert not told()
    assert not told("http.request")
