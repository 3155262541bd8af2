"""The meaning of the functions of texts, over Unicode code points. A result beyond TEXT_LIMIT characters is NULL."""

from functools import cache, lru_cache
from itertools import islice

from sandbox.plan.facts import TEXT_LIMIT

_CASED = (
    (0x0000, 0x0590), (0x10A0, 0x1C89), (0x1C90, 0x2000), (0x2100, 0x2190), (0x24B6, 0x24EA), (0x2C00, 0x2E00),
    (0xA640, 0xA7CB), (0xA7D0, 0xA7D2), (0xA7D6, 0xA7DA), (0xA7F5, 0xA7F7), (0xAB53, 0xABC0), (0xFF21, 0xFF5B),
    (0x10400, 0x10D00), (0x118A0, 0x118E0), (0x16E40, 0x16E80), (0x1E900, 0x1E944),
)  # fmt: skip
"""The letters that have case here: those of Unicode 14, so that a later Python means the same."""

_UNCASED = frozenset({0x019B, 0x0264, 0x0277, 0x027C})
"""Small letters that got capitals after Unicode 14."""

_OWN_UPPER = {0x00DF: 0x1E9E, 0x1FB3: 0x1FBC, 0x1FC3: 0x1FCC, 0x1FF3: 0x1FFC} | {
    low + number: low + number + 8 for low in (0x1F80, 0x1F90, 0x1FA0) for number in range(8)
}
"""Letters whose full capital form is several characters: the one letter that is their simple capital."""


@cache
def lower_letters() -> dict[int, int]:
    """Code point → code point of the small letter, where that is another: the simple case mapping."""
    return _letters(str.lower) | {0x0130: 0x0069}


@cache
def upper_letters() -> dict[int, int]:
    """Code point → code point of the capital letter, where that is another: the simple case mapping."""
    return _letters(str.upper) | _OWN_UPPER


def _letters(change: object) -> dict[int, int]:
    changed = str.lower if change is str.lower else str.upper
    codes = (code for first, end in _CASED for code in range(first, end) if code not in _UNCASED)
    pairs = ((code, changed(chr(code))) for code in codes)
    return {code: ord(letter) for code, letter in pairs if len(letter) == 1 and ord(letter) != code}


def lower(text: str) -> str:
    return text.translate(lower_letters())


def upper(text: str) -> str:
    return text.translate(upper_letters())


def initcap(text: str) -> str:
    letters: list[str] = []
    inside = False
    for small in lower(text):
        letters.append(small if inside else upper(small))
        inside = ord(small) > 127 or small.isalnum()
    return "".join(letters)


def length(text: str) -> int:
    return len(text)


def trim(text: str, characters: str = " ") -> str:
    return text.strip(characters)


def ltrim(text: str, characters: str = " ") -> str:
    return text.lstrip(characters)


def rtrim(text: str, characters: str = " ") -> str:
    return text.rstrip(characters)


def substring(text: str, start: int, count: int | None = None) -> str:
    """DuckDB's meaning: position 0 is the one before the first, -1 the last; a negative count takes what is before it."""
    place = start - 1 if start >= 0 else len(text) + start
    if count is None:
        return text[max(place, 0) :]
    first, end = sorted((place, place + count))
    return text[max(first, 0) : max(end, 0)]


def left(text: str, count: int) -> str:
    return text[:count]


def right(text: str, count: int) -> str:
    return text[max(len(text) - count, 0) :] if count >= 0 else text[-count:]


def replace(text: str, old: str, new: str) -> str | None:
    if not old:
        return text
    grown = len(text) + text.count(old) * (len(new) - len(old))
    return text.replace(old, new) if grown <= TEXT_LIMIT else None


def concat(*texts: str | None) -> str:
    return "".join(text for text in texts if text is not None)


def joined(text: str, other: str) -> str:
    return text + other


def backwards(text: str) -> str:
    return text[::-1]


def lpad(text: str, size: int, fill: str = " ") -> str | None:
    rest = _filling(text, size, fill)
    return None if rest is None else rest + text[:size]


def rpad(text: str, size: int, fill: str = " ") -> str | None:
    rest = _filling(text, size, fill)
    return None if rest is None else text[:size] + rest


def _filling(text: str, size: int, fill: str) -> str | None:
    """What is missing to `size` characters, NULL where there is nothing to fill with."""
    missing = size - len(text)
    if missing <= 0:
        return ""
    return (fill * (missing // len(fill) + 1))[:missing] if fill else None


def repeated(text: str, times: int) -> str | None:
    return text * times if len(text) * times <= TEXT_LIMIT else None


def starts(text: str, start: str) -> bool:
    return text.startswith(start)


def ends(text: str, end: str) -> bool:
    return text.endswith(end)


def contains(text: str, part: str) -> bool:
    return part in text


def position(text: str, part: str) -> int:
    return text.find(part) + 1


def like(text: str, pattern: str) -> bool:
    """Each run between % is looked for as early as it can be, in one walk over the text: see `_place`."""
    first, *others = pattern.split("%")
    if not others:
        return len(text) == len(first) and _fits(text, 0, first)
    *middle, last = others
    if len(text) < len(first) + len(last) or not _fits(text, 0, first):
        return False
    end = len(text) - len(last)
    if not _fits(text, end, last):
        return False
    place = len(first)
    for run in middle:
        found = _place(text, place, end, run)
        if found < 0:
            return False
        place = found + len(run)
    return True


def _fits(text: str, place: int, run: str) -> bool:
    """Whether the characters from `place` on are those of `run`, in which _ is any."""
    if "_" not in run:
        return text.startswith(run, place)
    return all(wanted in ("_", found) for wanted, found in zip(run, islice(text, place, None), strict=False))


def _place(text: str, start: int, end: int, run: str) -> int:
    """The first place in [start, end) where the run fits, -1 without one. With _ in it, one number holds how much of the
    run fits up to each letter (shift-and): trying every place would take the product of the lengths, and one long text of
    one unit would move an answer."""
    if "_" not in run:
        return text.find(run, start, end)
    fitting, anything = _run_letters(run)
    state, whole = 0, 1 << (len(run) - 1)
    for at in range(start, end):
        state = (state << 1 | 1) & fitting.get(text[at], anything)
        if state & whole:
            return at + 1 - len(run)
    return -1


@lru_cache(maxsize=256)
def _run_letters(run: str) -> tuple[dict[str, int], int]:
    """For each letter of a run, the bits of the places where it fits; and those of _, where all letters do."""
    anything = sum(1 << place for place, letter in enumerate(run) if letter == "_")
    fitting = dict.fromkeys(run, anything)
    for place, letter in enumerate(run):
        fitting[letter] |= 1 << place
    return fitting, anything


def searches(pattern: str) -> int:
    """The letters of the longest run that is looked for with _ in it; 0 without such a run."""
    return max((len(run) for run in pattern.split("%")[1:-1] if "_" in run), default=0)


def ilike(text: str, pattern: str) -> bool:
    return like(lower(text), lower(pattern))


def split_part(text: str, separator: str, number: int) -> str:
    """An empty separator cuts between all characters."""
    parts = text.split(separator) if separator else list(text)
    place = number - 1 if number > 0 else len(parts) + number
    return parts[place] if number != 0 and 0 <= place < len(parts) else ""


def code_point(text: str) -> int:
    return ord(text[0]) if text else 0


def character(code: int) -> str | None:
    """NULL for what is no character: surrogates, and the zero byte."""
    return chr(code) if 0 < code < 0xD800 or 0xE000 <= code <= 0x10FFFF else None


def translate(text: str, old: str, new: str) -> str:
    """A character named twice in `old` counts where it stands first."""
    table: dict[int, int | None] = {}
    for place, letter in enumerate(old):
        table.setdefault(ord(letter), ord(new[place]) if place < len(new) else None)
    return text.translate(table)
