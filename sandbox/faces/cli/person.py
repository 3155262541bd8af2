"""`sandbox person`: enrol, whoami."""

import click

from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun

_ROLES = ("administrator", "steward", "analyst", "officer")


@click.group(cls=Noun)
def person() -> None:
    """People with credentials."""


@person.command("enrol")
@click.argument("name")
@click.option("--organisation", "--org", required=True)
@click.option("--role", required=True, type=click.Choice(_ROLES))
@click.pass_obj
def enrol(talk: Talk, name: str, organisation: str, role: str) -> None:
    """Enrol NAME and print the token, once."""
    with signed_in() as connection:
        found = connection.enrol(name, organisation, role)
    talk.note("token-once")
    document = {"name": found.name, "organisation": found.organisation, "role": found.role, "token": found.token}
    talk.table(tuple(document), [list(document.values())], document)


@person.command("whoami")
@click.pass_obj
def whoami(talk: Talk) -> None:
    """Who you are signed in as."""
    with signed_in() as connection:
        found = connection.me()
    columns = ("name", "organisation", "role")
    talk.table(columns, [[found.get(column) for column in columns]], found)
