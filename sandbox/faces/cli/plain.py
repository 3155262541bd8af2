"""Text from elsewhere, made harmless for a terminal: nothing that moves the cursor, hides, or reorders what is read."""

import json
import re
from typing import Any
from unicodedata import category

_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})
_CANDIDATES = re.compile("[^\x20-\x7e\u4e00-\u9fff]")


def neutral(text: str, *, lines: bool = False) -> str:
    r"""`text` with control, invisible and direction characters spelled out, as in \x1b; `lines` keeps line feeds."""

    def spell(match: re.Match[str]) -> str:
        character = match.group()
        if (lines and character == "\n") or category(character) not in _HIDDEN:
            return character
        code = ord(character)
        named = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(character)
        return named or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}")

    return _CANDIDATES.sub(spell, text)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """JSON in readable Unicode, with every hidden character as a JSON escape."""

    def spell(match: re.Match[str]) -> str:
        character = match.group()
        if character == "\n" or category(character) not in _HIDDEN:
            return character
        return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]

    return _CANDIDATES.sub(spell, json.dumps(value, ensure_ascii=False, indent=indent))
