"""`sandbox freeze`: person, grant, dataset, list. `sandbox unfreeze`."""

import click

from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun, Verb

_COLUMNS = ("id", "subject", "name", "by", "reason", "at", "lift_asked_by", "lifted")


@click.group(cls=Noun)
def freeze() -> None:
    """Stops by security officers: at once, and until two of them lift it."""


def _begin(talk: Talk, subject: str, name: str, reason: str) -> None:
    with signed_in() as connection:
        found = connection.freeze(subject, name, reason)
    talk.note("frozen", subject=talk.word(subject), name=name, freeze=found.get("id", ""))
    talk.table(_COLUMNS, [[found.get(column) for column in _COLUMNS]], found)


@freeze.command("person")
@click.argument("name")
@click.option("-m", "--reason", required=True, help="Why, in 10 to 500 characters; the log keeps it.")
@click.pass_obj
def person(talk: Talk, name: str, reason: str) -> None:
    """Stop NAME: they can start nothing, and nothing of theirs leaves."""
    _begin(talk, "person", name, reason)


@freeze.command("grant")
@click.argument("grant_id", metavar="GRANT")
@click.option("-m", "--reason", required=True, help="Why, in 10 to 500 characters; the log keeps it.")
@click.pass_obj
def grant(talk: Talk, grant_id: str, reason: str) -> None:
    """Stop GRANT: nothing is asked under it, and nothing asked under it leaves."""
    _begin(talk, "grant", grant_id, reason)


@freeze.command("dataset")
@click.argument("name")
@click.option("-m", "--reason", required=True, help="Why, in 10 to 500 characters; the log keeps it.")
@click.pass_obj
def dataset(talk: Talk, name: str, reason: str) -> None:
    """Stop the dataset NAME: nothing is asked of it, and nothing measured on it leaves."""
    _begin(talk, "dataset", name, reason)


@freeze.command("list")
@click.pass_obj
def list_freezes(talk: Talk) -> None:
    """What is frozen, by whom, why, and whether an officer has asked to lift it."""
    with signed_in() as connection:
        found = connection.freezes()
    talk.table(_COLUMNS, [[item.get(column) for column in _COLUMNS] for item in found], found)


@click.command("unfreeze", cls=Verb)
@click.argument("freeze_id", metavar="FREEZE")
@click.option("-m", "--reason", required=True, help="Why, in 10 to 500 characters; the log keeps it.")
@click.pass_obj
def unfreeze(talk: Talk, freeze_id: str, reason: str) -> None:
    """Ask that FREEZE be lifted; where another officer asked already, it is."""
    with signed_in() as connection:
        found = connection.lift_freeze(freeze_id, reason)
    talk.note("lifted" if found.get("lifted") else "lift-asked", freeze=freeze_id)
    talk.table(_COLUMNS, [[found.get(column) for column in _COLUMNS]], found)
