"""The machine's clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The `Clock` port: wall time for what is written, monotonic time for what is waited for."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep_until(self, moment: float) -> None:
        """Never returns before the moment: an early wake-up goes back to sleep."""
        while (left := moment - time.monotonic()) > 0:
            time.sleep(left)
