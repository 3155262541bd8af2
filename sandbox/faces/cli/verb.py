"""What every command has: --json, --lang, and an answer to every refusal that is words and an exit code."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from sandbox.faces.cli.refused import show
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.words import LANGUAGES, language_of
from sandbox.terms.refusal import SandboxError


class Verb(click.Command):
    """A command whose callback gets a `Talk` as its object (`click.pass_obj`)."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params.append(click.Option(["--json", "as_json"], is_flag=True, help="Print the data as JSON."))
        self.params.append(
            click.Option(["--lang", "language"], type=click.Choice(LANGUAGES), help="Language of messages.")
        )

    def invoke(self, ctx: click.Context) -> Any:
        talk = Talk(ctx.params.pop("language") or language_of(), as_json=ctx.params.pop("as_json"))
        ctx.obj = talk
        with answering(talk, ctx):
            return super().invoke(ctx)


class Noun(click.Group):
    """A group of verbs."""

    command_class = Verb


@contextmanager
def answering(talk: Talk, ctx: click.Context) -> Iterator[None]:
    """Turn refusals, broken files and the client's own failures into words and exit codes; never a traceback."""
    try:
        yield
    except SandboxError as error:
        show(talk, error)
        ctx.exit(error.exit_code)
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.UsageError(f"{error.filename or 'a file'}: {error.strerror or 'cannot be used'}") from None
    except Exception as error:
        # The last line of defence of a program that people read: a traceback would show them nothing they can use.
        if os.environ.get("SANDBOX_DEBUG"):
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
        talk.note("failed", kind=type(error).__qualname__, place=place)
        ctx.exit(1)
