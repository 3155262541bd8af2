"""`sandbox person`: enrol, whoami."""

import click

from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun

_ROLES = ("administrator", "steward", "analyst", "reviewer", "officer")


@click.group(cls=Noun)
def person() -> None:
    """People with credentials."""


@person.command("enrol")
@click.argument("name")
@click.option("--organisation", "--org", required=True)
@click.option("--role", required=True, type=click.Choice(_ROLES))
@click.option("--identity", default="", help="Which human this is: a staff number, a mail address. Else the name.")
@click.pass_obj
def enrol(talk: Talk, name: str, organisation: str, role: str, identity: str) -> None:
    """Enrol NAME and print the token, once."""
    with signed_in() as connection:
        found = connection.enrol(name, organisation, role, identity)
    talk.note("token-once")
    parts = ("name", "organisation", "role", "identity", "token")
    document = {part: getattr(found, part) for part in parts}
    talk.table(tuple(document), [list(document.values())], document)


@person.command("whoami")
@click.pass_obj
def whoami(talk: Talk) -> None:
    """Who you are signed in as."""
    with signed_in() as connection:
        found = connection.me()
    columns = ("name", "organisation", "role", "identity", "keys", "frozen")
    shown = found | {"keys": [item.get("id") for item in found.get("keys", [])]}
    talk.table(columns, [[shown.get(column) for column in columns]], found)
