"""What is said on the console, and how: sections, sentences, and what waits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text


def say(console: Console, indent: int, text: str) -> None:
    """A sentence that wraps under its own beginning."""
    console.print(Padding(Text.from_markup(text), (0, 0, 0, indent), expand=False))


def section(console: Console, number: int, title: str) -> None:
    """The heading of a scene."""
    console.print()
    console.print(Rule(f"[bold]{number}. {title}", align="left", style="cyan"))


def table(console: Console, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], indent: int = 2) -> None:
    """A plain table."""
    shown = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        shown.add_column(column, overflow="fold", style="" if number else "cyan")
    for row in rows:
        shown.add_row(*row)
    console.print(Padding(shown, (0, 0, 0, indent), expand=False))


@contextmanager
def out_of_the_picture(console: Console, out: bool) -> Iterator[None]:
    """What is printed here is not recorded, if it is `out`."""
    recording, console.record = console.record, console.record and not out
    try:
        yield
    finally:
        console.record = recording


@contextmanager
def waiting(console: Console, what: str) -> Iterator[None]:
    """Says what is waited for: as a moving line on a terminal, as a sentence elsewhere."""
    if console.record:
        yield
    elif console.is_terminal:
        with console.status(f"  {what} …"):
            yield
    else:
        say(console, 2, f"{what} …")
        yield


@contextmanager
def progress_bar(console: Console) -> Iterator[Progress]:
    """A bar for long work, on terminals only."""
    columns = (SpinnerColumn(), TextColumn("  {task.description:<24}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=console.record or not console.is_terminal
    ) as progress:
        yield progress
