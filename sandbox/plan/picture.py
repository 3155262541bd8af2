"""A plan as a picture: one box a step, arrows along the data, and in each box the effect of one unit there.

Plain SVG without scripts, links or outside references, so that it shows under the strictest content policy.
"""

from dataclasses import dataclass
from itertools import pairwise
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

from sandbox.plan.explain import Step, steps
from sandbox.plan.query import Plan

_WIDTH, _MARGIN, _GAP, _LINE, _PAD = 340, 20, 40, 18, 10
_SLANTED = ' font-style="italic" fill="#444"'
_TITLES = {"en": "How the answer is made", "zh": "答案的计算过程"}


def picture(plan: Plan, language: str = "en") -> str:
    """The plan as an SVG document; any other language than "zh" is English."""
    language = language if language in _TITLES else "en"
    found = steps(plan, language)
    boxes = _boxes(found)
    width = max(box.left for box in boxes) + _WIDTH + _MARGIN
    height = max(box.bottom for box in boxes) + _MARGIN
    lanes = _Lanes(boxes)
    ways = [lanes.way(source, number) for number, step in enumerate(found) for source in step.after]
    arrows = "".join(f'<path d="{way}" fill="none" stroke="#555" marker-end="url(#to)"/>' for way in ways)
    drawn = "".join(_drawn(box, step) for box, step in zip(boxes, found, strict=True))
    title = _TITLES[language]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{title}" font-family="sans-serif" font-size="12"><title>{title}</title>'
        '<defs><marker id="to" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#555"/></marker></defs>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{arrows}{drawn}</svg>'
    )


@dataclass(frozen=True, slots=True)
class _Box:
    """Where a step is drawn: as late as what follows it allows. Rows do not overlap."""

    column: int
    row: int
    top: int
    lines: tuple[str, ...]

    @property
    def left(self) -> int:
        return _MARGIN + self.column * (_WIDTH + _GAP)

    @property
    def middle(self) -> int:
        return self.left + _WIDTH // 2

    @property
    def bottom(self) -> int:
        return self.top + len(self.lines) * _LINE + 2 * _PAD


def _boxes(found: tuple[Step, ...]) -> list[_Box]:
    """The boxes: each goes on in the column of a step that it follows and that nothing else goes on from, if there is one."""
    rows: list[int] = []
    columns: list[int] = []
    ends: set[int] = set()
    for number, step in enumerate(found):
        rows.append(1 + max((rows[source] for source in step.after), default=-1))
        source = next((source for source in step.after if source in ends), None)
        columns.append(len(set(columns)) if source is None else columns[source])
        ends.discard(-1 if source is None else source)
        ends.add(number)
    for number in reversed(range(len(found))):
        followers = [rows[other] for other, step in enumerate(found) if number in step.after]
        rows[number] = min(followers, default=rows[number] + 1) - 1
    lines = [tuple(_wrapped(step.words)) + tuple(_wrapped(step.effect)) for step in found]
    tops = [_MARGIN]
    for row in range(max(rows)):
        tallest = max(len(lines[number]) for number, own in enumerate(rows) if own == row)
        tops.append(tops[-1] + tallest * _LINE + 2 * _PAD + _GAP)
    return [_Box(columns[number], row, tops[row], lines[number]) for number, row in enumerate(rows)]


class _Lanes:
    """Where arrows go: between the rows and between the columns, never through a box."""

    def __init__(self, boxes: list[_Box]) -> None:
        self._boxes = boxes
        self._below = {row: max(box.bottom for box in boxes if box.row == row) for row in {box.row for box in boxes}}

    def way(self, source: int, target: int) -> str:
        """The path from the bottom of one box to the top of another."""
        start, end = self._boxes[source], self._boxes[target]
        free = not any(box.column == end.column and start.row < box.row < end.row for box in self._boxes)
        if start.column == end.column and free:
            return f"M{start.middle},{start.bottom} V{end.top - 1}"
        first, last = self._below[start.row] + _GAP // 2, end.top - _GAP // 2
        if first == last:
            return f"M{start.middle},{start.bottom} V{first} H{end.middle} V{end.top - 1}"
        lane = end.left - _GAP // 2 if end.column else end.left - _MARGIN // 2
        return f"M{start.middle},{start.bottom} V{first} H{lane} V{last} H{end.middle} V{end.top - 1}"


def _drawn(box: _Box, step: Step) -> str:
    fill = "#e8f3e8" if step.noisy else "#eef2fb"
    slanted = len(box.lines) - len(_wrapped(step.effect))
    texts = "".join(
        f'<text x="{box.left + _PAD}" y="{box.top + _PAD + 13 + place * _LINE}"'
        f"{_SLANTED if place >= slanted else ''}>{escape(line)}</text>"
        for place, line in enumerate(box.lines)
    )
    return (
        f'<rect x="{box.left}" y="{box.top}" width="{_WIDTH}" height="{box.bottom - box.top}" rx="6" fill="{fill}" '
        f'stroke="#555"/>{texts}'
    )


def _wrapped(text: str) -> list[str]:
    """Lines that fit into a box: broken at spaces and between wide characters, and within a word only where it is longer
    than a line."""
    lines = [""]
    for piece in _pieces(text):
        if text_width(lines[-1] + piece.rstrip()) <= _WIDTH - 2 * _PAD:
            lines[-1] += piece
            continue
        lines[-1] = lines[-1].rstrip()
        lines.append("")
        for letter in piece:
            if text_width(lines[-1] + letter) > _WIDTH - 2 * _PAD:
                lines.append("")
            lines[-1] += letter
    return [line.rstrip() for line in lines if line.strip()]


def _pieces(text: str) -> list[str]:
    """The parts between which a line may be broken."""
    cuts = [place for place in range(1, len(text)) if text[place - 1] == " " or _wide(text[place - 1])]
    return [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]


def _wide(letter: str) -> bool:
    return east_asian_width(letter) in "WF"


def text_width(text: str) -> float:
    """About how wide a line is, in units of the picture: on the safe side for usual fonts."""
    return sum(12.5 if _wide(letter) else 9.5 if letter.isupper() or letter in "mwMW@%" else 7 for letter in text)
