"""Text that shows what it is: no control characters, no invisible direction marks, no halves of characters."""

import re
from unicodedata import category

_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls, except tab, line feed and carriage return
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional marks, embeddings, overrides and isolates
    "\u2028\u2029\ufeff\ud800-\udfff\ufff9-\ufffb]"  # line separators, byte order mark, surrogates, annotations
)
_NOT_SHOWN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
"""Controls, format characters (zero-width and direction marks), characters that are none, and line separators."""

_BREAKS = re.compile("[\t\n\r]")


def visible(text: str) -> str:
    r"""The text with every character that hides, breaks the line or reorders text written as \\u{202e}, by its number."""
    return "".join(f"\\u{{{ord(letter):x}}}" if category(letter) in _NOT_SHOWN else letter for letter in text)


def first_unsafe(text: str, breaks: bool = True) -> int | None:
    """Offset of the first character that could hide or reorder text, or None. `breaks` allows tabs and line ends."""
    found = _UNSAFE.search(text)
    if breaks:
        return found.start() if found else None
    places = [match.start() for match in (found, _BREAKS.search(text)) if match]
    return min(places, default=None)
