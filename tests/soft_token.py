"""A hardware token in software (SoftHSM 2), in a folder of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pkcs11

from sandbox.adapters.root_token import TokenAccess

LIBRARIES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/softhsm/libsofthsm.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
)


@dataclass(frozen=True, slots=True)
class SoftToken:
    """One initialised token; `environment` is what processes that use it need."""

    access: TokenAccess
    label: str
    environment: dict[str, str]


@contextmanager
def soft_token(folder: Path) -> Iterator[SoftToken]:
    """A fresh token. Raises RuntimeError where SoftHSM is not installed."""
    library = next((path for path in LIBRARIES if path.exists()), None)
    tool = shutil.which("softhsm2-util")
    if library is None or tool is None:
        raise RuntimeError("these tests need SoftHSM 2: apt-get install softhsm2")
    tokens, config = folder / "tokens", folder / "softhsm2.conf"
    tokens.mkdir()
    config.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(config)
    try:
        subprocess.run(
            [tool, "--init-token", "--free", "--label", "sandbox", "--so-pin", "12345678", "--pin", "1234"],
            check=True,
            capture_output=True,
        )
        yield SoftToken(TokenAccess(library, "1234"), "sandbox", {"SOFTHSM2_CONF": str(config)})
    finally:
        # The library reads its settings once: without this a later token would not be seen.
        pkcs11.unload(str(library))
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before
