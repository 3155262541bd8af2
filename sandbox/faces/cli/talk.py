"""How a command speaks: data to stdout as a table, TSV or JSON; everything else to stderr.

rich is imported when something is drawn, so that starting up stays quick.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click

from sandbox.faces.cli.plain import json_text, neutral
from sandbox.faces.cli.words import say

if TYPE_CHECKING:
    from rich.console import Console

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")

Steps = Callable[[str, int, int], None]

_NAMED = frozenset(
    {"approve", "reject", "independent", "consolidation", "third", "afterwards", "general", "important", "core"}
)


def is_terminal(stream: IO[Any]) -> bool:
    """Whether a person is at the other end."""
    return stream.isatty()


class Talk:
    """One command's voice. `source` is the text that spans of a refusal point into."""

    def __init__(self, language: str, *, as_json: bool = False) -> None:
        self.language = language
        self.as_json = as_json
        self.source: str | None = None

    def word(self, word: str, **facts: object) -> str:
        """A text of the command line in its language."""
        return say(word, self.language, **{name: neutral(str(value)) for name, value in facts.items()})

    def kind(self, kind: str) -> str:
        """The name of a kind of account."""
        return self.word(kind) if kind in {"space", "dataset", "grant", "analyst"} else neutral(kind)

    def named(self, value: object) -> str:
        """A verdict, a round of votes or a grade in the reader's language; anything else as it is."""
        text = str(value)
        return self.word(text) if text in _NAMED else neutral(text)

    @property
    def wants_table(self) -> bool:
        """Whether the data goes to a person."""
        return not self.as_json and is_terminal(sys.stdout)

    # -- stdout --------------------------------------------------------------------------------------------------------

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[object]], document: Any, figures: Sequence[int] = ()
    ) -> None:
        """Rows: a table for a person, TSV without header for a program, `document` with --json.

        `figures` are the numbers of columns whose text is aligned as numbers are.
        """
        if self.as_json:
            self.json(document)
        elif is_terminal(sys.stdout):
            self._draw(columns, rows, figures)
        else:
            for row in rows:
                click.echo("\t".join(neutral(_plain(cell)) for cell in row))

    def pairs(self, rows: Sequence[tuple[str, object]], document: Any) -> None:
        """Labelled facts."""
        if self.as_json:
            self.json(document)
            return
        if is_terminal(sys.stdout):
            # To a person as columns are titled in tables, and without what is empty.
            _print_facts(sys.stdout, [(label.replace("_", " "), value) for label, value in rows if _plain(value)])
            return
        for label, value in rows:
            click.echo(f"{label}\t{neutral(_plain(value))}")

    def json(self, document: Any) -> None:
        """The document itself."""
        click.echo(json_text(document, indent=2 if is_terminal(sys.stdout) else None))

    # -- stderr: talk ------------------------------------------------------------------------------------------------------

    def note(self, word: str, **facts: object) -> None:
        """One line of talk."""
        self.line(self.word(word, **facts))

    def line(self, text: str = "", style: str = "") -> None:
        """One line to stderr, coloured where a person reads it; `text` is already harmless."""
        if style and is_terminal(sys.stderr):
            from rich.text import Text

            _console(sys.stderr).print(Text(text, style=style), soft_wrap=True)
        else:
            click.echo(text, err=True)

    def facts(self, rows: Sequence[tuple[str, object]]) -> None:
        """Labelled facts as talk; each on one line where no terminal says how wide a line is."""
        if is_terminal(sys.stderr):
            _print_facts(sys.stderr, rows)
            return
        for label, value in rows:
            self.line(f"{neutral(label)}: {neutral(_seen(value))}")

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer a question."""
        return is_terminal(sys.stdin) and is_terminal(sys.stderr)

    @contextmanager
    def steps(self, word: str) -> Iterator[Steps]:
        """A progress bar for the time of a long step; silent where nobody watches."""
        if not is_terminal(sys.stderr):
            yield lambda _phase, _done, _total: None
            return
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=_console(sys.stderr), transient=True) as progress:
            task = progress.add_task(self.word(word), total=None)

            def show(phase: str, done: int, total: int) -> None:
                progress.update(task, description=neutral(phase), completed=done, total=total or None)

            yield show

    @contextmanager
    def waiting(self, word: str, **facts: object) -> Iterator[None]:
        """A sign of life for the time of a wait."""
        if not is_terminal(sys.stderr):
            yield
            return
        from rich.text import Text

        with _console(sys.stderr).status(Text(self.word(word, **facts))):
            yield

    def _draw(self, columns: Sequence[str], rows: Sequence[Sequence[object]], figures: Sequence[int]) -> None:
        """A table without its empty columns, or where it would have to break words, one list of facts a row."""
        from rich.box import SIMPLE_HEAD
        from rich.measure import Measurement
        from rich.table import Table
        from rich.text import Text

        if not rows:
            self.note("none")
            return
        console = _console(sys.stdout)
        titles = [neutral(column.replace("_", " ")) for column in columns]
        filled = [number for number in range(len(columns)) if any(_plain(row[number]) for row in rows)]
        table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
        for number in filled:
            right = number in figures or all(isinstance(row[number], int | float) for row in rows)
            whole = not any(" " in _seen(row[number]) for row in rows)
            table.add_column(Text(titles[number]), justify="right" if right else "left", overflow="fold", no_wrap=whole)
        for row in rows:
            table.add_row(*(Text(neutral(_seen(row[number]))) for number in filled))
        if Measurement.get(console, console.options.update(max_width=10_000), table).minimum <= console.width:
            console.print(table)
            return
        for number, row in enumerate(rows):
            if number:
                click.echo()
            _print_facts(sys.stdout, [(titles[column], row[column]) for column in filled])


def _console(file: IO[str]) -> "Console":
    from rich.console import Console

    return Console(file=file, highlight=False, markup=False)


def _plain(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, list | tuple):
        return ", ".join(_plain(item) for item in cell)
    return str(cell)


def _seen(cell: object) -> str:
    """A cell as a person reads it: moments to the second."""
    text = _plain(cell)
    return f"{text[:10]} {text[11:19]} UTC" if _MOMENT.fullmatch(text) else text


def _print_facts(file: IO[str], rows: Sequence[tuple[str, object]]) -> None:
    """Labels beside their texts, which wrap below their own beginning."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 3))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows:
        table.add_row(Text(neutral(label)), Text(neutral(_seen(value))))
    _console(file).print(table)
