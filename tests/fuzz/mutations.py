"""Mutations of texts, bytes and JSON documents: small slips, splices, repetitions, and the values that readers stumble over.

Everything is drawn from one `random.Random`, so a seed gives the same inputs on every machine.
"""

import copy
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

ODD_CHARACTERS = (
    "\0\t\n\r\x1b\x7f\x85\xa0\xad"
    "\u00b2\u0130\u0131\u0660\u06f1\u200b\u200d\u202e\u2028\u2066\ufeff\uff11\ufb01\u4e2d\ud800\udfff"
    "\U0001f600\U000e0041'\"`\\/%;#$@?*-+=<>()[]{}.,:_~^|&!"
)
ODD_NUMBERS = (
    "0", "-0", "-1", "1", "007", "1_000", "+1", "1.", ".5", "1e9", "1e-9", "1e400", "1e999999999", "0x1F", "0b1", "0o7",
    "9007199254740993", "4611686018427387904", "9223372036854775808", "-9223372036854775809", "1" * 30, "9" * 400,
    "0." + "3" * 300, "nan", "inf", "-inf", "Infinity", "1/0", "½", "１２",
)  # fmt: skip
ODD_MOMENTS = (
    "2024-02-30", "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "2024-01-01T25:00:00", "2024-01-01T00:00:00+99:99",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "2024-W01-1", "٢٠٢٤-٠١-٠١", "2024-01-01T24:00:00Z",
)  # fmt: skip


def odd_text(chance: Random, length: int = 12) -> str:
    """A few characters that are seldom together."""
    plain = "abcxyzABC019 "
    return "".join(
        chance.choice(ODD_CHARACTERS if chance.random() < 0.6 else plain) for _ in range(chance.randint(0, length))
    )


def mutated_text(chance: Random, text: str, words: Sequence[str] = (), others: Sequence[str] = ()) -> str:
    """One to four slips: characters, words, slices lost, doubled, moved, repeated, spliced from `others`."""
    for _ in range(chance.choice((1, 1, 2, 2, 3, 4))):
        text = _slip(chance, text, words, others)
    return text


def _slip(chance: Random, text: str, words: Sequence[str], others: Sequence[str]) -> str:
    start = chance.randint(0, len(text))
    end = min(len(text), start + chance.choice((0, 1, 1, 2, 5, 20, 80)))
    kind = chance.randrange(11)
    if kind == 0:
        return text[:start] + text[end:]
    if kind == 1:
        return text[:start] + chance.choice(ODD_CHARACTERS) + text[start:]
    if kind == 2:
        return text[:start] + chance.choice(ODD_CHARACTERS) + text[start + 1 :]
    if kind == 3:
        return text[:start] + chance.choice(ODD_NUMBERS + ODD_MOMENTS) + text[end:]
    if kind == 4:
        times = chance.choice((2, 3, 10, 100, 1000)) if end - start < 8 else 2
        return text[:start] + text[start:end] * times + text[end:]
    if kind == 5:
        place = chance.randint(0, len(text))
        return text[:place] + text[start:end] + text[place:]
    if kind == 6:
        return text[:start]
    if kind == 7 and words:
        return text[:start] + f" {chance.choice(words)} " + text[end:]
    if kind == 8 and others:
        other = chance.choice(others)
        place = chance.randint(0, len(other))
        return text[:start] + other[place : place + chance.choice((5, 20, 80, 400))] + text[end:]
    if kind == 9:
        return text[:start] + text[start:end].swapcase() + text[end:]
    return text[:start] + odd_text(chance) + text[end:]


def mutated_bytes(chance: Random, content: bytes) -> bytes:
    """One to four slips of bytes."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        start = chance.randint(0, len(content))
        end = min(len(content), start + chance.choice((0, 1, 1, 2, 4, 16)))
        kind = chance.randrange(6)
        if kind == 0:
            content = content[:start] + content[end:]
        elif kind == 1:
            content = content[:start] + chance.randbytes(chance.randint(1, 4)) + content[end:]
        elif kind == 2 and content:
            place = min(start, len(content) - 1)
            flipped = content[place] ^ (1 << chance.randrange(8))
            content = content[:place] + bytes([flipped]) + content[place + 1 :]
        elif kind == 3:
            content = content[:start] + content[start:end] * chance.choice((2, 10, 1000)) + content[end:]
        elif kind == 4:
            content = content[:start]
        else:
            content = (
                content[:start] + chance.choice((b"\0", b"\xff" * 4, b"\xff\xfe", b"\xed\xa0\x80")) + content[end:]
            )
    return content


def nested(depth: int, leaf: Any = None) -> Any:
    """Lists in lists."""
    for _ in range(depth):
        leaf = [leaf]
    return leaf


def odd_value(chance: Random, *, lone: bool = True) -> Any:
    """A JSON value that is rarely of the right kind. `lone` allows what only a Python object can hold."""
    made: tuple[Callable[[], Any], ...] = (
        lambda: None,
        lambda: chance.random() < 0.5,
        lambda: chance.choice((0, 1, -1, 2**31, 2**53, 2**53 + 1, 2**63, -(2**63), 2**64, 10**25, 10**400)),
        lambda: chance.choice((0.0, -0.0, 0.5, 1e300, 5e-324)),
        lambda: chance.choice((float("nan"), float("inf"))) if lone else 1.5,
        lambda: chance.choice(ODD_NUMBERS),
        lambda: chance.choice(ODD_MOMENTS),
        lambda: odd_text(chance).encode("utf-8", "ignore").decode() if not lone else odd_text(chance),
        lambda: "x" * chance.choice((1, 64, 300, 5_000, 100_000)),
        list,
        dict,
        lambda: [odd_value(chance, lone=lone) for _ in range(chance.randint(1, 3))],
        lambda: {"a": odd_value(chance, lone=lone)},
        lambda: nested(chance.choice((3, 20, 300, 900))),
        lambda: [0] * chance.choice((10, 1_000, 20_000)),
    )
    return chance.choice(made)()


def mutated_json(chance: Random, document: Any, *, lone: bool = True) -> Any:
    """A copy of `document` with one to three of its parts replaced, dropped, doubled, renamed or swapped."""
    changed = copied(document)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        changed = _changed_json(chance, changed, lone)
    return changed


def copied(document: Any) -> Any:
    """A copy that shares nothing; null for what nests too deep to copy."""
    try:
        return copy.deepcopy(document)
    except RecursionError:
        return None


def _changed_json(chance: Random, document: Any, lone: bool) -> Any:
    places = _places(document)
    if not places:
        return odd_value(chance, lone=lone)
    owner, name = chance.choice(places)
    kind = chance.randrange(8)
    if kind == 0 and isinstance(owner, dict):
        del owner[name]
    elif kind == 1 and isinstance(owner, dict):
        owner[chance.choice(("format", "x", "", "ключ", "__class__", name + " "))] = owner.pop(name)
    elif kind == 2 and isinstance(owner, list):
        owner.insert(name, copied(owner[name]))
    elif kind == 3:
        other_owner, other = chance.choice(places)
        owner[name] = copied(other_owner[other])
    elif kind == 4 and isinstance(owner[name], str):
        text = mutated_text(chance, owner[name])
        owner[name] = text if lone else text.encode("utf-8", "ignore").decode()
    elif kind == 5 and isinstance(owner[name], int) and not isinstance(owner[name], bool):
        owner[name] += chance.choice((-1, 1, 2**31, -(2**40), 2**53))
    elif kind == 6 and isinstance(owner[name], list):
        chance.shuffle(owner[name])
    else:
        owner[name] = odd_value(chance, lone=lone)
    return document


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every part of a document, as the object or list that holds it and its name or number there."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        item = waiting.pop()
        names = list(item) if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else ()
        for name in names:
            found.append((item, name))
            waiting.append(item[name])
        if len(found) > 5_000:
            break
    return found
