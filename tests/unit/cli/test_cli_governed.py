"""Keys, grants, reviews, sealed releases, freezes and policies as people type them, each in their own role."""

import csv
import json
import sys
from io import StringIO
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
from client_world import REASON, World
from test_cli_verbs import ASK, SQL, Shell

from sandbox.client import FileKeyStore
from sandbox.faces.cli import talk as talk_module

UNTIL = ["--until", "2030-01-01"]
WANT = ["-d", "clinic", *ASK, *UNTIL, "-m", REASON]


@pytest.fixture
def shell(tmp_path: Path, url: str) -> Shell:
    return Shell(tmp_path / "config", url)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk_module, "is_terminal", lambda _: True)


def store(tmp_path: Path) -> FileKeyStore:
    return FileKeyStore(tmp_path / "config" / "sandbox" / "keys")


# -- keys ----------------------------------------------------------------------------------------------------------------


def test_key_register_show_rotate(shell: Shell, tmp_path: Path, world: World) -> None:
    assert shell.ok("key", "show").stdout == ""
    first = shell.ok("key", "register").stdout.strip()
    assert shell.ok("key", "register").stdout.strip() == first
    second = shell.ok("key", "register", "--rotate").stdout.strip()
    assert [keys.id for keys in world.people_keys["analyst"]] == [first, second]
    assert [pair.id for pair in store(tmp_path).pairs("enclave.test", "analyst")] == [first, second]
    assert shell.ok("key", "show").stdout == f"{first}\ttrue\ttrue\n{second}\ttrue\ttrue\n"
    assert shell("key", "register", role="steward").exit_code == 3


def test_keys_that_are_elsewhere_are_said_at_login_and_refuse_a_run(shell: Shell, tmp_path: Path, world: World) -> None:
    shell.ok("key", "register")
    path = store(tmp_path).path("enclave.test", "analyst")
    content = path.read_bytes()
    path.unlink()
    signed = shell.ok("login", shell.url, "--token-stdin", role=None, stdin="token-of-analyst\n")
    assert "Signed in as analyst" in signed.stderr
    assert f"{path} lacks them" in signed.stderr
    assert "lacks them" in shell.ok("key", "show").stderr
    refused = shell("query", "run", SQL, *ASK)
    assert refused.exit_code == 3
    for words in ("keys-required", "not on this machine", "Copy the key file"):
        assert words in refused.stderr
    shell.ok("query", "check", SQL, *ASK)
    path.write_bytes(content)
    path.chmod(0o644)
    unsafe = shell.ok("login", shell.url, "--token-stdin", role=None, stdin="token-of-analyst\n")
    assert "chmod 600" in unsafe.stderr
    chinese = shell("query", "run", SQL, *ASK, "--lang", "zh")
    assert (chinese.exit_code, "600" in chinese.stderr, "私钥文件" in chinese.stderr) == (3, True, True)
    path.chmod(0o600)
    shell.ok("query", "run", SQL, *ASK)
    assert len(world.people_keys["analyst"]) == 1


# -- grants --------------------------------------------------------------------------------------------------------------


def test_request_approve_decline_revoke(shell: Shell, world: World) -> None:
    asked = shell.ok("grant", "request", *WANT)
    assert asked.stderr == "Requested: gr_1. A steward of clinic decides.\n"
    assert world.calls[-1][1] == {
        "datasets": ["clinic"],
        "purpose": "research",
        "epsilon": "1",
        "not_after": "2030-01-01T00:00:00Z",
        "reason": REASON,
    }
    narrow = ["-t", "clinic.visits", "-c", "clinic.visits.sex", "-a", "count", "-a", "sum", "--uses", "3"]
    shell.ok("grant", "request", *WANT, *narrow, "--from", "2029-01-01")
    body = world.calls[-1][1]
    assert (body["tables"], body["columns"]) == (["clinic.visits"], ["clinic.visits.sex"])
    assert (body["aggregates"], body["uses"], body["not_before"]) == (["count", "sum"], 3, "2029-01-01T00:00:00Z")
    waiting = shell.ok("grant", "list", "--requests", role="steward").stdout.splitlines()
    assert [line.split("\t")[:2] for line in waiting] == [["gr_1", "asked"], ["gr_2", "asked"]]
    approved = shell.ok("grant", "approve", "gr_1", "--uses", "2", "--review", "two", role="steward")
    assert approved.stderr == "Approved: grant g_1 for analyst.\n"
    assert world.calls[-1] == ("approve", {"uses": 2, "review": "two"})
    assert shell("grant", "approve", "gr_1", role="steward").exit_code == 6
    assert "Declined: gr_2." in shell.ok("grant", "decline", "gr_2", "-m", REASON, role="steward").stderr
    assert "state\tdeclined\n" in shell.ok("grant", "view", "gr_2", role="steward").stdout
    assert "signature\tc2ln\n" in shell.ok("grant", "view", "g_1").stdout
    assert shell("grant", "view", "gr_9").exit_code == shell("grant", "view", "g_9").exit_code == 3
    assert shell.ok("grant", "list").stdout.startswith(
        "g_1\tactive\tanalyst\tacme\tclinic\tresearch\t5\t\t2\tprofile\t"
    )
    revoked = shell.ok("grant", "revoke", "g_1", "-m", REASON, role="steward")
    assert revoked.stdout.startswith("g_1\trevoked\t")
    for verb in (["decline", "gr_1"], ["revoke", "g_1"], ["request", *WANT[:-2]]):
        assert shell("grant", *verb).exit_code == 2
    assert shell("grant", "revoke", "g_1", "-m", "short", role="steward").exit_code == 2
    assert shell("grant", "approve", "gr_1", role="analyst").exit_code == 3
    for wrong in (["--uses", "0"], ["-a", "median"], ["--from", "soon"]):
        assert shell("grant", "request", *WANT, *wrong).exit_code == 2


@pytest.mark.parametrize(
    ("wrong", "code", "hint"),
    [
        (["-d", "clinics"], 3, "The catalogue has: clinic, roads"),
        (["-d", "clinic", "-t", "clinic.visit"], 2, "clinic offers the tables: clinic.visits"),
        (["-d", "clinic", "-c", "clinic.visits.agee"], 2, "clinic.visits offers the columns: clinic.visits.age, "),
        (["-d", "clinic", "-c", "clinic.visit.age"], 2, "clinic offers the tables: clinic.visits"),
    ],
)
def test_a_refused_request_says_what_there_is(shell: Shell, wrong: list[str], code: int, hint: str) -> None:
    refused = shell("grant", "request", *wrong, *ASK, *UNTIL, "-m", REASON)
    assert (refused.exit_code, hint in refused.stderr) == (code, True), refused.stderr
    document = shell("grant", "request", *wrong, *ASK, *UNTIL, "-m", REASON, "--json")
    assert json.loads(document.stderr)["code"]


def test_a_refusal_about_something_else_has_no_hint(shell: Shell) -> None:
    refused = shell("grant", "request", *WANT, role="steward")
    assert (refused.exit_code, "catalogue" in refused.stderr) == (3, False)


def test_catalogue(shell: Shell) -> None:
    assert shell.ok("catalogue", "list").stdout.startswith("clinic\tVisits\\x1b[31m of the clinic\tgeneral\tbureau\t")
    seen = shell.ok("catalogue", "view", "roads")
    assert seen.stdout.startswith("visits\tsex\tstring\t")
    assert "version" not in seen.stderr
    assert shell("catalogue", "view", "no").exit_code == 3


# -- a held release ------------------------------------------------------------------------------------------------------


@pytest.fixture
def held(shell: Shell) -> Shell:
    waits = shell("query", "run", SQL + " hold", *ASK, "--need", "The yearly report.")
    assert (waits.exit_code, waits.stdout) == (6, "")
    for words in ("review-pending", "waits for a reviewer (rr_q_1)", "sandbox release show q_1", "stays spent: 0.018"):
        assert words in waits.stderr
    return shell


def test_a_held_query_waits_and_is_shown_after_the_vote(held: Shell, world: World) -> None:
    assert json.loads(held("query", "run", SQL + " hold ", *ASK, "--json").stderr)["code"] == "review-pending"
    assert held("query", "run", SQL + " hold", *ASK, "--wait", "--timeout", "0.3").exit_code == 6
    assert "review id\trr_q_1\nreview outcome\theld\n" in held.ok("query", "show", "q_1").stdout
    assert held("release", "show", "q_1").exit_code == 6
    listed = held.ok("review", "list", role="reviewer").stdout
    assert listed.startswith("rr_q_1\twaiting\tclinic\tgeneral\tresearch\theld\t1\tfalse\t")
    view = held.ok("review", "view", "rr_q_1", role="reviewer")
    assert view.stdout == "F\t101\nM\t97\n"
    digest = world.reviews["rr_q_1"]["review"]["digest"]
    for words in ("analyst of acme asks", "The yearly report\\x1b[2J.", "Counts rows by sex.", "ρ = 0.018", digest):
        assert words in view.stderr
    assert "held: The grant asks for a reviewer. (duty)" in view.stderr
    chinese = held.ok("review", "view", "rr_q_1", "--lang", "zh", role="reviewer").stderr
    assert "需审核: 授权要求审核。" in chinese
    assert "按性别计数。" in chinese
    assert json.loads(held.ok("review", "view", "rr_q_1", "--json", role="reviewer").stdout)["digest"] == digest
    assert held("review", "approve", "rr_q_1", role="reviewer").exit_code == 2
    assert held("review", "approve", "rr_q_1", "-m", REASON, "--digest", "ab", role="reviewer").exit_code == 6
    assert held("review", "approve", "rr_q_1", "-m", REASON, "--digest", "0" * 64, role="reviewer").exit_code == 6
    assert held("review", "approve", "rr_q_1", "-m", REASON).exit_code == 3
    voted = held.ok("review", "approve", "rr_q_1", "-m", REASON, "--digest", digest, role="reviewer")
    assert voted.stdout == "rr_q_1\tapproved\tapproved\n"
    assert held.ok("release", "show", "q_1").stdout.startswith("F\t101")
    assert held("review", "reject", "rr_q_1", "-m", REASON, role="reviewer").exit_code == 6


def test_a_reviewer_at_a_terminal_sees_what_they_decide_on(held: Shell, world: World, terminal: None) -> None:
    kept = held.ok("review", "approve", "rr_q_1", "-m", REASON, role="reviewer", stdin="n\n")
    for words in ("95 % interval", "95 … 107"):
        assert words in kept.stdout
    assert "Approve exactly this?" in kept.stderr
    assert "No vote was cast." in kept.stderr
    assert not [call for call in world.calls if call[0] == "vote"]
    held.ok("review", "reject", "rr_q_1", "-m", REASON, role="reviewer", stdin="y\n")
    refused = held("release", "show", "q_1")
    assert (refused.exit_code, REASON in refused.stderr, "stays spent: 0.018" in refused.stderr) == (3, True, True)


def test_without_a_terminal_the_vote_is_on_the_copy_as_it_is(held: Shell, world: World) -> None:
    held.ok("review", "approve", "rr_q_1", "-m", REASON, role="reviewer")
    kinds = [world.facts_of(index)[0] for index in range(len(world.entries))]
    assert kinds.index("review.viewed") < kinds.index("release.released")


def test_withdraw(held: Shell) -> None:
    assert held.ok("query", "withdraw", "q_1").stdout == "q_1\twithdrawn\n"
    assert held("release", "show", "q_1").exit_code == 3
    assert held("query", "withdraw", "q_1").exit_code == 6


def test_check_says_who_will_look(shell: Shell) -> None:
    said = shell.ok("query", "check", SQL + " hold", *ASK).stdout
    assert "Review\theld for one reviewer\nReview\tThe grant asks for a reviewer.\n" in said
    assert "审核\t须经 1 名审核人员" in shell.ok("query", "check", SQL + " hold", *ASK, "--lang", "zh").stdout


# -- releases ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(shell: Shell, tmp_path: Path) -> Path:
    shell.ok("query", "run", SQL, *ASK)
    file = tmp_path / "release.json"
    shell.ok("release", "show", "q_1", "--save", str(file))
    return file


@pytest.fixture
def trusted(world: World) -> list[str]:
    return ["--log-key", world.log_key.verifier.text, "--release-key", world.release_key.verifier.text]


def test_verify_says_what_is_proved_to_anybody(
    shell: Shell, saved: Path, trusted: list[str], tmp_path: Path, url: str
) -> None:
    stranger = Shell(tmp_path / "elsewhere", "http://127.0.0.1:9")
    found = stranger.ok("release", "verify", str(saved), *trusted, role=None)
    assert found.stderr == "Every proof of this release holds:\n"
    for words in ("q_1 of analyst (acme)", "for the purpose research", "ρ = 0.018", "Not proved: "):
        assert words in found.stdout
    chinese = stranger.ok("release", "verify", str(saved), *trusted, "--lang", "zh", role=None)
    assert "未能证明" in chinese.stdout
    document = json.loads(stranger.ok("release", "verify", str(saved), *trusted, "--json", role=None).stdout)
    assert document["facts"]["query"] == "q_1"
    assert document["report"] == found.stdout.splitlines()
    assert stranger("release", "verify", str(saved), role=None).exit_code == 2
    assert stranger("release", "open", str(saved), *trusted, role=None).exit_code == 3
    assert shell("release", "verify", "q_9").exit_code == 3


def test_open_gives_every_form(shell: Shell, saved: Path, trusted: list[str], tmp_path: Path) -> None:
    rows = json.loads(shell.ok("release", "open", str(saved), *trusted, "--format", "json", role=None).stdout)
    assert rows[0] == {"sex": "F", "n": 101, "paid": 10.0, "age": 55.4}
    assert shell.ok("release", "open", str(saved), *trusted, role=None).stdout.startswith("F\t101\t10.0")
    text = shell.ok("release", "open", "q_1", "--format", "csv").stdout_bytes.decode()
    assert text.startswith('"sex","n","paid","age"\r\n"F",101,')
    out = tmp_path / "out"
    for form, reading in (
        ("json", lambda: json.loads(out.read_bytes())),
        ("csv", lambda: list(csv.DictReader(StringIO(out.read_bytes().decode(), newline="")))),
        ("parquet", lambda: pa.parquet.read_table(out).to_pylist()),
        ("arrow", lambda: pa.ipc.open_file(out).read_all().to_pylist()),
    ):
        written = shell.ok("release", "open", str(saved), *trusted, "--format", form, "-o", str(out), role=None)
        assert (written.stdout, written.stderr) == ("", f"Written: {out}.\n")
        found = reading()
        assert found == rows if form != "csv" else [row["n"] for row in found] == ["101", "97"]
    for form in ("parquet", "arrow"):
        assert shell("release", "open", str(saved), *trusted, "--format", form, role=None).exit_code == 2
    assert shell("release", "open", str(saved), *trusted, "-o", str(out), role=None).exit_code == 2
    assert shell("release", "open", "nothing").exit_code == 2


def test_open_without_pyarrow_names_the_extra(
    shell: Shell, saved: Path, trusted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name="pyarrow")

    monkeypatch.setattr("sandbox.client.export.import_module", missing)
    out = tmp_path / "out.parquet"
    result = shell("release", "open", str(saved), *trusted, "--format", "parquet", "-o", str(out), role=None)
    assert (result.exit_code, "trusted-sandbox[arrow]" in result.stderr, out.exists()) == (1, True, False)


def test_a_forged_file_is_neither_verified_nor_opened(shell: Shell, saved: Path, trusted: list[str]) -> None:
    document = json.loads(saved.read_text())
    document["certificate"]["facts"]["purpose"] = "marketing"
    saved.write_text(json.dumps(document))
    for verb in ("verify", "open"):
        result = shell("release", verb, str(saved), *trusted, role=None)
        assert (result.exit_code, result.stdout) == (8, "")


# -- officers ------------------------------------------------------------------------------------------------------------


def test_freeze_and_unfreeze(shell: Shell) -> None:
    for subject, name in (("person", "ann"), ("grant", "g_1"), ("dataset", "clinic")):
        result = shell.ok("freeze", subject, name, "-m", REASON, role="officer")
        assert f"Frozen: {subject} {name}" in result.stderr
        assert shell("freeze", subject, name, role="officer").exit_code == 2
    assert "another officer" in shell.ok("unfreeze", "f_1", "-m", REASON, role="officer").stderr
    assert shell.ok("unfreeze", "f_1", "-m", REASON, role="officer").stderr == "Lifted: f_1.\n"
    lines = shell.ok("freeze", "list", role="officer").stdout.splitlines()
    assert [line.split("\t")[:3] for line in lines][1] == ["f_2", "grant", "g_1"]
    assert shell("freeze", "person", "ann", "-m", REASON).exit_code == 3


def test_policy_explain(shell: Shell, world: World) -> None:
    asked = ["policy", "explain", "submit-query", "--as", "analyst", "-d", "clinic", "-c", "clinic.visits.sex"]
    found = shell.ok(*asked, role="officer")
    assert found.stderr == "Allowed, by:\n"
    assert found.stdout == "analyst-grant\tAn analyst may ask under a grant in force.\n"
    assert world.calls[-1][1]["columns"] == ["clinic.visits.sex"]
    assert "分析者可依据" in shell.ok(*asked, "--lang", "zh", role="officer").stdout
    refused = shell.ok("policy", "explain", "submit-query", "--as", "steward", role="officer")
    assert refused.stderr == "Refused (not-granted), by:\n"
    assert shell("policy", "explain", "submit-query", role="officer").exit_code == 2
    assert shell(*asked).exit_code == 3


def examples(monkeypatch: pytest.MonkeyPatch, failures: list[object]) -> None:
    module = ModuleType("policies.examples")
    module.run = lambda: failures
    monkeypatch.setitem(sys.modules, "policies.examples", module)


def test_policy_test(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    examples(monkeypatch, [])
    assert shell.ok("policy", "test", role=None).stderr == "Every example of the policies holds.\n"
    failure = SimpleNamespace(name="grants.toml: expired", expected="grant-not-in-force", found="permit")
    examples(monkeypatch, [failure])
    broken = shell("policy", "test", role=None)
    assert (broken.exit_code, broken.stdout) == (1, "grants.toml: expired\tgrant-not-in-force\tpermit\n")
    document = json.loads(shell("policy", "test", "--json", role=None).stdout)
    assert (document["holds"], len(document["failures"])) == (False, 1)


def test_policy_test_without_cedar_says_how_to_install(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "policies.examples", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] in {"cedarpy", "policies"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cedarpy", None)
    result = shell("policy", "test", role=None)
    assert (result.exit_code, "pip install 'trusted-sandbox[enclave]'" in result.stderr) == (1, True)
