"""Where a sign-in is kept: one file readable by its owner alone, with the token and the enclave's pinned keys."""

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sandbox.terms.refusal import SignInRequired


@dataclass(frozen=True, slots=True)
class Pins:
    """The keys of an enclave, as first seen: later answers are checked against these."""

    origin: str
    log_key: str
    release_key: str


@dataclass(frozen=True, slots=True)
class Login:
    """An address, the token for it (it shows in no representation), and the keys pinned at sign-in."""

    url: str
    token: str = field(repr=False)
    pins: Pins | None = None


def config_folder() -> Path:
    """The platform's folder for this user's settings."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "sandbox"
    if os.name == "nt":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / "sandbox"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "sandbox"


def login_file() -> Path:
    """The file of the one current sign-in."""
    return config_folder() / "login.json"


def save(login: Login) -> Path:
    """Replace the sign-in; the file is never readable by others, not even for a moment."""
    path = login_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(login), file)
    draft.replace(path)
    return path


def saved() -> Login | None:
    """The saved sign-in, or None.

    Raises:
        SignInRequired: the file is there but not readable as one.
    """
    path = login_file()
    try:
        document = json.loads(path.read_text("utf-8"))
        pins = document["pins"]
        return Login(str(document["url"]), str(document["token"]), Pins(**pins) if pins is not None else None)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise SignInRequired(f"The sign-in file {path} cannot be read; sign in again.") from None


def current(url: str | None = None, token: str | None = None) -> Login:
    """The sign-in to use: what is given, else SANDBOX_URL and SANDBOX_TOKEN, else the file.

    The file's token is only for the file's address: another address never receives it.

    Raises:
        SignInRequired: no address, or no token for it.
    """
    url = url or os.environ.get("SANDBOX_URL")
    token = token or os.environ.get("SANDBOX_TOKEN")
    file = saved() if url is None or token is None else None
    if url is None:
        if file is None:
            raise SignInRequired("No enclave is named: run `sandbox login URL`, or set SANDBOX_URL and SANDBOX_TOKEN.")
        return Login(file.url, token or file.token, file.pins)
    if token is None:
        if file is None or file.url.rstrip("/") != url.rstrip("/"):
            raise SignInRequired("There is no token for this address: run `sandbox login URL`, or set SANDBOX_TOKEN.")
        return Login(url, file.token, file.pins)
    return Login(url, token)
