"""What the documentation shows is true: links resolve, snippets run, commands exist, generated pages are fresh."""

import re
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click
import pytest
from tests_support import CLINIC
from write_reference import PAGES, REFERENCE, commands, context, problems

from sandbox.proof.log_export import verify_export
from sandbox.terms.refusal import catalogue
from sandbox.testing import Enclave

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "sandbox" / "docs"
README = ROOT / "README.md"
PARTS = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
_TEST = re.compile(r"`(?P<file>test_\w+\.py)(?:::(?P<name>test_\w+))?`")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    return [found["body"] for found in _FENCE.finditer(page.read_text("utf-8")) if found["language"] == language]


def anchors(page: Path) -> set[str]:
    headings = (found["text"].lower() for found in _HEADING.finditer(_FENCE.sub("", page.read_text("utf-8"))))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def shown_commands() -> Iterator[tuple[str, list[str]]]:
    for page in PARTS:
        for body in blocks(page, "console"):
            for line in body.splitlines():
                words = shlex.split(line.removeprefix("$ "), comments=True)
                if words[:1] == ["sandbox"]:
                    yield page.name, words


@pytest.mark.parametrize("page", PARTS, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    for found in _LINK.finditer(_FENCE.sub("", page.read_text("utf-8"))):
        path, _, anchor = found["target"].partition("#")
        if path.startswith(("http:", "https:")):
            continue
        target = page if not path else (page.parent / path).resolve()
        assert target.is_relative_to(ROOT), found[0]
        assert target.exists(), found[0]
        assert not anchor or anchor in anchors(target), found[0]


@pytest.mark.parametrize("page", PARTS, ids=lambda page: page.name)
def test_the_tests_that_are_named_exist(page: Path) -> None:
    for found in _TEST.finditer(page.read_text("utf-8")):
        (file,) = (ROOT / "tests").rglob(found["file"])
        assert found["name"] is None or f"\ndef {found['name']}(" in file.read_text("utf-8"), found[0]


def test_every_promise_and_weakness_says_who_and_what_the_tests_show() -> None:
    text = (DOCS / "explanation" / "known-weaknesses.md").read_text("utf-8")
    _, promised, not_promised = re.split(r"^## .*$", text, flags=re.MULTILINE)
    for part, columns, least in ((promised, 3, 8), (not_promised, 4, 25)):
        rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| ")]
        assert len(rows) > least
        assert all(len(row) == columns and all(cell.strip(" -") for cell in row) for row in rows)


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_fresh(page: str) -> None:
    assert (REFERENCE / page).read_text("utf-8") == PAGES[page](), "run: python tests/docs/write_reference.py"


def test_every_problem_has_its_anchor() -> None:
    assert {kind.code for kind in catalogue()} <= anchors(REFERENCE / "problems.md")
    assert problems().count("\n## ") == len(catalogue())


def test_the_commands_that_are_shown_exist() -> None:
    known = dict(commands())
    shown = list(shown_commands())
    assert len(shown) >= 15
    for page, words in shown:
        path = next((" ".join(words[:length]) for length in (3, 2) if " ".join(words[:length]) in known), None)
        assert path is not None, (page, words)
        command, arguments = known[path], words[len(path.split()) :]
        options = {name for item in command.params if isinstance(item, click.Option) for name in item.opts}
        assert {word for word in arguments if re.fullmatch(r"-{1,2}[a-z][a-z-]*", word)} <= options, (page, words)
        _, _, given = command.make_parser(context(path, command)).parse_args(list(arguments))
        wanted = {item for item in command.params if item.required}
        assert wanted <= set(given), (page, words)


def test_the_picture_needs_nothing_from_elsewhere() -> None:
    picture = (DOCS / "tutorial" / "demo.svg").read_text("utf-8")
    assert "@font-face" not in picture
    assert set(re.findall(r"url\((.)", picture)) == {"#"}
    assert "<script" not in picture
    assert "nothing was left behind" in picture.replace("&#160;", " ")


def run(code: str, **names: object) -> dict[str, Any]:
    space: dict[str, Any] = dict(names)
    exec(compile(code, "snippet", "exec"), space)
    return space


def test_the_readme_s_snippets_run(
    enclave: Enclave, rand_hie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The analyst requests and, once the steward has approved, asks: with keys of their own, in a folder of their own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    description = (DOCS / "tutorial" / "rand-hie.toml").read_text("utf-8").replace("rand-hie", "readme-hie")
    enclave.load(description, {"years": rand_hie})
    enclave.person("readme-ann", org="acme", role="analyst")
    asking, using = (
        block.replace("rand-hie", "readme-hie").replace("http://127.0.0.1:8440", enclave.url)
        for block in blocks(README, "python")
    )
    assert asking.count("…") == 1
    names = run(asking.replace("…", enclave.token("readme-ann")))
    steward = enclave.steward_of("health-bureau")
    (request,) = [item for item in steward.grant_requests() if item["datasets"] == ["readme-hie"]]
    steward.approve_grant(request["id"])
    release = run(using, **{name: names[name] for name in ("sandbox", "ann")})["release"]
    assert len(release.to_pylist()) == 5
    assert (tmp_path / "release.json").exists()


def test_the_testing_page_s_snippet_runs(
    enclave: Enclave, visits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def running() -> AbstractContextManager[Enclave]:
        return nullcontext(enclave)

    (tmp_path / "clinic.toml").write_text(CLINIC.replace("clinic", "docsclinic"), "utf-8")
    (tmp_path / "visits.csv").write_bytes(visits.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sandbox.testing.start_enclave", running)
    (snippet,) = blocks(REFERENCE / "testing.md", "python")
    code = snippet.replace('"ann"', '"docs-ann"').replace('["clinic"]', '["docsclinic"]')
    release = run(code.replace("from clinic.visits", "from docsclinic.visits"))["release"]
    assert [row["sex"] for row in release.to_pylist()] == ["F", "M"]


def test_the_officer_s_last_step_holds(enclave: Enclave, tmp_path: Path) -> None:
    export = enclave.officer.export_log(tmp_path / "log.jsonl")
    with export.open("rb") as lines:
        assert verify_export(lines, enclave.administrator.enclave()["log_key"]).size > 0
