"""What a person at a terminal meets: tables that fit, words that fit the place, and files that find their way."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from client_world import REASON, World

from sandbox.adapters.home import create_home
from sandbox.faces.cli import talk as talk_module
from sandbox.faces.cli.main import main
from sandbox.faces.cli.refused import show
from sandbox.faces.cli.shown import answer_cells
from sandbox.faces.cli.talk import Talk
from sandbox.terms.refusal import HomeNotUsable, MalformedNumber, NameTaken, PassphraseWrong

PASSPHRASE = "correct horse battery"
LONG = "g_01M849YFTT7HWJ756R7HQ67XRD"


def run(*arguments: str, stdin: str | None = None, **environment: str | None) -> tuple[int, str, str]:
    clean = {"LANG": "en_US.UTF-8", "LC_ALL": None, "LC_MESSAGES": None, "SANDBOX_URL": None, "SANDBOX_TOKEN": None}
    result = CliRunner().invoke(main, arguments, input=stdin, env=clean | environment, prog_name="sandbox")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk_module, "is_terminal", lambda _: True)


@pytest.fixture
def signed_in(url: str, tmp_path: Path) -> dict[str, str | None]:
    return {"SANDBOX_URL": url, "XDG_CONFIG_HOME": str(tmp_path)}


# -- tables --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [50, 60, 80, 200])
def test_no_word_is_broken(
    width: int, terminal: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    columns = ("id", "unit_space", "epsilon_limit", "not_before")
    Talk("en").table(columns, [[LONG, "rand-hie-people", 5, "2026-11-23T13:36:23.898145Z"]] * 2, None)
    shown = capsys.readouterr().out
    for words in (LONG, "rand-hie-people", "epsilon", "2026-11-23", "13:36:23"):
        assert shown.count(words) >= 1 + (words == LONG), shown
    assert "898145" not in shown
    assert all(len(line) <= width for line in shown.splitlines())


def test_a_program_gets_every_digit(capsys: pytest.CaptureFixture[str]) -> None:
    Talk("en").table(("at",), [["2026-11-23T13:36:23.898145Z"]], None)
    assert capsys.readouterr().out == "2026-11-23T13:36:23.898145Z\n"


def test_facts_wrap_below_their_own_beginning(
    terminal: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    Talk("zh").pairs([("代价", "word " * 20), ("x", "short")], None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("代价   word")
    assert lines[1].startswith("       word")
    assert lines[-1].startswith("x      short")


def test_an_empty_list_says_so_to_a_person_only(capsys: pytest.CaptureFixture[str], terminal: None) -> None:
    Talk("en").table(("id",), [], [])
    assert capsys.readouterr() == ("", "There is nothing here.\n")


def test_an_empty_list_is_empty_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    Talk("en").table(("id",), [], [])
    assert capsys.readouterr() == ("", "")


# -- words ---------------------------------------------------------------------------------------------------------------


def test_only_the_enclave_speaks_of_what_was_spent(capsys: pytest.CaptureFixture[str]) -> None:
    show(Talk("en"), HomeNotUsable("It holds no enclave."))
    show(Talk("en"), MalformedNumber())
    assert "Nothing was spent" not in capsys.readouterr().err
    show(Talk("en"), NameTaken(spent="0"))
    assert "Nothing was spent" in capsys.readouterr().err


def test_a_misspelt_command_is_recognised() -> None:
    code, _, said = run("quary")
    assert (code, "Did you mean 'query'?" in said) == (2, True)


# -- homes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "passphrase"), [("Bad Name", PASSPHRASE), ("a+b", PASSPHRASE), ("", PASSPHRASE), ("good", "short")]
)
def test_a_home_that_cannot_be_leaves_nothing(name: str, passphrase: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, out, said = run("init", str(home), "--name", name, "--passphrase-file", "-", stdin=f"{passphrase}\n")
    assert (code, out) == (2, "")
    assert "home-not-usable" in said
    assert not home.exists()


def test_serving_what_is_no_home_leaves_nothing(tmp_path: Path) -> None:
    code, _, said = run("serve", str(tmp_path), "--passphrase-file", "-", stdin=f"{PASSPHRASE}\n")
    assert (code, "holds no enclave" in said) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_passphrase_is_not_a_sealed_enclave(tmp_path: Path) -> None:
    create_home(tmp_path / "home", "enclave.test", PASSPHRASE.encode())
    code, _, said = run("serve", str(tmp_path / "home"), "--passphrase-file", "-", stdin="another horse\n")
    assert code == PassphraseWrong.exit_code
    assert "passphrase-wrong" in said
    assert "books" not in said


@pytest.mark.parametrize(("command", "extra"), [("init", "enclave"), ("serve", "enclave"), ("demo", "demo")])
def test_the_light_client_makes_nothing(
    command: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.faces.cli.lazy.find_spec", lambda _: None)
    home = tmp_path / "home"
    arguments = [] if command == "demo" else [str(home), "--passphrase-file", "-"]
    code, out, said = run(command, *arguments, stdin=f"{PASSPHRASE}\n")
    assert (code, out) == (1, "")
    assert f"pip install 'trusted-sandbox[{extra}]'" in said
    assert not home.exists()


def test_a_port_that_is_none(tmp_path: Path) -> None:
    assert run("serve", str(tmp_path), "--port", "99999")[0] == 2


def test_there_is_nobody_to_ask(tmp_path: Path) -> None:
    code, _, said = run("init", str(tmp_path / "home"))
    assert (code, "--passphrase-file" in said) == (2, True)


# -- loading and granting ------------------------------------------------------------------------------------------------


def test_load_says_which_version(world: World, signed_in: dict[str, str | None]) -> None:
    steward = signed_in | {"SANDBOX_TOKEN": "token-of-steward"}
    code, out, said = run("dataset", "load", "clinic", "visits=visits.csv", **steward)
    assert (code, out, said) == (0, f"clinic\t1\t{'ab' * 32}\n", "Loaded as version 1.\n")


def test_load_copies_to_the_inbox_and_clears_it(world: World, signed_in: dict[str, str | None], tmp_path: Path) -> None:
    inbox, file = tmp_path / "inbox", tmp_path / "my visits.csv"
    inbox.mkdir()
    file.write_text("sex\nF\n", "utf-8")
    steward = signed_in | {"SANDBOX_TOKEN": "token-of-steward"}
    assert run("dataset", "load", "clinic", f"visits={file}", "--inbox", str(inbox), **steward)[0] == 0
    files = world.calls[0][1]["files"]
    assert files["visits"].endswith("-my_visits.csv")
    assert "/" not in files["visits"]
    assert list(inbox.iterdir()) == []
    code, _, said = run("dataset", "load", "clinic", f"visits={tmp_path}/no.csv", "--inbox", str(inbox), **steward)
    assert (code, "no.csv" in said) == (2, True)
    assert list(inbox.iterdir()) == []
    code, _, said = run("dataset", "load", "clinic", f"visits={file}", **steward)
    assert (code, "--inbox HOME/inbox" in said) == (2, True)


@pytest.mark.parametrize(
    ("until", "sent"),
    [("2030-12-31", "2030-12-31T00:00:00Z"), ("2030-12-31T08:00:00+08:00", "2030-12-31T00:00:00Z"), ("soon", None)],
)
def test_a_grant_ends_on_a_day(until: str, sent: str | None, signed_in: dict[str, str | None], world: World) -> None:
    ask = ["-d", "clinic", "-p", "research", "--epsilon", "1", "-m", REASON]
    analyst = signed_in | {"SANDBOX_TOKEN": "token-of-analyst"}
    code, _, said = run("grant", "request", *ask, "--until", until, **analyst)
    if sent is None:
        assert (code, "2030-12-31" in said, world.calls) == (2, True, [])
    else:
        assert (code, world.calls[0][1]["not_after"]) == (0, sent)


def test_a_release_that_is_neither_file_nor_query() -> None:
    code, _, said = run("release", "verify", "none.json")
    assert (code, "There is no file none.json" in said) == (2, True)


def test_cells_without_intervals_and_nulls_are_shown_as_they_are() -> None:
    rows = [{"k": "a", "n": 1200, "median": 5.5}, {"k": None, "n": 3, "median": None}]
    talk = Talk("en")
    columns, cells, figures = answer_cells(talk, ["k", "n", "median"], rows, {"n": [(1190, 1210), (-7, 13)]})
    assert columns == ["k", "n", "95 % interval", "median"]
    assert cells == [["a", "1,200", "1,190 … 1,210", 5.5], ["NULL", "3", "-7 … 13", "NULL"]]
    assert figures == [1, 2]
    empty = answer_cells(talk, ["k", "n"], [], {"n": []})
    assert empty == (["k", "n", "95 % interval"], [], [1, 2])
