"""What people misread once: each message here says what is so for this reader, and not what is so for another."""

import json
from pathlib import Path

import click
import pytest
from client_world import REASON, World
from test_cli_verbs import ASK, SQL, Shell

from sandbox.client.connection import Connection
from sandbox.faces.cli import talk as talk_module
from sandbox.faces.cli.refused import show
from sandbox.faces.cli.reviewed import state_words
from sandbox.faces.cli.signed_in import check_vkey
from sandbox.faces.cli.talk import Talk
from sandbox.review.diagram import STATE_WORDS
from sandbox.review.states import State
from sandbox.terms.refusal import (
    AlreadyDecided,
    AnswerPending,
    BudgetInsufficient,
    FileNotUsable,
    ReleaseRefused,
    ReviewPending,
    SandboxError,
)

UNTIL = ["--until", "2030-01-01"]
WANT = ["-d", "clinic", *ASK, *UNTIL, "-m", REASON]


@pytest.fixture
def shell(tmp_path: Path, url: str) -> Shell:
    return Shell(tmp_path / "config", url)


def shown(error: SandboxError, capsys: pytest.CaptureFixture[str], language: str = "en") -> str:
    show(Talk(language), error)
    return capsys.readouterr().err


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_reviewers_reason_reaches_the_author(capsys: pytest.CaptureFixture[str], language: str) -> None:
    told = shown(ReleaseRefused(reason="The groups are too fine.", spent="0.1"), capsys, language)
    assert "The groups are too fine." in told
    other = shown(BudgetInsufficient(reason="The groups are too fine."), capsys, language)
    assert "too fine" not in other  # only of what reviewers decide is a reason theirs


@pytest.mark.parametrize("kind", [ReviewPending, AnswerPending, ReleaseRefused])
def test_what_was_paid_before_is_not_called_unspent(
    kind: type[SandboxError], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Nothing more was spent." in shown(kind(spent="0"), capsys)
    assert "stays spent: 0.1" in shown(kind(spent="0.1"), capsys)
    assert "Nothing was spent." in shown(BudgetInsufficient(spent="0"), capsys)


def test_a_waiting_release_names_its_review(capsys: pytest.CaptureFixture[str]) -> None:
    assert "review: rr_1" in shown(ReviewPending(review="rr_1"), capsys)
    assert shown(ReviewPending("It waits (rr_1).", review="rr_1"), capsys).count("rr_1") == 1


def test_a_second_vote_is_not_told_that_the_review_is_decided(capsys: pytest.CaptureFixture[str]) -> None:
    told = shown(AlreadyDecided("You have voted in this review."), capsys)
    assert "decided already" not in told
    assert "for you" in told


@pytest.mark.parametrize(("language", "place"), [("en", 0), ("zh", 1)])
def test_a_review_stands_in_words(language: str, place: int) -> None:
    talk = Talk(language)
    for state in State:
        assert state_words(talk, state.value) == STATE_WORDS[state][place]
    assert state_words(talk, "of-another-version") == "of-another-version"


def test_who_lists_grants_is_told_of_requests_that_wait(shell: Shell) -> None:
    assert "--requests" not in shell.ok("grant", "list", role="steward").stderr
    shell.ok("grant", "request", *WANT)
    told = shell.ok("grant", "list", role="steward")
    assert "not decided yet: 1." in told.stderr
    assert "--requests" in told.stderr
    shell.ok("grant", "decline", "gr_1", "-m", "Not for this purpose.", role="steward")
    assert "--requests" not in shell.ok("grant", "list", role="steward").stderr
    assert "Not for this purpose." in shell.ok("grant", "list", "--requests").stdout


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (["-t", "visits"], "clinic offers the tables: clinic.visits"),
        (["-c", "age"], "clinic.visits offers the columns: clinic.visits.age"),
        (["-c", "nothing"], "clinic offers the tables: clinic.visits"),
    ],
)
def test_a_short_name_leads_to_the_whole_one(shell: Shell, wrong: list[str], hint: str) -> None:
    refused = shell("grant", "request", *WANT, *wrong)
    assert (refused.exit_code, hint in refused.stderr) == (2, True), refused.stderr


def test_a_copy_that_is_decided_asks_for_no_vote(shell: Shell, world: World) -> None:
    shell.ok("key", "register")
    assert shell("query", "run", f"{SQL} hold", *ASK).exit_code == 6
    (review,) = [item["id"] for item in json.loads(shell.ok("review", "list", "--json", role="reviewer").stdout)]
    assert "Decide with" in shell.ok("review", "view", review, role="reviewer").stderr
    shell.ok("review", "approve", review, "-m", REASON, role="reviewer")
    assert "Decide with" not in shell.ok("review", "view", review, role="reviewer").stderr


def test_facts_in_a_pipe_are_one_line_each(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("Plan", "word " * 60)]
    Talk("en").facts(rows)
    assert len(capsys.readouterr().err.splitlines()) == 1
    monkeypatch.setattr(talk_module, "is_terminal", lambda _: True)
    Talk("en").facts(rows)
    assert len(capsys.readouterr().err.splitlines()) > 1


def test_facts_on_a_terminal_leave_out_what_is_empty(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[tuple[str, object]] = [("not_after", "2030"), ("decided_by", None)]
    Talk("en").pairs(rows, {})
    assert capsys.readouterr().out == "not_after\t2030\ndecided_by\t\n"
    monkeypatch.setattr(talk_module, "is_terminal", lambda _: True)
    Talk("en").pairs(rows, {})
    out = capsys.readouterr().out
    assert "not after" in out
    assert "decided" not in out


def test_a_key_typed_wrong_is_a_slip_and_no_broken_proof(world: World) -> None:
    assert check_vkey("--key", world.log_key.verifier.text).text == world.log_key.verifier.text
    with pytest.raises(click.UsageError, match=r"--key: .*public\.json"):
        check_vkey("--key", "nonsense")


def test_a_file_in_the_inbox_is_called_by_its_own_name(
    shell: Shell, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "visits.txt").write_text("sex,age\n")
    lent: list[str] = []

    def refuse(_connection: Connection, _dataset: str, files: dict[str, str], **_more: object) -> dict[str, object]:
        lent.extend(files.values())
        raise FileNotUsable(f"{files['visits']}: expected a name that ends in .csv or .parquet.")

    monkeypatch.setattr(Connection, "load", refuse)
    named = ["clinic", f"visits={tmp_path / 'visits.txt'}", "--inbox", str(tmp_path / "inbox")]
    refused = shell("dataset", "load", *named, role="steward")
    assert "reason: visits.txt: expected" in refused.stderr
    assert lent != ["visits.txt"]  # the copy had another name, which nobody is shown
    assert lent[0] not in refused.stderr


def test_one_name_alone_is_a_list_of_one(shell: Shell, world: World) -> None:
    with Connection(shell.url, "token-of-analyst") as ann:
        asked = {"epsilon": "1", "not_after": "2030-01-01T00:00:00Z", "reason": REASON}
        for datasets in ("clinic", ["clinic"]):
            ann.request_grant(datasets, "research", **asked)
            assert world.calls[-1][1]["datasets"] == ["clinic"]
