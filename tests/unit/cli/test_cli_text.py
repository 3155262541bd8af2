"""What is printed cannot drive a terminal, and says the same in every language."""

import json
import string
import subprocess
import sys
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.faces.cli import words
from sandbox.faces.cli.plain import json_text, neutral
from sandbox.faces.cli.refused import show
from sandbox.faces.cli.talk import Talk
from sandbox.terms.refusal import MeasurementForfeited, Span, UnknownColumn

DANGEROUS = [
    "\x1b[2J",
    "\x9b31m",
    "\r\n",
    "\x07",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\x7f",
    "\ud800",
    "\x00",
]
HIDDEN = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}


@given(st.text(st.characters()))
def test_nothing_hidden_gets_through(text: str) -> None:
    assert not any(category(character) in HIDDEN for character in neutral(text))
    assert not any(category(character) in HIDDEN for character in neutral(text, lines=True).replace("\n", ""))
    value = {"key": text, text: [text]}
    spelled = json_text(value)
    assert not any(category(character) in HIDDEN for character in spelled)
    assert json.loads(spelled) == value


@given(st.text(st.sampled_from("abc ñ中文日本 ± ✓ … 🎉 ()[]"), max_size=30))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert neutral(text) == text


@pytest.mark.parametrize("danger", DANGEROUS)
def test_server_text_is_neutralised_wherever_it_is_printed(danger: str, capsys: pytest.CaptureFixture[str]) -> None:
    for talk in (Talk("en"), Talk("zh"), Talk("en", as_json=True)):
        talk.source = f"select {danger}x"
        refusal = UnknownColumn(
            f"no {danger}", span=Span(1, 8, 4), rewrite=f"a {danger}", allowed=[danger], left=danger
        )
        show(talk, refusal)
        talk.table(("a", "b"), [[danger, 1]], {"a": danger})
        talk.pairs([("a", danger)], {"a": danger})
        talk.note("loaded", number=danger)
    printed = "".join(capsys.readouterr())
    assert not any(character in printed for character in danger if character not in f"{string.printable[:95]}\n")


def test_the_control_the_danger_would_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print("\x1b[2J")
    assert "\x1b" in capsys.readouterr().out


def test_both_languages_name_the_same_facts() -> None:
    for english, chinese in words._WORDS.values():
        fields = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (english, chinese)]
        assert fields[0] == fields[1]


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "de_DE", "LC_MESSAGES": "zh_TW"}, "zh"),
    ],
)
def test_the_language_follows_the_locale(environment: dict[str, str], language: str) -> None:
    assert words.language_of(environment) == language


def test_carets_count_columns_on_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    talk = Talk("en")
    talk.source = "select count(*)\nfrom 诊所.visits\twhere agee > 3"
    show(talk, UnknownColumn("There is no column agee.", span=Span(2, 22, 4)))
    lines = capsys.readouterr().err.split("\n")
    at = lines.index("    from 诊所.visits where agee > 3")
    assert lines[at + 1] == " " * (4 + 23) + "^^^^"


@pytest.mark.parametrize("span", [Span(9, 1, 1), Span(1, 900, 1), Span(1, 1, 10**9), Span(0, 0, 0), Span(1, -5, 2)])
def test_places_that_are_not_there_do_no_harm(span: Span, capsys: pytest.CaptureFixture[str]) -> None:
    talk = Talk("en")
    talk.source = "select 1"
    show(talk, UnknownColumn("No.", span=span))
    assert len(capsys.readouterr().err) < 1000


def test_what_was_spent_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show(Talk("en"), MeasurementForfeited(spent="0.25"))
    show(Talk("en"), MeasurementForfeited(spent="unknown", idempotency_key="k-1"))
    said = capsys.readouterr().err
    assert "stays spent: 0.25" in said
    assert "--idempotency-key k-1" in said


def test_the_program_starts_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.faces.cli.main", "--version"], check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("sandbox, version")
