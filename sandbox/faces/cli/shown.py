"""Quotes and releases as a person reads them."""

from collections.abc import Mapping, Sequence
from math import floor, inf, log10
from typing import Any

from sandbox.client.quote import Quote, error_words, review_words
from sandbox.client.release import Release
from sandbox.faces.cli.talk import Talk
from sandbox.terms.cells import Cell

LEVEL = 0.95


def symbol(cost: dict[str, Any]) -> str:
    """ρ in zCDP, ε in pure differential privacy."""
    return "ρ" if cost.get("mode") == "zcdp" else "ε"


def quote_lines(talk: Talk, quote: Quote, *, stepwise: bool = False) -> list[tuple[str, str]]:
    """What will be asked, what it costs, what is left, how exact it will be, and when it comes. With `stepwise` each step of
    the plan has a line."""
    sign, plan = symbol(quote.cost), quote.plan(talk.language)
    if stepwise:
        lines = [(talk.word("answerable"), talk.word("steps", count=len(plan)))]
        lines += [(talk.word("step", number=number), words) for number, words in enumerate(plan, 1)]
    else:
        lines = [(talk.word("answerable"), ("" if talk.language == "zh" else " ").join(plan))]
    lines += [
        (
            talk.word("cost"),
            talk.word(
                "cost-words",
                epsilon=quote.cost["epsilon"],
                symbol=sign,
                amount=quote.cost["amount"],
                more=quote.more_like_this,
            ),
        ),
    ]
    lines += [
        (
            talk.word("left"),
            talk.word(
                "left-words", symbol=sign, left=account["left"], kind=talk.kind(account["kind"]), owner=account["owner"]
            ),
        )
        for account in quote.accounts
    ]
    lines += [
        (talk.word("error"), words) for words in (error_words(error, talk.language) for error in quote.errors) if words
    ]
    lines += [(talk.word("review"), words) for words in review_words(quote.review, talk.language)]
    lines.append((talk.word("wait"), talk.word("wait-words", ms=quote.wait_ms)))
    return lines


def show_release(talk: Talk, release: Release) -> None:
    """The answer: for a person each noisy value beside its interval, for a program the values alone."""
    rows = release.to_pylist()
    intervals = {name: release.interval(name, LEVEL) for name in release.with_intervals}
    document = {
        "id": release.id,
        "rows": rows,
        "intervals": {"level": str(LEVEL)}
        | {name: [list(pair) for pair in pairs] for name, pairs in intervals.items()},
        "meanings": release.meanings,
        "cost": release.cost,
        "reused": release.reused,
    }
    if not talk.wants_table:
        talk.table(release.columns, [list(row.values()) for row in rows], document)
        return
    columns, cells, figures = answer_cells(talk, release.columns, rows, intervals)
    talk.table(columns, cells, document, figures)
    for name, meaning in release.meanings.items():
        talk.note("computed", name=name, meaning=meaning)


def answer_cells(
    talk: Talk,
    names: Sequence[str],
    rows: Sequence[Mapping[str, Cell]],
    intervals: Mapping[str, Sequence[Sequence[float]]],
) -> tuple[list[str], list[list[object]], list[int]]:
    """Titles, cells and the numbers of the columns of figures: each noisy value beside its interval, where it has one."""
    columns: list[str] = []
    figures: list[int] = []
    for name in names:
        if name in intervals:
            figures += [len(columns), len(columns) + 1]
        columns += [name, talk.word("interval")] if name in intervals else [name]
    decimals = {
        name: 0 if all(isinstance(row[name], int) for row in rows) else _decimals(pairs)
        for name, pairs in intervals.items()
    }
    cells: list[list[object]] = []
    for number, row in enumerate(rows):
        line: list[object] = []
        for name in names:
            if name not in intervals:
                line.append("NULL" if row[name] is None else row[name])
                continue
            value, low, high = (_figure(figure, decimals[name]) for figure in (row[name], *intervals[name][number]))
            line += [value, f"{low} … {high}"]
        cells.append(line)
    return columns, cells, figures


def _decimals(pairs: Sequence[Sequence[float]]) -> int:
    """Decimals to show: three digits of the widest interval, since noise leaves no more of a value meaningful."""
    width = max((float(high) - float(low) for low, high in pairs), default=0.0)
    return min(9, max(0, 2 - floor(log10(width)))) if 0 < width < inf else 0


def _figure(value: Cell, decimals: int) -> str:
    return (
        f"{value:,.{decimals}f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    )
