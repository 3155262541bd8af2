"""The reference of the language is true: every example is answered, every refusal and function is listed, limits are the code's."""

import re
from pathlib import Path

import pytest
from sql_examples import DATASETS
from write_reference import REFERENCE, functions

from sandbox.plan import binding, parse
from sandbox.plan.answer_joins import LINES_MAX
from sandbox.plan.compile import compile_query
from sandbox.plan.explain import explain
from sandbox.plan.facts import TEXT_LIMIT
from sandbox.plan.functions import FUNCTIONS
from sandbox.plan.group_keys import GROUPS_MAX, TEXT_MAX
from sandbox.plan.joins import ROWS_MAX
from sandbox.terms.refusal import NotAnswerable, catalogue

SQL_PAGE = REFERENCE / "sql.md"
PAGES = (SQL_PAGE, REFERENCE.parent / "how-to" / "wider-questions.md")
EXAMPLES = [
    (page.stem, example)
    for page in PAGES
    for example in re.findall(r"^```sql\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize(("page", "sql"), EXAMPLES)
def test_every_example_is_answered(page: str, sql: str) -> None:
    assert page
    assert explain(compile_query(sql, DATASETS))


def test_there_are_examples_of_every_kind() -> None:
    assert len(EXAMPLES) >= 16
    text = " ".join(sql for _, sql in EXAMPLES)
    for part in (
        "join",
        "exists",
        "not in",
        "over (",
        "having",
        "filter (",
        "with ",
        "median(",
        "quantile_cont",
        "max(",
    ):
        assert part in text, part


def test_every_refusal_of_a_query_is_listed() -> None:
    listed = set(re.findall(r"`([a-z-]+)`", SQL_PAGE.read_text("utf-8").split("## Refusals")[1]))
    assert {kind.code for kind in catalogue() if issubclass(kind, NotAnswerable)} <= listed


def test_every_function_is_in_the_table() -> None:
    table = functions()
    spelled = {word for entry in FUNCTIONS.values() for word in entry.sql if word.isidentifier()}
    assert {word for word in spelled if f"{word}(" not in table and f" {word} " not in table} == set()
    assert table.count("\n| `") == len(FUNCTIONS)


@pytest.mark.parametrize(
    "number",
    [
        parse.LENGTH_MAX, parse.TOKENS_MAX, parse.NESTING_MAX, parse.DEPTH_MAX, binding.NESTING_MAX, binding.BLOCKS_MAX,
        binding.RELATIONS_MAX, binding.MEASUREMENTS_MAX, binding.EXPRESSIONS_MAX, GROUPS_MAX, LINES_MAX, TEXT_LIMIT, TEXT_MAX,
        ROWS_MAX,
    ],
)  # fmt: skip
def test_limits_are_those_of_the_code(number: int) -> None:
    assert re.search(rf"(?<![\d,]){number:,}(?![\d,])", Path(SQL_PAGE).read_text("utf-8"))
