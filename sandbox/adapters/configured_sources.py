"""HOME/sources.toml and the secrets that it names: read once, at the start, by the process that starts the courier."""

import os
from collections.abc import Mapping
from pathlib import Path

from sandbox.adapters.home import HomePaths
from sandbox.terms.configured_source import parse_sources
from sandbox.terms.refusal import HomeNotUsable

_LIMIT = 1 << 20


def open_sources(home: Path) -> tuple[str, dict[str, dict[str, str]]]:
    """The text of the file, "" where there is none, and the secrets of each source.

    Raises:
        HomeNotUsable: the file is wrong, or a secret is not where it says. The text names the source, never a secret.
    """
    try:
        text = HomePaths(home).sources.read_bytes()[:_LIMIT].decode()
    except FileNotFoundError:
        return "", {}
    except (OSError, UnicodeDecodeError):
        raise HomeNotUsable("sources.toml cannot be read.") from None
    try:
        sources = parse_sources(text)
    except ValueError as wrong:
        raise HomeNotUsable(f"{wrong}.") from None
    return text, {name: _secrets(name, source.secrets) for name, source in sources.items()}


def _secrets(name: str, places: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    found = {}
    for secret, (where, what) in places.items():
        try:
            found[secret] = os.environ[what] if where == "env" else Path(what).read_text("utf-8").rstrip("\r\n")
        except (KeyError, OSError, UnicodeDecodeError):
            raise HomeNotUsable(f"The {secret} of [sources.{name}] is not where sources.toml says.") from None
    return found
