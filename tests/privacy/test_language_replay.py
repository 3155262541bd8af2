"""Record and replay for the whole language: on a town with one unit more, nothing outside the data plane is different.

As `test_record_replay`, for the questions of `audit_town_operators`: joins, subqueries, windows, private keys, trees,
several measurements, two datasets and public tables. Noise is frozen, and with it which private groups show.
"""

import pytest
from audit_planted_relations import case_raises_on_a_row
from audit_town import BASE, PAIRS, PUBLIC, TABLES, Tables, with_unit
from audit_town_operators import QUESTIONS
from figures import record_figure
from replay_world import Loaded, record
from test_record_replay import differences

SOURCE = "tests/privacy/test_language_replay.py"
SPACE = """
[unit_spaces.people]
accounting = "zcdp"
budget = { epsilon = "4000", delta = "1e-6" }
buckets = 2
"""
ASKED = tuple(question.sql for question in QUESTIONS.values() if question.bounds is None)
FEW = tuple(
    QUESTIONS[name].sql
    for name in (
        "case of every kind",
        "mixed keys",
        "median",
        "first orders",
        "three tables",
        "not in",
        "joined answers",
    )
)
QUICK = ("hostile", "distinct")


def loaded(tables: Tables) -> list[Loaded]:
    """The datasets of an enclave with these rows."""
    texts = TABLES.descriptions | {"town": TABLES.descriptions["town"] + SPACE}
    return [
        Loaded(
            texts[name],
            {
                table.name: (TABLES.columns[name, table.name], tables.get((name, table.name), ()))
                for table in TABLES.datasets[name].tables
            },
        )
        for name in ("town", "school", "codes")
    ]


def seen(tables: Tables, queries: tuple[str, ...]) -> list[str]:
    return record(loaded(tables), queries)


@pytest.fixture(scope="module")
def quiet() -> list[str]:
    return seen(BASE, FEW)


@pytest.mark.parametrize("pair", QUICK)
def test_a_few_questions_of_many_shapes_show_nothing(quiet: list[str], pair: str) -> None:
    assert differences(quiet, seen(with_unit(*PAIRS[pair]), FEW)) == []


def test_they_are_all_answered(quiet: list[str]) -> None:
    assert sum("submit: 202" in line for line in quiet) == len(FEW)
    assert sum(line.startswith("entry query.committed") for line in quiet) == len(FEW)


def test_control_a_branch_that_raises_on_a_row_is_noticed() -> None:
    queries = (QUESTIONS["case of every kind"].sql,)
    base, unit = PAIRS["lowest"]
    assert differences(seen(base, queries), seen(with_unit(base, unit), queries)) == []
    with case_raises_on_a_row():
        found = differences(seen(base, queries), seen(with_unit(base, unit), queries))
    assert any("entry query.committed" in one for one, _ in found)
    assert any("entry query.forfeited" in two for _, two in found)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_question_shows_nothing_on_every_pair() -> None:
    held = {"base": seen(BASE, ASKED), "public": seen(PUBLIC, ASKED)}
    answered = sum("submit: 202" in line for line in held["base"])
    assert answered == len(ASKED)
    for name, (base, unit) in PAIRS.items():
        one = held["base"] if base == BASE else held["public"] if base == PUBLIC else seen(base, ASKED)
        assert differences(one, seen(with_unit(base, unit), ASKED)) == [], name
    record_figure("record and replay: questions of the language", len(ASKED), f"on {len(PAIRS)} pairs", SOURCE)
