"""`sandbox login`."""

import sys

import click

from sandbox.client.connection import Connection
from sandbox.client.credentials import Login, save
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Verb
from sandbox.terms.refusal import SignInRequired


@click.command(cls=Verb)
@click.argument("url")
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
@click.pass_obj
def login(talk: Talk, url: str, token_stdin: bool) -> None:
    """Sign in to the enclave at URL; its keys are pinned, and later visits are held against them.

    The token is kept in a file that only you can read. SANDBOX_URL and SANDBOX_TOKEN go before that file.
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
