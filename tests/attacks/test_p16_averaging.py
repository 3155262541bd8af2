"""P12, P13, P16, S40: the same question again and again, many names, and somebody else's budget, on a live enclave.

Asked again, a question has its stored answer and costs nothing; a changed one is paid for; all analysts together spend no
more than the dataset has; one analyst spends no more than their own grant. Controls: questions that differ in the ninth
digit draw anew and cost anew; with a wide account on the dataset everybody's question goes through.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.client.connection import Connection
from sandbox.terms.refusal import Refusal
from sandbox.testing import Enclave

POOR = """
[dataset]
name = "NAME"
title = "A small table with little budget"
steward = "health-bureau"
unit_space = "NAME-people"
grade = "general"
budget = { epsilon = "LIMIT" }
[unit_spaces.NAME-people]
accounting = "pure"
budget = { epsilon = "LIMIT" }
[tables.visits]
unit = "who"
rows_max = 100
max_rows_per_unit = 5
[tables.visits.columns]
who = { type = "string", role = "unit" }
size = { type = "int", bounds = [0, 100] }
"""
NAMES = 4
COUNT = "select count(*) as n from {}.visits"


@pytest.fixture(scope="module")
def budgets(enclave: Enclave, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enclave]:
    path = tmp_path_factory.mktemp("poor") / "visits.csv"
    path.write_text("who,size\n" + "".join(f"p{number},{number}\n" for number in range(50)))
    for name, limit in (("poor", "2"), ("rich", "40"), ("own", "40")):
        enclave.load(POOR.replace("NAME", name).replace("LIMIT", limit), {"visits": path})
    return enclave


def asked(analyst: Connection, dataset: str, epsilon: str, sql: str = COUNT) -> int | float:
    query = analyst.query(sql.format(dataset), purpose="research", epsilon=epsilon)
    (row,) = query.run().result(timeout=60).to_pylist()
    return next(iter(row.values()))


def test_a_hundred_times_the_same_is_one_answer(budgets: Enclave) -> None:
    ann = budgets.analyst("average-ann", org="acme", datasets=["rich"], purpose="research", epsilon="10")
    first = asked(ann, "rich", "0.1")
    after = ann.accounts()
    spellings = [COUNT, "SELECT count(*) AS n FROM {}.visits", "select  count( * ) as n from {}.visits where true",
                 "select count(*) as n from {}.visits -- again"]  # fmt: skip
    epsilons = ["0.10", "0.1", "1e-1", "0.100"]
    assert {asked(ann, "rich", epsilon, sql) for epsilon, sql in zip(epsilons, spellings, strict=True)} == {first}
    assert ann.accounts() == after
    # The control: what differs in the ninth digit is drawn, and paid for, anew (all alike once in ten million).
    drawn = {asked(ann, "rich", f"0.10000000{digit}") for digit in range(1, 5)}
    assert len(drawn) > 1
    assert ann.accounts() != after


@pytest.mark.parametrize(("dataset", "answered"), [("poor", 2), ("rich", NAMES)], ids=["defended", "control"])
def test_many_names_spend_no_more_than_one(budgets: Enclave, dataset: str, answered: int) -> None:
    """P13: four analysts of four organisations, each with a grant of ε = 2, ask for ε = 1 each."""
    names = [budgets.analyst(f"sybil-{dataset}-{number}", org=f"shell-{number}", datasets=[dataset],
                             purpose="research", epsilon="2") for number in range(NAMES)]  # fmt: skip
    through = 0
    for analyst in names:
        try:
            asked(analyst, dataset, "1")
        except Refusal as refused:
            assert refused.code == "budget-insufficient"
        else:
            through += 1
    assert through == answered


def test_nobody_burns_the_budget_of_another(budgets: Enclave) -> None:
    """S40: a grant is its holder's whole reach; what is left of it decides, not what the dataset has."""
    burner, other = (budgets.analyst(name, org="acme", datasets=["own"], purpose="research", epsilon="1")
                     for name in ("burner", "saver"))  # fmt: skip
    before = other.accounts()
    asked(burner, "own", "0.9")
    with pytest.raises(Refusal) as refused:
        asked(burner, "own", "0.2")
    assert refused.value.code == "budget-insufficient"
    assert other.accounts() == before
    asked(other, "own", "0.2")  # the control: the dataset had enough all along


def test_a_person_cannot_be_subtracted_out_exactly(budgets: Enclave, tmp_path: Path) -> None:
    """P12: the whole less the rest is one person, with the noise of both, paid for twice."""
    ann = budgets.analyst("difference-ann", org="acme", datasets=["rich"], purpose="research", epsilon="5")
    differences = set()
    for number in range(4):
        whole = asked(ann, "rich", f"0.05000000{number + 1}")
        rest = asked(ann, "rich", f"0.05000000{number + 1}", "select count(*) as n from {}.visits where size <> 7")
        differences.add(whole - rest)
    assert len(differences) > 1  # exact answers differ by 1 each time; noise, all alike, less than once in ten million
