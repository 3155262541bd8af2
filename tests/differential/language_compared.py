"""Our answer beside DuckDB's, line by line and cell by cell, with no more room than rounding and leaves have."""

import itertools
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from exact_answers import exact_answer, lines_of
from language_blocks import COUNTS, RANKS, SUMS, Block
from language_expressions import TYPE_NAMES
from language_questions import Question
from language_worlds import LanguageWorld

from sandbox.plan.nodes import type_of
from sandbox.plan.primitives import SumValues, TreeCounts
from sandbox.plan.query import Plan
from sandbox.terms.answer import Answer
from sandbox.terms.dataset import Type


class Disagreement(AssertionError):
    """The two answers differ."""


def plain(cell: object, kind: Type) -> object:
    """A cell of ours as DuckDB's driver gives it."""
    if cell is None or kind not in (Type.DATE, Type.TIMESTAMP):
        return cell
    if not isinstance(cell, str):
        return cell.replace(tzinfo=None) if isinstance(cell, datetime) else cell
    found = datetime.fromisoformat(cell)
    return found.date() if kind is Type.DATE else found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def blocks_of_theirs(question: Question, plan: Plan, world: LanguageWorld) -> list[list[tuple[object, ...]]]:
    """What each block gives by DuckDB, completed with the declared groups. Rows with a NULL key are in no group."""
    head = ", ".join(f"{name} as ({inner})" for name, inner in question.withs)
    found = []
    for block in question.blocks:
        sql = f"with {head} {block.theirs()}" if head else block.theirs()
        rows = world.duck.execute(sql).fetchall()
        keys = len(block.keys)
        groups = {row[:keys]: row[keys:] for row in rows if None not in row[:keys]}
        found.append(_completed(block, groups, _domain(block, plan)))
    return found


def _domain(block: Block, plan: Plan) -> list[tuple[object, ...]] | None:
    """All groups, where all keys are public. Blocks of equal keys may be one measurement."""
    if not block.keys:
        return [()]
    kinds = [pair.kind for pair in block.keys]
    for measurement in plan.measurements:
        if [key.type for key in measurement.keys] == kinds or len(plan.measurements) == 1:
            if measurement.selected:
                return None
            values = [[plain(value, key.type) for value in key.values or ()] for key in measurement.keys]
            return list(itertools.product(*values))
    raise Disagreement("a measurement with other keys")


def _completed(
    block: Block, groups: dict[tuple[object, ...], tuple[object, ...]], domain: list[tuple[object, ...]] | None
) -> list[tuple[object, ...]]:
    if domain is not None:
        beyond = set(groups) - set(domain)
        if beyond:
            raise Disagreement(f"groups that nobody declared: {sorted(map(repr, beyond))}")
    zeros = {COUNTS: 0, SUMS: 0}
    nothing = tuple(zeros.get(item.style) for item in block.asked)
    lines = []
    for group in groups if domain is None else domain:
        cells = groups.get(group, nothing)
        filled = (
            zeros.get(item.style) if cell is None else cell for item, cell in zip(block.asked, cells, strict=True)
        )
        lines.append((*group, *filled))
    return lines


def their_lines(question: Question, plan: Plan, world: LanguageWorld) -> list[tuple[object, ...]]:
    """DuckDB's answer to the whole question."""
    blocks = blocks_of_theirs(question, plan, world)
    if question.theirs is None:
        return blocks[0]
    duck = world.duck.cursor()
    duck.execute("set ieee_floating_point_ops = false")
    for number, (block, lines) in enumerate(zip(question.blocks, blocks, strict=True)):
        kinds = [pair.kind for pair in block.keys] + [item.kind for item in block.asked]
        columns = ", ".join(f"{name} {TYPE_NAMES[kind]}" for name, kind in zip(block.names, kinds, strict=True))
        duck.execute(f"create or replace temp table m{number} ({columns})")
        for start in range(0, len(lines), 500):
            part = lines[start : start + 500]
            marks = ", ".join(f"({', '.join('?' * len(kinds))})" for _ in part)
            duck.execute(f"insert into m{number} values {marks}", list(itertools.chain.from_iterable(part)))
    found = duck.execute(question.theirs).fetchall()
    duck.close()
    return found


class Room:
    """How far apart two cells may be, from what the plan rounds to."""

    def __init__(self, plan: Plan, rows: int) -> None:
        primitives = plan.primitives
        sums = [
            float(item.granularity)
            for item in primitives
            if isinstance(item, SumValues) and type_of(item.operand) is not Type.INT
        ]
        self.step = max(sums, default=0.0)
        leaves = [item.step for item in primitives if isinstance(item, TreeCounts)]
        self.leaf = float(max((step for step in leaves if step != 1), default=Fraction(0)))
        if any(isinstance(item, TreeCounts) and type_of(item.operand) is Type.FLOAT for item in primitives):
            self.leaf = float(max(leaves))
        self.rows = rows

    def same(self, ours: object, theirs: object, style: str, kind: Type) -> bool:
        if theirs is None and style not in (COUNTS, SUMS, RANKS, ""):
            return True
        if ours is None or theirs is None:
            return ours is theirs
        if kind.is_number and not isinstance(theirs, bool):
            return self._near(float(ours), float(theirs), style, kind)  # type: ignore[arg-type]
        if style == RANKS and isinstance(ours, datetime) and isinstance(theirs, datetime):
            return abs(ours - theirs) <= timedelta(microseconds=self.leaf)
        if style == RANKS and isinstance(ours, date) and isinstance(theirs, date):
            return abs((ours - theirs).days) <= self.leaf
        return ours == theirs

    def _near(self, ours: float, theirs: float, style: str, kind: Type) -> bool:
        relative = 1e-9 * max(abs(ours), abs(theirs), 1.0)
        match style:
            case "rank":
                return abs(ours - theirs) <= self.leaf + (relative if kind is Type.FLOAT else 0)
            case "mean":
                return abs(ours - theirs) <= self.step + relative
            case "variance":
                return abs(ours - theirs) <= 30 * self.step + 1e-7 * max(abs(theirs), 1.0)
            case "deviation":
                return abs(ours**2 - theirs**2) <= 30 * self.step + 1e-7 * max(theirs**2, 1.0)
            case "correlation":
                # Of a wide range little is left of a small spread.
                return math.isnan(theirs) or self.step > 0.01 or abs(ours - theirs) <= 0.02
        if kind is Type.INT:
            return ours == theirs
        return abs(ours - theirs) <= self.step * self.rows + relative


def check(question: Question, plan: Plan, world: LanguageWorld) -> Answer:
    """Run both sides and compare.

    Raises:
        Disagreement: with both answers.
    """
    answer = exact_answer(plan, world)
    kinds = list(plan.columns.values())
    ours = [tuple(plain(cell, kind) for cell, kind in zip(line, kinds, strict=True)) for line in lines_of(answer)]
    compare(question, plan, ours, their_lines(question, plan, world))
    return answer


def compare(
    question: Question,
    plan: Plan,
    ours: Sequence[tuple[object, ...]],
    theirs: Sequence[tuple[object, ...]],
    rows: int = 4000,
) -> None:
    """Raises Disagreement where the lines differ by more than rounding."""
    if len(ours) != len(theirs):
        raise Disagreement(f"{len(ours)} lines, not {len(theirs)}: {ours[:5]} {theirs[:5]}")
    if not question.ordered:
        ours, theirs = (sorted(lines, key=lambda line: repr(line[: question.keys])) for lines in (ours, theirs))
    kinds = list(plan.columns.values())
    styles = styles_of(question, len(kinds))
    room = Room(plan, rows)
    for line, other in zip(ours, theirs, strict=True):
        for place, (one, two) in enumerate(zip(line, other, strict=True)):
            if not room.same(one, two, styles[place], kinds[place]):
                raise Disagreement(f"column {place}: {line} is not {other}")


def styles_of(question: Question, columns: int) -> list[str]:
    """How each column of the answer is compared."""
    found = [""] * columns
    first = question.blocks[0].asked
    if question.theirs is None or question.theirs.startswith("select *"):
        found[question.keys :] = [item.style for item in first]
    elif " as tag" in question.theirs:
        found[2:] = [item.style for item in first]
    elif " as r, " in question.theirs or question.theirs.endswith(" a0 from m0"):
        found[-1] = first[0].style
    elif " as s from" in question.theirs or " as b0 " in question.theirs:
        found[1:] = [item.asked[0].style for item in question.blocks]
        if "full join" in question.theirs:
            found[1] = "" if found[1] in (COUNTS, SUMS) else found[1]
        if "left join" in question.theirs or "full join" in question.theirs:
            found[2] = "" if found[2] in (COUNTS, SUMS) else found[2]
    elif " as p0 from" in question.theirs:
        found[2] = "" if first[0].style in (COUNTS, SUMS) else first[0].style
    elif "q.a0 from" in question.theirs:
        found[-1] = first[0].style
    return found
