"""Every verb against a real server: what goes to stdout, what to stderr, and the exit code."""

import json
import logging
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from client_world import CANARY, SECRET, World

from sandbox.client.credentials import Login, Pins, login_file, save
from sandbox.faces.cli import talk as talk_module
from sandbox.faces.cli.described import show_description
from sandbox.faces.cli.main import main
from sandbox.proof.signing import SigningKey
from sandbox.terms.refusal import AnswerPending, FileNotUsable, ReviewPending, SandboxError, Withheld, catalogue

SQL = "select sex, count(*) as n from clinic.visits group by sex"
ASK = ["-p", "research", "--epsilon", "1"]


class Shell:
    """`sandbox` as somebody types it."""

    def __init__(self, home: Path, url: str) -> None:
        self.url = url
        self.environment = {"XDG_CONFIG_HOME": str(home), "LANG": "en_US.UTF-8", "LC_ALL": None, "LC_MESSAGES": None}
        self.environment |= {
            "SANDBOX_URL": None,
            "SANDBOX_TOKEN": None,
            "SANDBOX_KEYS": None,
            "SANDBOX_DEBUG": None,
            "NO_COLOR": None,
        }

    def __call__(self, *arguments: str, role: str | None = "analyst", stdin: str | None = None, **more: str) -> Result:
        signed_in = {"SANDBOX_URL": self.url, "SANDBOX_TOKEN": f"token-of-{role}"} if role else {}
        environment = self.environment | signed_in | more
        result = CliRunner().invoke(main, arguments, input=stdin, env=environment, prog_name="sandbox")
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def ok(self, *arguments: str, **more: str | None) -> Result:
        result = self(*arguments, **more)
        assert result.exit_code == 0, result.output
        return result


@pytest.fixture
def shell(tmp_path: Path, url: str) -> Shell:
    return Shell(tmp_path / "config", url)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk_module, "is_terminal", lambda _: True)


# -- each verb -----------------------------------------------------------------------------------------------------------


def test_login_keeps_the_sign_in_and_the_keys(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    result = shell.ok("login", shell.url, "--token-stdin", role=None, stdin="token-of-analyst\n")
    assert result.stdout == ""
    first, second = result.stderr.splitlines()
    assert first == "Signed in as analyst (analyst, acme)."
    assert second.startswith("Keys k_") and str(tmp_path / "config" / "sandbox" / "keys") in second
    assert len(world.people_keys["analyst"]) == 1
    again = shell.ok("login", shell.url, "--token-stdin", role=None, stdin="token-of-analyst\n")
    assert "Your keys k_" in again.stderr
    assert len(world.people_keys["analyst"]) == 1
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert oct(login_file().stat().st_mode & 0o777) == "0o600"
    key = world.people_keys["analyst"][0].id
    assert shell.ok("person", "whoami", role=None).stdout == f"analyst\tacme\tanalyst\t\t{key}\tfalse\n"
    world.log_key = SigningKey("enclave.test", b"x" * 32)
    assert shell("person", "whoami", role=None).exit_code == 8


def test_login_refuses_wrong_and_empty_tokens(shell: Shell) -> None:
    assert shell("login", shell.url, "--token-stdin", role=None, stdin="wrong-token-here\n").exit_code == 4
    assert shell("login", shell.url, "--token-stdin", role=None, stdin="\n").exit_code == 4
    assert shell("login", "http://sandbox.example", "--token-stdin", role=None, stdin="t\n").exit_code == 2
    assert shell("dataset", "list", role=None).exit_code == 4


def test_dataset_list_and_view(shell: Shell) -> None:
    line = "clinic\tVisits\\x1b[31m of the clinic\tgeneral\tbureau\tpatients\ttrue\n"
    assert shell.ok("dataset", "list").stdout == line
    assert json.loads(shell.ok("dataset", "list", "--json").stdout)[0]["title"] == "Visits\x1b[31m of the clinic"
    seen = shell.ok("dataset", "view", "clinic")
    assert seen.stdout.splitlines()[0] == "visits\tsex\tstring\tvalue\tF, M\t\t\t\t"
    assert "zcdp, epsilon 20, delta 1e-6" in seen.stderr
    assert json.loads(shell.ok("dataset", "view", "clinic", "--json").stdout)["version"] == 1
    assert shell("dataset", "view", "other").exit_code == 3


def test_dataset_register(shell: Shell, tmp_path: Path, world: World) -> None:
    file = tmp_path / "clinic.toml"
    file.write_text('[dataset]\nname = "clinic"\n', "utf-8")
    assert shell.ok("dataset", "register", str(file), role="steward").stderr == "Registered: clinic.\n"
    assert world.calls == [("register", {"description": '[dataset]\nname = "clinic"\n', "file": "clinic.toml"})]
    file.write_text("[dataset]\nwrong = 1\n", "utf-8")
    refused = shell("dataset", "register", str(file), role="steward")
    assert refused.exit_code == 2
    for words in (
        "description-invalid",
        "line 2",
        "    wrong = 1",
        "clinic.toml:2:",
        "allowed: name, title",
        "Nothing was",
    ):
        assert words in refused.stderr
    file.write_bytes(b"\xff")
    assert shell("dataset", "register", str(file), role="steward").exit_code == 2
    assert shell("dataset", "register", str(tmp_path / "none.toml"), role="steward").exit_code == 2


def test_dataset_load(shell: Shell, world: World) -> None:
    result = shell.ok("dataset", "load", "clinic", "visits=visits.csv", role="steward")
    assert result.stdout == f"clinic\t1\t{'ab' * 32}\n"
    assert world.calls == [("load", {"files": {"visits": "visits.csv"}, "mode": "whole"})]
    for flag in ("append", "replace-units"):
        shell.ok("dataset", "load", "clinic", "visits=visits.csv", f"--{flag}", role="steward")
        assert world.calls[-1] == ("load", {"files": {"visits": "visits.csv"}, "mode": flag})
    world.load_problem = FileNotUsable("visits.csv: row 3 of column age is not a whole number.")
    refused = shell("dataset", "load", "clinic", "visits=visits.csv", role="steward")
    assert (refused.exit_code, "row 3" in refused.stderr) == (2, True)
    for files in (["visits"], ["=x"], ["visits="], ["a=x", "a=y"], []):
        assert shell("dataset", "load", "clinic", *files, role="steward").exit_code == 2


def test_query_check(shell: Shell, world: World, tmp_path: Path) -> None:
    result = shell.ok("query", "check", SQL, *ASK)
    assert result.stderr == "Nothing was spent.\n"
    lines = dict(line.split("\t") for line in result.stdout.splitlines())
    assert lines["✓ Answerable"] == "Counts rows by sex. 2 public keys."
    assert lines["Cost"] == "epsilon 1 (ρ = 0.018); 20 of this cost fit into what is left"
    assert "± 9.5 in groups of 100" in result.stdout
    chinese = shell.ok("query", "check", SQL, *ASK, "--lang", "zh").stdout
    for words in ("按性别计数。2 个公开键。", "授权账户 g_1：ρ = 0.372", "每组 100 行时 ± 9.5", "95 % 区间"):
        assert words in chinese
    assert json.loads(shell.ok("query", "check", SQL, *ASK, "--json").stdout)["wait_ms"] == 250
    file = tmp_path / "q.sql"
    file.write_text(SQL, "utf-8")
    shell.ok("query", "check", "-f", str(file), *ASK)
    shell.ok("query", "check", "-", *ASK, stdin=SQL)
    body = {"sql": SQL, "purpose": "research", "epsilon": "1", "dry_run": True}
    assert all(call == ("check", body) for call in world.calls)
    shell.ok("query", "check", SQL, *ASK, "--need", "The yearly report.")
    assert world.calls[-1] == ("check", body | {"need": "The yearly report."})
    assert shell("query", "check", *ASK).exit_code == 2
    assert shell("query", "check", SQL, "-f", str(file), *ASK).exit_code == 2
    assert shell("query", "check", SQL, "-p", "research", "--epsilon", "a lot").exit_code == 2
    assert world.queries == {}


def test_query_check_explains_and_draws(shell: Shell, world: World, tmp_path: Path) -> None:
    lines = shell.ok("query", "check", SQL, *ASK, "--explain").stdout.splitlines()
    assert lines[:3] == ["✓ Answerable\tin 2 steps", "Step 1\tCounts rows by sex.", "Step 2\t2 public keys."]
    chinese = shell.ok("query", "check", SQL, *ASK, "--explain", "--lang", "zh").stdout.splitlines()
    assert [line.split("\t")[0] for line in chinese[1:3]] == ["第 1 步", "第 2 步"]
    file = tmp_path / "plan.svg"
    saved = shell.ok("query", "check", SQL, *ASK, "--save-svg", str(file), "--lang", "zh")
    assert f"{file}" in saved.stderr
    assert file.read_text("utf-8") == '<svg xmlns="http://www.w3.org/2000/svg"><title>zh</title></svg>'
    assert [call[1].get("picture") for call in world.calls] == [None, None, None, "zh"]
    assert "typical: noisy, no interval known" in shell.ok("query", "check", SQL, *ASK).stdout
    assert "typical：含噪声，无已知区间" in shell.ok("query", "check", SQL, *ASK, "--lang", "zh").stdout
    assert world.queries == {}


def test_linked_and_public_tables_are_described(capsys: pytest.CaptureFixture[str]) -> None:
    table = {"name": "orders", "unit": None, "link": {"through": "customer", "column": "o_customer", "key": "c_id"}, "key": ["o_id"],
             "rows_max": 9, "max_rows_per_unit": 3, "max_groups_per_unit": 2, "columns": []}  # fmt: skip
    bare = {"name": "nation", "unit": None, "link": None, "key": [], "rows_max": 25, "columns": []}
    head = {"title": "T", "grade": "general", "steward": "s", "epsilon": "1"}
    space = {"name": "people", "mode": "zcdp", "epsilon": "20", "delta": "1e-6"}
    show_description(talk_module.Talk("en"), head | {"name": "shop", "space": space, "tables": [table]})
    assert capsys.readouterr().err == (
        "shop: T (general, steward s)\nunit space people: zcdp, epsilon 20, delta 1e-6; this dataset: epsilon 1\n"
        "table orders: unit of customer, where o_customer = c_id, at most 9 rows, 3 a unit in 2 groups; one row for each o_id\n"
    )
    for language, words in (("en", "public: everybody"), ("zh", "公开：人人可见")):
        show_description(
            talk_module.Talk(language), head | {"name": "places", "space": None, "tables": [bare], "version": None}
        )
        told = capsys.readouterr().err
        assert words in told
        assert "None" not in told


def test_query_run_in_a_pipe_gives_bare_values(shell: Shell, world: World) -> None:
    result = shell.ok("query", "run", SQL, *ASK)
    assert result.stdout == f"F\t101\t10.0\t55.4\nM\t97\t25.0\t{55 - 10 / 98}\n"
    assert "q_1: charged ρ = 0.018 (epsilon 1); log entry 3; certificate and proofs hold." in result.stderr
    document = json.loads(shell.ok("query", "run", SQL + " again", *ASK, "--json").stdout)
    assert document["rows"][0] == {"sex": "F", "n": 101, "paid": 10.0, "age": 55.4}
    assert document["intervals"]["n"][0][0] < 101 < document["intervals"]["n"][0][1]
    assert (document["reused"], document["cost"]["amount"]) == (True, "0")
    assert shell.ok("query", "run", SQL, *ASK, "--no-wait").stdout == "q_3\n"


def test_query_run_with_a_key_runs_once(shell: Shell, world: World) -> None:
    for _ in range(2):
        shell.ok("query", "run", SQL, *ASK, "--idempotency-key", "my-key-0001")
    assert len(world.queries) == 1


def test_query_run_asks_once_on_a_terminal(shell: Shell, world: World, terminal: None) -> None:
    refused = shell.ok("query", "run", SQL, *ASK, stdin="n\n")
    assert "Run it for epsilon 1?" in refused.stderr
    assert "Cost           epsilon 1" in refused.stderr
    assert "Nothing was spent." in refused.stderr
    assert (refused.stdout, world.queries) == ("", {})
    taken = shell.ok("query", "run", SQL, *ASK, stdin="y\n")
    assert taken.stderr.count("Run it for") == 1
    assert "95 % interval" in taken.stdout
    assert "101" in taken.stdout
    assert "Run it for" not in shell.ok("query", "run", SQL, *ASK, "--yes").stderr


def test_a_terminal_gets_tables_and_colour_unless_told(shell: Shell, terminal: None) -> None:
    table = shell.ok("dataset", "list").stdout
    assert "unit space" in table
    assert "\x1b[31m" not in table
    shown = shell.ok("dataset", "load", "clinic", "visits=v.csv", role="steward", NO_COLOR="1")
    assert "manifest" in shown.stdout


def test_query_list_and_show_and_release(shell: Shell, world: World, tmp_path: Path) -> None:
    shell.ok("query", "run", SQL, *ASK)
    assert shell.ok("query", "list").stdout.startswith("q_1\tdone\tclinic\tresearch\t1\t0.018\t")
    assert "entry\t1\n" in shell.ok("query", "show", "q_1").stdout
    assert shell("query", "show", "q_9").exit_code == 3
    file = tmp_path / "release.json"
    assert shell.ok("release", "show", "q_1", "--save", str(file)).stdout.startswith("F\t101")
    assert "hold" in shell.ok("release", "verify", "q_1").stderr
    keys = ["--log-key", world.log_key.verifier.text, "--release-key", world.release_key.verifier.text]
    assert "hold" in shell.ok("release", "verify", str(file), *keys, role=None).stderr
    assert shell("release", "verify", str(file), role=None).exit_code == 2
    assert shell("release", "verify", str(file), *keys[:2], role=None).exit_code == 2
    assert shell("release", "verify", str(file), *keys[:3], keys[1], role=None).exit_code == 8
    file.write_text(file.read_text("utf-8").replace('"acme"', '"acne"'), "utf-8")
    assert shell("release", "verify", str(file), *keys, role=None).exit_code == 8
    file.write_text("[]", "utf-8")
    assert shell("release", "verify", str(file), *keys, role=None).exit_code == 8


def test_a_saved_release_verifies_under_pinned_keys(shell: Shell, world: World, tmp_path: Path) -> None:
    shell.ok("query", "run", SQL, *ASK)
    file = tmp_path / "release.json"
    shell.ok("release", "show", "q_1", "--save", str(file))
    shell.ok("login", shell.url, "--token-stdin", role=None, stdin="token-of-analyst\n")
    found = json.loads(shell.ok("release", "verify", str(file), "--json", role=None).stdout)
    assert (found["facts"]["query"], found["reused"]) == ("q_1", None)


def test_budget_and_people(shell: Shell) -> None:
    assert shell.ok("budget", "view").stdout == "grant\tg_1\tpatients\tzcdp\t0.39\t0.018\t0.372\t5\t1\n"
    enrolled = shell.ok("person", "enrol", "bob", "--org", "acme", "--role", "analyst", role="administrator")
    assert enrolled.stdout == f"bob\tacme\tanalyst\t\t{SECRET}\n"
    same = ["--org", "acme", "--role", "reviewer", "--identity", "staff-17"]
    assert "\tstaff-17\t" in shell.ok("person", "enrol", "bob-r", *same, role="administrator").stdout
    assert SECRET not in enrolled.stderr
    assert shell("person", "enrol", "bob", "--org", "acme", "--role", "analyst").exit_code == 3
    assert shell("person", "enrol", "bob", "--org", "acme", "--role", "king").exit_code == 2


def test_audit(shell: Shell, world: World, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    world.append("query.checked", {"text_tag": "ab", "verdict": "answerable", "purpose": "p"})
    shell.ok("audit", "export", str(file), role="officer")
    key = world.log_key.verifier.text
    report = shell.ok("audit", "verify", str(file), "--key", key, role=None)
    assert "holds 2 entries" in report.stdout
    assert "共有 2 条" in shell.ok("audit", "verify", str(file), "--key", key, "--lang", "zh", role=None).stdout
    assert json.loads(shell.ok("audit", "verify", str(file), "--key", key, "--json", role=None).stdout)["size"] == 2
    whole = file.read_bytes()
    for place in range(0, len(whole), 37):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        found = shell("audit", "verify", str(file), "--key", key, role=None)
        assert found.exit_code == 8, place
        assert "Nothing was spent" not in found.stderr
    assert shell("audit", "verify", str(file), "--key", "nonsense", role=None).exit_code == 2
    assert shell.ok("audit", "prove", "1", role="officer").stderr == "Entry 1 is in the log of 2 entries.\n"
    assert shell("audit", "prove", "7", role="officer").exit_code == 3
    assert shell("audit", "export", str(tmp_path / "no" / "log"), role="officer").exit_code == 2
    assert shell("audit", "export", str(file), role="analyst").exit_code == 3


# -- refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", catalogue(), ids=lambda kind: kind.code)
def test_every_refusal_is_words_and_an_exit_code(shell: Shell, kind: type[SandboxError]) -> None:
    english = shell("query", "check", f"refuse:{kind.code} it", *ASK)
    assert english.exit_code == kind.exit_code
    assert english.stdout == ""
    for words in (kind.code, kind.title, kind.advice, "This is why.", "line 1, column 3", "write: select count(*)"):
        assert words in english.stderr
    chinese = shell("query", "check", f"refuse:{kind.code} it", *ASK, LANG="zh_CN.UTF-8")
    for words in (kind.title_zh, kind.advice_zh, "第 1 行，第 3 列"):
        assert words in chinese.stderr
    if kind.code != "proof-failed":
        measured = issubclass(kind, Withheld | ReviewPending | AnswerPending)  # its loss was spent before, if not now
        assert ("Nothing more was spent." if measured else "Nothing was spent.") in english.stderr
        assert ("未再消耗预算。" if measured else "未消耗任何预算。") in chinese.stderr
    document = json.loads(shell("query", "run", f"refuse:{kind.code} it", *ASK, "--json").stderr)
    assert document["code"] == kind.code


def test_the_catalogue_is_whole() -> None:
    assert len(catalogue()) >= 40
    for kind in catalogue():
        assert kind.title
        assert kind.advice
        assert any("\u4e00" <= character <= "\u9fff" for character in kind.title_zh)
        assert any("\u4e00" <= character <= "\u9fff" for character in kind.advice_zh)
        assert 400 <= kind.status < 600
        assert 1 <= kind.exit_code <= 8


def test_the_caret_stands_under_the_place(shell: Shell) -> None:
    lines = shell("query", "check", "refuse:unknown-column 病人 x", *ASK).stderr.split("\n")
    place = lines.index("    refuse:unknown-column 病人 x")
    assert lines[place + 1] == "      ^^^^"


def test_a_forfeit_says_what_stays_spent(shell: Shell, world: World) -> None:
    world.forfeit = True
    result = shell("query", "run", SQL, *ASK)
    assert result.exit_code == 1
    assert "Spent, and stays spent: 0.018." in result.stderr


def test_a_slow_answer_says_how_to_ask_again(shell: Shell, world: World) -> None:
    world.wait_for = 10_000
    result = shell("query", "run", SQL, *ASK, "--timeout", "0.2")
    assert (result.exit_code, "ask for q_1 again" in result.stderr) == (6, True)


def test_nobody_answers(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.client.transport.RETRY_PAUSES", ())
    result = shell("dataset", "list", SANDBOX_URL="http://127.0.0.1:9")
    assert (result.exit_code, "does not answer" in result.stderr) == (6, True)


def test_a_fault_inside_stays_inside(shell: Shell) -> None:
    result = shell("query", "check", "fault", *ASK)
    assert result.exit_code == 1
    assert CANARY not in result.output


def test_the_clients_own_failure_is_one_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("sandbox.client.connection.Connection.datasets", broken)
    result = shell("dataset", "list")
    assert result.exit_code == 1
    assert "RuntimeError" in result.stderr
    assert CANARY not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_no_token_in_anything_that_is_said(shell: Shell, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        said = [shell("login", shell.url, "--token-stdin", role=None, stdin="token-of-analyst\n")]
        said += [
            shell(*verb) for verb in (["dataset", "list"], ["dataset", "view", "no"], ["query", "check", "x", *ASK])
        ]
    assert not any("token-of" in result.output for result in said)
    assert "token-of" not in caplog.text


# -- the enclave's own commands -------------------------------------------------------------------------------------------


def test_help_lists_every_command_without_importing(shell: Shell) -> None:
    words = shell.ok("--help", role=None).stdout
    nouns = [
        "key",
        "catalogue",
        "dataset",
        "grant",
        "query",
        "review",
        "release",
        "budget",
        "person",
        "policy",
        "freeze",
        "audit",
    ]
    for command in ("login", *nouns, "unfreeze", "init", "serve", "demo"):
        assert f"  {command} " in words
    for noun in nouns:
        assert "Commands:" in shell.ok(noun, "--help", role=None).stdout
    assert shell("grant", "give", role=None).exit_code == 2
    assert shell("nonsense", role=None).exit_code == 2


@pytest.mark.parametrize(("command", "extra"), [("serve", "enclave"), ("init", "enclave"), ("demo", "demo")])
def test_without_the_extra_it_says_how_to_install(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str, extra: str
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name="numba")

    monkeypatch.setattr("sandbox.faces.cli.lazy.import_module", missing)
    result = shell(command, role=None)
    assert result.exit_code == 1
    assert f"pip install 'trusted-sandbox[{extra}]'" in result.stderr


def test_login_file_of_another_enclave_is_not_used(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    save(Login("http://127.0.0.1:9", "token-of-analyst", Pins("a", "b", "c")))
    assert shell("dataset", "list", role=None, SANDBOX_URL=shell.url).exit_code == 4
    assert os.environ.get("SANDBOX_TOKEN") is None
