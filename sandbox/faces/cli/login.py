"""`sandbox login`."""

import sys

import click

from sandbox.client.connection import Connection
from sandbox.client.credentials import Login, save
from sandbox.client.key_store import KeyFileUnsafe, KeysElsewhere
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Verb
from sandbox.terms.refusal import SignInRequired


@click.command(cls=Verb)
@click.argument("url")
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
@click.pass_obj
def login(talk: Talk, url: str, token_stdin: bool) -> None:
    """Sign in to the enclave at URL; its keys are pinned, and later visits are held against them.

    The token is kept in a file that only you can read. SANDBOX_URL and SANDBOX_TOKEN go before that file. An analyst who
    has no keys yet gets them here: answers are sealed to them, and their private halves never leave this machine.
    """
    if token_stdin or not talk.can_ask:
        token = sys.stdin.readline().strip()
    else:
        token = click.prompt("Token", hide_input=True, err=True).strip()
    if not token:
        raise SignInRequired("No token was given.")
    with Connection(url, token) as connection:
        pins = connection.check_pins()
        person = connection.me()
        save(Login(url, token, pins))
        talk.note("signed-in", **{part: person.get(part, "") for part in ("name", "role", "organisation")})
        if person.get("role") == "analyst":
            _keys(talk, connection, str(person.get("name")), new=not person.get("keys"))


def _keys(talk: Talk, connection: Connection, person: str, *, new: bool) -> None:
    """Make the keys of a new analyst; where they are elsewhere, say so: much can be done without them."""
    place = connection.keys.place(connection.pins.origin, person)
    try:
        pair = connection.ensure_keys()
    except KeysElsewhere:
        talk.note("keys-absent", place=place)
    except KeyFileUnsafe as error:
        talk.note("keys-unsafe", detail=error.detail, advice=error.advice_zh if talk.language == "zh" else error.advice)
    else:
        talk.note("keys-made" if new else "keys-here", key=pair.id, place=place)
