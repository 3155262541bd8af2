"""What is the same in all rows of a unit, or of one of its keys: read off the first row, and bounded by one row."""

import pytest
from plan_examples import BOTH, SHOP

from sandbox.plan import row_blocks
from sandbox.plan.compile import compile_query
from sandbox.plan.measurement import ContributionBounds
from sandbox.plan.relations import Filter, PerUnit, Project, sources_of
from sandbox.plan.soundness import check_plan
from sandbox.terms.refusal import NotAnswerable

JOINED = "customer join orders on c_id = o_customer join nation on c_nation = n_id"
LINES = "orders join line on l_order = o_id"


def made(inner, outer="select count(*) as n from ({}) s", datasets=SHOP):
    plan = compile_query(outer.format(inner), datasets)
    check_plan(plan)
    (measurement,) = plan.measurements
    return measurement


def grouped(inner, datasets=SHOP):
    """The innermost node that groups by unit."""
    relation = made(inner, "select sum(n) as n from ({}) s", datasets).relation
    while not isinstance(relation, PerUnit):
        (relation,) = sources_of(relation)
    return relation


def keys_of(inner):
    return [operand.name.rpartition(".")[2] for _, operand in grouped(inner).keys]


def test_a_unit_grouped_by_what_is_the_same_in_all_its_rows_brings_one_row():
    inner = f"select o_customer, n_name, sum(o_total) as s from {JOINED} group by o_customer, n_name"
    found = made(inner, "select n_name, avg(s) as m from ({}) s group by n_name")
    assert found.bounds == ContributionBounds(1, 1, 1)
    assert found.groups == 3
    by_day = f"select o_customer, o_day, sum(o_total) as s from {JOINED} group by o_customer, o_day"
    assert made(by_day, "select avg(s) as m from ({}) s").bounds == ContributionBounds(40, 1, 40)


def test_control_without_it_a_unit_counts_as_often_as_it_has_rows(monkeypatch):
    monkeypatch.setattr(row_blocks, "determined", lambda relation, known, binding: known)
    inner = f"select o_customer, n_name, sum(o_total) as s from {JOINED} group by o_customer, n_name"
    assert made(inner).bounds.rows == 40


@pytest.mark.parametrize(
    ("inner", "keys"),
    [
        (f"select n_name, count(*) as n from {JOINED} group by o_customer, n_name, c_segment", []),
        (f"select upper(n_name) as u, count(*) as n from {JOINED} group by o_customer, u, n_region + 1", []),
        (f"select o_day, count(*) as n from {JOINED} group by o_customer, o_day, n_name", ["o_day"]),
        ("select c_nation, count(*) as n from customer left join orders on c_id = o_customer group by c_id, 1", []),
        # A nation that not every order of a unit finds.
        (
            ("select n_name, count(*) as n from customer join orders on c_id = o_customer"
            " left join nation on n_id = c_nation + length(o_status) group by c_id, 1"),
            ["n_name"],
        ),
        (
            ("select n_name, count(*) as n from customer join orders on c_id = o_customer"
            " left join nation on n_id = c_nation group by c_id, 1"),
            [],
        ),
        # What many rows of a unit have in common by an equality with one of them.
        ("select l_count, count(*) as n from line join customer on c_id = l_count group by 1", None),
        ("select o_status, count(*) as n from orders group by o_customer, o_status", ["o_status"]),
        (
            ("select nation, count(*) as n from (select o_customer as u, max(c_nation) as nation from customer"
            " join orders on c_id = o_customer group by u) x join orders y on y.o_customer = x.u group by u, nation"),
            [],
        ),
        ("select c_nation, count(*) as n from (select c_id, c_nation from customer union all select o_customer, 1 from orders) s group by c_id, c_nation", ["c_nation"]),
    ],
)  # fmt: skip
def test_keys_that_a_unit_determines(inner, keys):
    if keys is None:
        with pytest.raises(NotAnswerable):
            made(inner)
        return
    found = keys_of(inner)
    assert len(found) == len(keys)
    if keys and not found[0].startswith("#"):
        assert found == keys


def test_distinct_rows_of_a_unit():
    found = made(f"select distinct o_customer, n_name from {JOINED}")
    assert found.bounds.rows == 1
    assert made(f"select distinct o_customer, o_day from {JOINED}").bounds.rows == 40


@pytest.mark.parametrize(
    "inner",
    [
        f"select l_order, year(o_day) as n from {LINES} group by l_order",
        f"select o_id, o_day, o_status, sum(l_price) as n from {LINES} group by o_id having o_total > 5",
        f"select o_customer, length(n_name || '!') as n from {JOINED} group by o_customer",
        f"select o_customer, case when c_segment = 'A' then n_region end as n from {JOINED} group by o_customer",
    ],
)
def test_columns_that_follow_from_the_keys_need_no_group_by(inner):
    functions = {item.function for _, item in grouped(inner).aggregates}
    assert "first" in functions


@pytest.mark.parametrize(
    ("inner", "column"),
    [
        ("select o_customer, o_day, sum(o_total) as n from orders group by o_customer", "o_day"),
        (f"select o_id, l_part, sum(l_price) as n from {LINES} group by o_id", "l_part"),
        (f"select o_status, o_day, sum(l_price) as n from {LINES} group by o_customer, o_status", "o_day"),
        (
            (
                "select c_id, n_name, count(*) as n from customer join orders on c_id = o_customer"
                " left join nation on n_id = o_id group by c_id"
            ),
            "n_name",
        ),
    ],
)
def test_columns_that_do_not_follow_are_refused_with_a_rewrite(inner, column):
    text = f"select sum(n) as n from ({inner}) s"
    with pytest.raises(NotAnswerable) as found:
        compile_query(text, SHOP)
    refusal = found.value
    assert text[refusal.span.column - 1 :][: refusal.span.length] == column
    assert f"max({column})" in refusal.rewrite
    compile_query(refusal.rewrite, SHOP)


def test_one_row_a_unit_is_grouped_as_it_was():
    relation = grouped("select c_segment, count(*) as n from customer group by c_id, c_segment")
    assert [name for name, _ in relation.keys]
    assert not isinstance(relation, Project | Filter)
    assert grouped("select who, count(*) as n from stays group by who, a", BOTH).keys
