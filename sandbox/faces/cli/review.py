"""`sandbox review`: list, view, approve, reject."""

import click

from sandbox.faces.cli.reviewed import show_copy, state_words
from sandbox.faces.cli.signed_in import signed_in
from sandbox.faces.cli.talk import Talk
from sandbox.faces.cli.verb import Noun
from sandbox.terms.refusal import ReviewChanged

_COLUMNS = ("id", "state", "dataset", "grade", "purpose", "outcome", "votes_needed", "voted", "opened_at")


@click.group(cls=Noun)
def review() -> None:
    """Releases that wait for people: noisy answers only, never a row."""


@review.command("list")
@click.pass_obj
def list_reviews(talk: Talk) -> None:
    """The reviews that wait for votes or a look, and whether you have voted."""
    with signed_in() as connection:
        found = connection.reviews()
    talk.table(_COLUMNS, [[item.get(column) for column in _COLUMNS] for item in found], found)


@review.command("view")
@click.argument("review_id", metavar="REVIEW")
@click.pass_obj
def view(talk: Talk, review_id: str) -> None:
    """What was asked, the checks, the plan, the cost and the noisy table. That you looked is an entry of the log."""
    with signed_in() as connection:
        found = connection.review(review_id)
    show_copy(talk, found)
    if found.get("round") is not None:
        talk.note("how-to-vote", review=review_id)


@review.command("approve")
@click.argument("review_id", metavar="REVIEW")
@click.option("-m", "--reason", required=True, help="Why, in 10 to 500 characters; the log keeps it.")
@click.option("--digest", help="Vote only if the copy is still the one of this digest, as `review view` shows it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def approve(talk: Talk, review_id: str, reason: str, digest: str | None, yes: bool) -> None:
    """Let it out. Without --digest the vote is on the copy as it is now: a terminal shows it first, and asks."""
    _vote(talk, review_id, "approve", reason, digest, yes=yes)


@review.command("reject")
@click.argument("review_id", metavar="REVIEW")
@click.option(
    "-m", "--reason", required=True, help="Why, in 10 to 500 characters: the log keeps it, the analyst reads it."
)
@click.option("--digest", help="Vote only if the copy is still the one of this digest, as `review view` shows it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def reject(talk: Talk, review_id: str, reason: str, digest: str | None, yes: bool) -> None:
    """Keep it in. Without --digest the vote is on the copy as it is now: a terminal shows it first, and asks."""
    _vote(talk, review_id, "reject", reason, digest, yes=yes)


def _vote(talk: Talk, review_id: str, verdict: str, reason: str, digest: str | None, *, yes: bool) -> None:
    with signed_in() as connection:
        if digest is None:
            copy = connection.review(review_id)
            digest = str(copy.get("digest"))
            if talk.can_ask and not yes:
                show_copy(talk, copy)
                if not click.confirm(talk.word(f"ask-{verdict}"), err=True):
                    talk.note("not-voted")
                    return
        elif len(digest) != 64:
            raise ReviewChanged("A digest has 64 hexadecimal characters; `sandbox review view` shows it.")
        found = connection.vote(review_id, verdict, reason, digest)
    state = state_words(talk, found.get("state"))
    talk.note("voted", verdict=talk.named(verdict), review=review_id, state=state)
    columns = ("id", "state", "decision")
    talk.table(columns, [[found.get(column) for column in columns]], found)
