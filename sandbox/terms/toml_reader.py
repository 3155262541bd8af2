"""Reading a TOML text part by part, so that every complaint names file, line and what is allowed."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, NoReturn

from sandbox.terms.loss import parse_decimal
from sandbox.terms.plain_text import first_unsafe
from sandbox.terms.refusal import DescriptionInvalid, MalformedNumber
from sandbox.terms.toml_lines import Path, key_lines

SIZE_MAX = 2**20
"""Bytes of UTF-8 in one text."""

_CALLED_MAX = 200
"""Characters of a name that a refusal repeats."""

_PLACE = re.compile(r"\(at line (\d+), column \d+\)$")
_LONG_KEY = re.compile(r"""(?<![A-Za-z0-9_-])(?:(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){17}""")
_WORDS = {dict: "a table", list: "an array", str: "a string", bool: "true or false", int: "an integer"}


class Source:
    """One TOML text: its values, and the line of each. What is `registered` was accepted under the rules of its time."""

    def __init__(self, text: str, file: str, *, registered: bool = False) -> None:
        self.file = file
        self.registered = registered
        self.lines: dict[Path, int] = {}
        self.root = self._load(text)

    def refuse(self, path: Path, reason: str, allowed: str, *, line: int | None = None) -> NoReturn:
        """Raise DescriptionInvalid at the line of `path`, or of its nearest parent that has one."""
        while line is None:
            line = self.lines.get(path) if path else 1
            path = path[:-1]
        raise DescriptionInvalid(
            f"{self.file}:{line}: {reason} Allowed: {allowed}.", file=self.file, line=line, allowed=allowed
        )

    def _load(self, text: str) -> dict[str, Any]:
        if len(text) > SIZE_MAX or len(text.encode("utf-8", "replace")) > SIZE_MAX:
            self.refuse((), "The text is too long.", "at most 1 MiB")
        unsafe = first_unsafe(text)
        if unsafe is not None:
            line = text.count("\n", 0, unsafe) + 1
            self.refuse((), "A control or direction character hides here.", "plain text", line=line)
        long_key = _LONG_KEY.search(text)  # tomllib takes quadratic time over such a key
        if long_key:
            line = text.count("\n", 0, long_key.start()) + 1
            self.refuse((), "A dotted name has too many parts.", "at most 16 parts", line=line)
        try:
            root = tomllib.loads(text, parse_float=Decimal)
            self.lines = key_lines(text)
        except tomllib.TOMLDecodeError as error:
            place = _PLACE.search(str(error))
            line = int(place.group(1)) if place else text.rstrip().count("\n") + 1
            self.refuse((), "This is not TOML, or a name is given twice.", "TOML 1.0, each name once", line=line)
        except RecursionError:
            self.refuse((), "Arrays or tables are nested too deep.", "at most four levels")
        except (ValueError, ArithmeticError):
            self.refuse((), "A number has too many digits.", "integers within ±2^62 and decimals of up to 60 digits")
        return root


class Section:
    """One TOML table of a source, read key by key; `finish` refuses what nobody read."""

    def __init__(self, source: Source, path: Path, value: Mapping[str, Any], known: Iterable[str]) -> None:
        self.source = source
        self.path = path
        self.value = value
        self.known = tuple(known)
        for name in value:
            if name not in self.known:
                near = difflib.get_close_matches(name, self.known, 1)
                hint = f" Did you mean {near[0]}?" if near else ""
                self.refuse(f"There is no key of this name here.{hint}", ", ".join(self.known), name)

    def refuse(self, reason: str, allowed: str, name: str | None = None, *rest: int) -> NoReturn:
        """Raise DescriptionInvalid at the line of the key `name` of this section, or of the section."""
        path = self.path if name is None else (*self.path, name, *rest)
        called = ".".join(str(part) for part in path if isinstance(part, str))
        called = called if len(called) <= _CALLED_MAX else f"{called[:_CALLED_MAX]}…"
        self.source.refuse(path, f"{called}: {reason}" if called else reason, allowed)

    def has(self, name: str) -> bool:
        """Whether the key is given."""
        return name in self.value

    def take(self, name: str, kind: type, allowed: str) -> Any:
        """The value of a required key, which must be of type `kind` (a bool is not an int here)."""
        if name not in self.value:
            self.refuse(f"{name} is missing.", allowed)
        value = self.value[name]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.refuse(f"This must be {_WORDS[kind]}.", allowed, name)
        return value

    def section(self, name: str, known: Iterable[str], allowed: str = "a table") -> "Section":
        """A required table."""
        return Section(self.source, (*self.path, name), self.take(name, dict, allowed), known)

    def named_sections(self, pattern: re.Pattern[str], allowed: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
        """Every table of a section whose keys are names matching `pattern`."""
        for name in self.value:
            if not pattern.fullmatch(name):
                self.refuse("This name is not of the allowed form.", allowed, name)
            yield name, self.take(name, dict, "a table")

    def text(self, name: str, length: int = 200) -> str:
        """A required, non-empty line of plain text."""
        allowed = f"plain text of 1 to {length} characters in one line"
        value: str = self.take(name, str, allowed)
        if not value.strip() or len(value) > length or first_unsafe(value, breaks=False) is not None:
            self.refuse("This text cannot be used.", allowed, name)
        return value

    def name(self, name: str, pattern: re.Pattern[str], allowed: str) -> str:
        """A required name matching `pattern`."""
        value: str = self.take(name, str, allowed)
        if not pattern.fullmatch(value):
            self.refuse("This name is not of the allowed form.", allowed, name)
        return value

    def choice(self, name: str, choices: Iterable[str]) -> str:
        """A required word out of a few."""
        allowed = ", ".join(choices)
        value: str = self.take(name, str, allowed)
        if value not in allowed.split(", "):
            near = difflib.get_close_matches(value, allowed.split(", "), 1)
            self.refuse("There is no such choice." + (f" Did you mean {near[0]}?" if near else ""), allowed, name)
        return value

    def flag(self, name: str) -> bool:
        """A truth value; false where it is not given."""
        return self.has(name) and bool(self.take(name, bool, "true or false"))

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """An integer within [low, high]; required where there is no default."""
        allowed = f"an integer from {low} to {high}"
        if default is not None and not self.has(name):
            return default
        value: int = self.take(name, int, allowed)
        if not low <= value <= high:
            self.refuse("This number is out of range.", allowed, name)
        return value

    def decimal(self, name: str, allowed: str) -> Fraction:
        """A required decimal in a string."""
        value = self.take(name, str, allowed)
        try:
            return parse_decimal(value, name)
        except MalformedNumber:
            self.refuse("This is not a decimal in a string.", allowed, name)
