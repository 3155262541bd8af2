"""One process a home: who serves it, or changes its keys, holds its lock."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.adapters.home import HomePaths
from sandbox.terms.refusal import HomeNotUsable


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home's lock; the kernel drops it however the process ends.

    Raises:
        HomeNotUsable: another process holds it.
    """
    with os.fdopen(os.open(HomePaths(home).lock, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeNotUsable("Another process serves this home.") from None
        yield
