"""What the analyst asks, what the holder of the file computes beside it, and what is refused."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from sandbox.client.connection import Connection
from sandbox.client.release import Release
from sandbox.demo.stage import out_of_the_picture, say, waiting
from sandbox.terms.cells import Cell
from sandbox.terms.refusal import ProofFailed, Refusal

PURPOSE = "health-research"
_CAP = 3000.0  # the declared upper bound of meddol


@dataclass(frozen=True, slots=True)
class Question:
    """One question, and how the holder of the file computes the exact answer."""

    title: str
    sql: str
    epsilon: str
    keys: tuple[str, ...]
    exact: Callable[[Any], dict[str, dict[tuple[Any, ...], float]]]
    note: str = ""
    long: bool = False


def ask(console: Console, ann: Connection, question: Question, frame: Any) -> None:
    """Check, run, verify, and show the answer beside the exact one."""
    with out_of_the_picture(console, question.long):
        console.print()
        say(console, 2, f"[bold]{question.title}[/]")
        show_sql(console, question.sql)
        query = ann.query(question.sql, purpose=PURPOSE, epsilon=question.epsilon)
        quote = query.check()
        cost = f"ρ = {quote.cost['amount']} (ε = {question.epsilon})"
        say(console, 2, f"check: {cost}; {_more(quote.accounts)}; nothing was spent")
        permits = ", ".join(quote.policy["permitted_by"])
        say(console, 2, f"policy: permitted by {permits}; review: {quote.review['outcome']}")
        with waiting(console, "measuring; the answer appears at the tick of the release clock"):
            release = query.run().result(timeout=60)
        release.verify()
        console.print(Padding(answer_table(release, question, frame), (0, 0, 0, 2), expand=False))
        if question.note:
            say(console, 2, f"[dim]{question.note}[/]")
        if question.long:
            _chart(console, release, "people")
        say(
            console,
            2,
            f"cost ρ = {release.cost['amount']}; came sealed to ann's key; certificate and log proofs verified",
        )


def show_sql(console: Console, sql: str) -> None:
    """The text of a question, in colour."""
    console.print(Syntax(sql, "sql", background_color="default", padding=(0, 4), word_wrap=True))


def refused(
    console: Console, ann: Connection, title: str, sql: str, *, purpose: str = PURPOSE, epsilon: str = "1"
) -> None:
    """Ask what is refused, and show that nothing was spent.

    Raises:
        ProofFailed: it was not refused, or something was spent.
    """
    say(console, 2, f"[bold]{title}[/]: [dim]{sql}[/]")
    before = [account["spent"] for account in ann.accounts()]
    try:
        ann.query(sql, purpose=purpose, epsilon=epsilon).run().result(timeout=60)
    except Refusal as refusal:
        place = f" at line {refusal.span.line}, column {refusal.span.column}" if refusal.span else ""
        say(console, 4, f"[red]{refusal.code}[/]{place}: {refusal.detail}")
        say(console, 4, f"→ {refusal.advice}")
        if refusal.rewrite:
            say(console, 4, f"→ try: [green]{refusal.rewrite}[/]")
        if before != [account["spent"] for account in ann.accounts()]:
            raise ProofFailed("A refusal changed an account.") from None
        return
    raise ProofFailed(f"{title} was not refused.")


def answer_table(release: Release, question: Question, frame: Any) -> Table:
    """Private value, 95 % interval where one is known, and what the file says."""
    rows = release.to_pylist()
    exact = question.exact(frame)
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    for key in question.keys:
        table.add_column(key, justify="right")
    for measure in exact:
        table.add_column(measure, justify="right", style="cyan", no_wrap=True)
        table.add_column("95 % interval", justify="right")
        table.add_column("exact", justify="right", style="dim")
    intervals = {measure: release.interval(measure, 0.95) for measure in exact if measure in release.with_intervals}
    for number, row in enumerate(rows):
        cells = [str(row[key]) for key in question.keys]
        for measure, truth in exact.items():
            value = truth.get(tuple(row[key] for key in question.keys), 0)
            cells += [number_text(_number(row[measure])), _interval(intervals.get(measure), number), number_text(value)]
        table.add_row(*cells)
    return table


def _number(cell: Cell) -> float:
    """A cell that holds a number; NULL counts as none."""
    return float(cell) if isinstance(cell, int | float) else 0.0


def _interval(intervals: Sequence[tuple[float, float]] | None, number: int) -> str:
    if intervals is None:
        return "none known"
    low, high = intervals[number]
    return f"{number_text(low)} … {number_text(high)}"


def number_text(value: float) -> str:
    """A number as people read it."""
    return f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:,.1f}"


def _more(accounts: list[dict[str, Any]]) -> str:
    grant = next(account for account in accounts if account["kind"] == "grant")
    return f"the grant covers {grant['more_like_this']} of these"


def _chart(console: Console, release: Release, measure: str) -> None:
    """One bar a group, with the ends of its interval."""
    rows = release.to_pylist()
    intervals = release.interval(measure, 0.95)
    top = max((high for _, high in intervals), default=1.0) or 1.0
    width = max(20, min(60, console.width - 24))
    console.print()
    say(console, 2, f"[bold]{measure} by plan[/]  (the shade is the 95 % interval)")
    for row, (low, high) in zip(rows, intervals, strict=True):
        solid, end = (max(0, round(width * bound / top)) for bound in (low, high))
        bar = Text("█" * solid, style="cyan") + Text("░" * max(0, end - solid), style="cyan")
        console.print(Text(f"  {row['plan']!s:>5} ") + bar + Text(f" {max(0, round(_number(row[measure]))):,}"))


def _by_plan(frame: Any) -> dict[str, dict[tuple[Any, ...], float]]:
    groups = frame.groupby("plan")
    return {
        "people": {(int(plan),): int(count) for plan, count in groups.zper.nunique().items()},
        "years": {(int(plan),): int(count) for plan, count in groups.size().items()},
    }


def _mean_by_year(frame: Any) -> dict[str, dict[tuple[Any, ...], float]]:
    adults = frame[frame.xage >= 18]
    means = adults.meddol.clip(0, _CAP).groupby(adults.year).mean()
    return {"expense": {(int(year),): float(value) for year, value in means.items()}}


def _visits_of_a_person(frame: Any) -> dict[str, dict[tuple[Any, ...], float]]:
    visits = frame.groupby("zper").mdvis.sum()
    return {"mean": {(): float(visits.mean())}, "middle": {(): float(visits.median())}}


def _visits_by_sex(frame: Any) -> dict[str, dict[tuple[Any, ...], float]]:
    return {"visits": {(int(sex),): int(total) for sex, total in frame.groupby("female").mdvis.sum().items()}}


QUESTIONS = (
    Question(
        "People and person-years by insurance plan",
        'select plan, count(distinct zper) as people, count(*) as years\nfrom "rand-hie".years group by plan',
        "1",
        ("plan",),
        _by_plan,
        "About one interval in twenty misses the exact value: that is what 95 % means.",
        long=True,
    ),
    Question(
        "Mean medical expense of adults by study year",
        'select year, avg(meddol) as expense\nfrom "rand-hie".years where xage >= 18 group by year',
        "2",
        ("year",),
        _mean_by_year,
        "Expenses above $3,000 a year count as $3,000, in both columns.",
    ),
    Question(
        "Visits to a physician that a person makes in all the years: mean and median",
        "select avg(visits) as mean, median(visits) as middle\n"
        'from (select zper, sum(mdvis) as visits from "rand-hie".years group by zper)',
        "1",
        (),
        _visits_of_a_person,
        "Inside, one row for each person, which nobody sees; outside, noisy statistics of them.",
    ),
)

HELD = Question(
    "Total visits to a physician by sex",
    'select female, sum(mdvis) as visits\nfrom "rand-hie".years group by female',
    "1",
    ("female",),
    _visits_by_sex,
)
