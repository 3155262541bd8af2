"""Sources outside the enclave that its operator allows loads from: what HOME/sources.toml says of them.

    [sources.warehouse]
    kind = "postgresql"
    datasets = ["transport"]
    host = "db.example.org"
    database = "trips"
    user = "sandbox_reader"
    password_file = "/run/secrets/warehouse"

A steward names a source and what lies in it (`warehouse:public.trips`), never an address. Secrets are not here: the file
names an environment variable or a file that holds each.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?")
_OBJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=-]*(/[A-Za-z0-9_][A-Za-z0-9._=-]*)*/?")
_LONGEST = 256

_SETTINGS: Mapping[str, tuple[frozenset[str], frozenset[str], tuple[str, ...]]] = {
    "postgresql": (
        frozenset({"host", "database", "user"}),
        frozenset({"port", "sslmode", "sslrootcert"}),
        ("password",),
    ),
    "s3": (frozenset({"bucket"}), frozenset({"prefix", "region", "endpoint"}), ("access_key", "secret_key")),
}
"""Kind → settings that must be there, that may be there, and secrets."""


@dataclass(frozen=True, slots=True)
class ConfiguredSource:
    """`datasets` may be loaded from it. `secrets` says of each secret where it is: ("env" or "file", which)."""

    name: str
    kind: str
    datasets: tuple[str, ...]
    settings: Mapping[str, str]
    secrets: Mapping[str, tuple[str, str]]


def parse_sources(text: str) -> dict[str, ConfiguredSource]:
    """The sources of a configuration file, by name.

    Raises:
        ValueError: not such a file; the text says which source is wrong and never what is in it.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise ValueError("sources.toml is not TOML") from None
    sources = document.get("sources", {})
    if set(document) - {"sources"} or not isinstance(sources, dict):
        raise ValueError("sources.toml holds tables [sources.NAME] alone")
    return {name: _source(name, value) for name, value in sources.items()}


def is_object(kind: str, text: str) -> bool:
    """Whether this names something in a source of that kind: a table or view, or a file or folder."""
    pattern = _TABLE if kind == "postgresql" else _OBJECT
    return len(text) <= _LONGEST and pattern.fullmatch(text) is not None


def split_name(text: str) -> tuple[str, str] | None:
    """The source and what lies in it, of `source:object`; None where the text is no such name."""
    source, colon, found = text.partition(":")
    if not colon or not NAME.fullmatch(source) or not any(is_object(kind, found) for kind in _SETTINGS):
        return None
    return source, found


def _source(name: str, value: Any) -> ConfiguredSource:
    place = f"[sources.{name}]" if NAME.fullmatch(name) else "a source of sources.toml"
    if not NAME.fullmatch(name) or not isinstance(value, dict) or value.get("kind") not in _SETTINGS:
        raise ValueError(f"{place} needs a plain name and a kind, postgresql or s3")
    kind = str(value["kind"])
    needed, allowed, secret = _SETTINGS[kind]
    datasets = value.get("datasets")
    if not isinstance(datasets, list) or not datasets or not all(isinstance(item, str) for item in datasets):
        raise ValueError(f"{place} needs datasets, the names of those that may be loaded from it")
    secrets: dict[str, tuple[str, str]] = {}
    settings: dict[str, str] = {}
    for key, item in value.items():
        base, _, where = key.rpartition("_")
        if key in {"kind", "datasets"}:
            continue
        if base in secret and where in {"env", "file"} and isinstance(item, str) and base not in secrets:
            secrets[base] = (where, item)
        elif key in needed | allowed and isinstance(item, str | int) and not isinstance(item, bool):
            settings[key] = str(item)
        else:
            raise ValueError(f"{place} has a setting that a source of this kind does not have")
    if not needed <= set(settings):
        raise ValueError(f"{place} needs {', '.join(sorted(needed))}")
    if set(secrets) not in (set(), set(secret)):
        raise ValueError(f"{place} needs all of {', '.join(f'{item}_env or {item}_file' for item in secret)}, or none")
    return ConfiguredSource(name, kind, tuple(datasets), settings, secrets)
