"""Files for a load, copied to the inbox of an enclave on this machine for as long as the load takes."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_UNFIT = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST = 100


@contextmanager
def in_inbox(inbox: Path, files: Mapping[str, Path]) -> Iterator[dict[str, str]]:
    """Copy `files` (table to path) to `inbox`; gives table to bare name, and removes the copies at the end."""
    copies: dict[str, str] = {}
    try:
        for table, path in files.items():
            name = f"{secrets.token_hex(8)}-{_UNFIT.sub('_', path.name)[-_LONGEST:]}"
            with path.open("rb") as source:
                copies[table] = name
                target = os.open(inbox / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(target, "wb") as copy:
                    shutil.copyfileobj(source, copy)
        yield copies
    finally:
        for name in copies.values():
            (inbox / name).unlink(missing_ok=True)
