"""`sandbox key`: register, show."""

import click

from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun


@click.group(cls=Noun)
def key() -> None:
    """Your key pairs: answers are sealed to them, and what you submit is signed with them.

    Their private halves are in files that only you can read, among your settings or in the folder that SANDBOX_KEYS names.
    """


@key.command("register")
@click.option("--rotate", is_flag=True, help="Make new keys in place of the current ones, which sign for them.")
@click.pass_obj
def register(talk: Talk, rotate: bool) -> None:
    """Make your keys on this machine and register their public halves, unless that is done already."""
    with signed_in() as connection:
        pair = connection.rotate_keys() if rotate else connection.ensure_keys()
        place = connection.keys.place(connection.pins.origin, pair.person)
    talk.note("keys-made", key=pair.id, place=place)
    talk.table(("key",), [[pair.id]], {"id": pair.id, "place": place})


@key.command("show")
@click.pass_obj
def show(talk: Talk) -> None:
    """Your keys: which are registered, and of which the private halves are on this machine."""
    with signed_in() as connection:
        me = connection.me()
        here = {pair.id for pair in connection.keys.pairs(connection.pins.origin, str(me.get("name")))}
        place = connection.keys.place(connection.pins.origin, str(me.get("name")))
    registered = [str(item.get("id")) for item in me.get("keys", [])]
    known = [*registered, *sorted(here.difference(registered))]
    document = [{"id": name, "registered": name in registered, "here": name in here} for name in known]
    if registered and not here.intersection(registered):
        talk.note("keys-absent", place=place)
    talk.table(("key", "registered", "here"), [list(item.values()) for item in document], document)
