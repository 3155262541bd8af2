"""The report: every finding has its sentence in both languages, and a whole log reads plainly."""

import re
from pathlib import Path

import pytest
from made_lives import lived
from made_logs import KEY

from sandbox.proof import report
from sandbox.proof.log_export import verify_export
from sandbox.proof.report import Finding, Findings

ROOM = Path(report.__file__).parent
CODES = sorted(report._FINDINGS)


@pytest.mark.parametrize("code", CODES)
def test_every_finding_speaks_both_languages(code):
    finding = Finding(code, 3, 17)
    english, chinese = finding.words(), finding.words("zh")
    assert english.endswith(".")
    assert english.isascii()
    assert chinese.endswith("。")
    assert re.search("[\u4e00-\u9fff]", chinese)
    if code != "log-empty":
        assert all("3" in words and "17" in words for words in (english, chinese))


def test_every_code_that_the_books_note_has_its_words():
    text = "".join(path.read_text("utf-8") for path in ROOM.glob("books*.py"))
    noted = set(re.findall(r'note\("([a-z-]+)"', text)) | set(re.findall(r'Finding\("([a-z-]+)"', text))
    assert noted <= set(CODES)
    made = {f"review-{decision}" for decision in ("approved", "rejected", "withdrawn", "lapsed", "open")}
    made |= {f"released-{outcome}" for outcome in ("automatic", "sampled", "held")} | {"unreleased"}
    assert noted | made == set(CODES)


def test_findings_count_and_keep_the_first_place():
    findings = Findings()
    for code, index in (("opened", 5), ("voted", 6), ("opened", 9)):
        findings.note(code, index)
    assert findings.all() == (Finding("opened", 2, 5), Finding("voted", 1, 6))


def test_a_whole_life_in_plain_words():
    log = lived()
    found = verify_export(log.lines(), KEY.verifier.text)
    english, chinese = found.words(), found.words("zh")
    assert len(english) == len(chinese)
    at = log.labels
    for line in (
        f"Releases that the rules let out without a reviewer: 2, first entry {at['release 1']}.",
        f"Releases that left after reviewers had approved them: 5, first entry {at['release 5']}.",
        f"Held answers that reviewers refused; they never left: 1, first entry {at['second again 8']}.",
        f"Votes against sampled answers after they had left: 1, first entry {at['second vote 4']}.",
        f"Freezes in force at the end: 1, the oldest set by entry {at['freeze rose']}.",
        f"Grants that a steward revoked: 1, first entry {at['revoke']}.",
        "review.voted: 21",
        "analyst bob · people: spent ρ 0.000000015 of 0.0000005",
    ):
        assert line in english
    assert f"日志末尾仍生效的冻结：1 项，最早的由第 {at['freeze rose']} 条设定。" in chinese
