"""Where each key and array item of a TOML text stands: tomllib gives values without their lines."""

import re
import tomllib
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r"""
    \"{3}(?:\\.|[^\\])*?\"{3,5}   # a multi-line string may end in up to two quotes of its own
    | '{3}.*?'{3,5}
    | "(?:\\.|[^"\\\n])*"
    | '[^'\n]*'
    """,
    re.DOTALL | re.VERBOSE,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def key_lines(text: str) -> dict[Path, int]:
    """Path of every table, key and array item → its 1-based line. `text` is valid TOML (tomllib has read it).

    The items of an array of tables share the path of the array.
    """
    return _Walk(text).document()


class _Walk:
    """One pass over valid TOML: positions only, no values."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.counted = 0
        self.line = 1
        self.lines: dict[Path, int] = {}

    def document(self) -> dict[Path, int]:
        table: Path = ()
        while True:
            self._blank()
            if self.at >= len(self.text):
                return self.lines
            if self.text[self.at] == "[":
                double = self.text.startswith("[[", self.at)
                self.at += 2 if double else 1
                self._spaces()
                table = self._key(())
                self._spaces()
                self.at += 2 if double else 1
            else:
                self._pair(table)

    def _note(self, path: Path) -> None:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        self.lines.setdefault(path, self.line)

    def _blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _spaces(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1

    def _key(self, path: Path) -> Path:
        """A dotted key; every part of it is noted."""
        while True:
            self._spaces()
            bare = _BARE.match(self.text, self.at)
            match = bare or _STRING.match(self.text, self.at)
            if match is None:
                raise ValueError("not the TOML text that was read")
            part = match.group() if bare else str(tomllib.loads(f"k={match.group()}")["k"])
            path = (*path, part)
            self._note(path)
            self.at = match.end()
            self._spaces()
            if not self.text.startswith(".", self.at):
                return path
            self.at += 1

    def _pair(self, table: Path) -> None:
        path = self._key(table)
        self.at += 1  # the equals sign
        self._spaces()
        self._value(path)

    def _value(self, path: Path) -> None:
        opening = self.text[self.at]
        if opening == "[":
            self._items(path, "]")
        elif opening == "{":
            self._items(path, "}")
        else:
            match = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            self.at = match.end() if match else self.at

    def _items(self, path: Path, closing: str) -> None:
        self.at += 1
        number = 0
        while True:
            self._blank()
            if self.text[self.at] == closing:
                self.at += 1
                return
            if self.text[self.at] == ",":
                self.at += 1
                continue
            if closing == "}":
                self._pair(path)
            else:
                self._note((*path, number))
                self._value((*path, number))
                number += 1
