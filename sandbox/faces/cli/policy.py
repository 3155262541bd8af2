"""`sandbox policy`: test, explain."""

from typing import Any

import click

from sandbox.faces.cli.lazy import INSTALL
from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun


@click.group(cls=Noun)
def policy() -> None:
    """The policies that decide who may do what."""


@policy.command("test")
@click.pass_context
def test(ctx: click.Context) -> None:
    """Run every example beside the policies of this program, offline."""
    talk: Talk = ctx.obj
    columns = ("name", "expected", "found")
    failures = [{column: getattr(failure, column) for column in columns} for failure in _examples()]
    if talk.as_json:
        talk.json({"holds": not failures, "failures": failures})
    elif failures:
        talk.table(columns, [list(failure.values()) for failure in failures], failures)
    if failures:
        talk.note("examples-fail", count=len(failures))
        ctx.exit(1)
    talk.note("examples-hold")


@policy.command("explain")
@click.argument("action")
@click.option("--as", "person", required=True, metavar="PERSON", help="Whose act it would be.")
@click.option("-d", "--dataset", help="On which dataset.")
@click.option("-p", "--purpose", help="For which purpose.")
@click.option(
    "-c", "--column", "columns", multiple=True, help="A column used, as dataset.table.column; again for more."
)
@click.pass_obj
def explain(
    talk: Talk, action: str, person: str, dataset: str | None, purpose: str | None, columns: tuple[str, ...]
) -> None:
    """Whether the policies would let PERSON do ACTION, such as submit-query, and which of them decide (officers, stewards).

    The question is an entry of the log.
    """
    with signed_in() as connection:
        found = connection.explain_policy(person, action, dataset=dataset, purpose=purpose, columns=columns or None)
    if found.get("allowed"):
        talk.note("allowed-policy")
    else:
        talk.note("refused-policy", code=found.get("code"))
    rows = [[item.get("id"), (item.get("words") or {}).get(talk.language)] for item in found.get("policies", [])]
    talk.table(("policy", "words"), rows, found)


def _examples() -> list[Any]:
    try:
        from policies.examples import run
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"`sandbox policy test` needs more than the light client ({error.name} is not installed). "
            f"Install it with: {INSTALL.format(extra='enclave')}"
        ) from None
    return list(run())
