"""Typical mistakes of SQL users: each refusal names the place and what to do, and its rewrite compiles.

`typical_mistakes.txt` holds the texts with all that is said of them: a change of any message shows here. `harmless_habits.txt`
holds what other dialects write otherwise and is answered as it is meant.
"""

from pathlib import Path

import pytest
from plan_examples import BOTH, SHOP

from sandbox.plan import compile as compiling
from sandbox.plan.canonical import plan_digest
from sandbox.plan.compile import compile_query
from sandbox.plan.tables_named import example
from sandbox.terms.refusal import NotAnswerable

HERE = Path(__file__).parent
DATASETS = {**SHOP, **BOTH}
MISTAKES_LEAST = 150


def read_pairs(name, size):
    """The entries of a file: lines that are neither blank nor comments, `size` at a time."""
    lines = [
        line.strip() for line in (HERE / name).read_text("utf-8").splitlines() if line and not line.startswith("#")
    ]
    return [tuple(lines[number : number + size]) for number in range(0, len(lines), size)]


MISTAKES = read_pairs("typical_mistakes.txt", 3)
HABITS = read_pairs("harmless_habits.txt", 2)
EXAMPLES = {example(dataset, table) for dataset in DATASETS.values() if not dataset.public for table in dataset.tables}


def refused(sql):
    with pytest.raises(NotAnswerable) as found:
        compile_query(sql, DATASETS)
    return found.value


def told(sql, refusal):
    """The three lines of the file for a refusal."""
    start = refusal.span.column - 1
    end = start + refusal.span.length
    return f"{sql[:start]}«{sql[start:end]}»{sql[end:]}", f"{refusal.code}: {refusal.detail}", str(refusal.rewrite)


@pytest.mark.parametrize("entry", MISTAKES, ids=[entry[0][:70] for entry in MISTAKES])
def test_a_mistake_is_shown_with_its_place_and_a_rewrite_that_works(entry):
    sql = entry[0].replace("«", "").replace("»", "")
    refusal = refused(sql)
    assert told(sql, refusal) == entry
    assert compile_query(refusal.rewrite, DATASETS)


def test_there_are_enough_of_them_and_most_rewrites_are_of_the_text():
    """The others are an example query: where nothing near to the text can be answered."""
    assert len(MISTAKES) >= MISTAKES_LEAST
    assert sum(rewrite not in EXAMPLES for _, _, rewrite in MISTAKES) >= MISTAKES_LEAST
    assert len({said.partition(": ")[2] for _, said, _ in MISTAKES}) >= 80


def test_every_message_says_what_to_do():
    """The words for what nobody thought of stand at few places: nearly every message is about its mistake."""
    vague = ("from here on", "This part of SQL", "This word has no meaning", "This form is not available")
    assert sum(any(words in said for words in vague) for _, said, _ in MISTAKES) <= 12
    assert all(len(said) < 220 for _, said, _ in MISTAKES)


@pytest.mark.parametrize(("habit", "standard"), HABITS, ids=[habit[:70] for habit, _ in HABITS])
def test_a_harmless_habit_has_the_plan_of_the_standard_text(habit, standard):
    assert plan_digest(compile_query(habit, DATASETS)) == plan_digest(compile_query(standard, DATASETS))


def test_control_without_candidates_few_rewrites_are_of_the_text(monkeypatch):
    """Were the candidates lost, only examples would be left, and the counts above would notice."""
    monkeypatch.setattr(compiling, "_TRIES_MAX", 0)
    texts = [marked.replace("«", "").replace("»", "") for marked, _, _ in MISTAKES[::4]]
    assert all(refused(sql).rewrite in EXAMPLES for sql in texts)


def test_control_a_text_that_is_not_the_standard_one_has_another_plan():
    habit = "select count(*) as n from clinic.visits where age != 3"
    other = "select count(*) as n from clinic.visits where age = 3"
    assert plan_digest(compile_query(habit, DATASETS)) != plan_digest(compile_query(other, DATASETS))
