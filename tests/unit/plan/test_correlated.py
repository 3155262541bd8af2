"""Conditions on other rows of the same unit by one value or one inequality: what they become, and that no bound grows."""

import pytest
from plan_examples import SHOP

from sandbox.plan.canonical import plan_json, read_plan
from sandbox.plan.compile import compile_query
from sandbox.plan.relations import Filter, Join, PerUnit, sources_of
from sandbox.plan.soundness import check_plan
from sandbox.terms.refusal import NotAnswerable


def shape(sql):
    plan = compile_query(sql, SHOP)
    check_plan(plan)
    assert read_plan(plan_json(plan)) == plan
    (measurement,) = plan.measurements
    return measurement


def nodes(relation, kind):
    own = [relation] if isinstance(relation, kind) else []
    return [*own, *(item for source in sources_of(relation) for item in nodes(source, kind))]


def functions(relation):
    return [item.function for node in nodes(relation, PerUnit) for _, item in node.aggregates]


VALUES = {
    "select count(*) as n from orders o where o_total > (select avg(p.o_total) from orders p where p.o_customer = o.o_customer)": ["avg"],
    "select count(*) as n from customer c where 3 < (select count(*) from orders p where p.o_customer = c.c_id and o_total > 5)": ["count_rows"],
    "select count(*) as n from line l where l_price < 0.2 * (select max(l_price) from line m where m.l_order = l.l_order)": ["max"],
    "select count(*) as n from orders where (select c_nation from customer where c_id = o_customer) = 3": ["first"],
    "select count(*) as n from orders o where o_total * 2 > (select sum(o_total) / count(*) from orders p where p.o_customer = o.o_customer)": ["sum", "count_rows"],
    "select count(*) as n from customer left join orders on c_id = o_customer"
    " where o_total = (select max(o_total) from orders p where p.o_customer = c_id) or o_id is null": ["max"],
}  # fmt: skip


@pytest.mark.parametrize("text", VALUES)
def test_a_value_of_the_unit_is_an_exact_aggregate_that_each_row_finds_once(text):
    measurement = shape(text)
    assert functions(measurement.relation) == VALUES[text]
    join = nodes(measurement.relation, Join)[0]
    assert (join.kind, join.unique) == ("left", True)
    assert isinstance(join.right, PerUnit)


def test_no_bound_grows():
    plain = shape("select count(*) as n from orders where o_total > 5")
    for text in (
        "select count(*) as n from orders o where o_total > (select avg(o_total) from orders p where p.o_customer = o.o_customer)",
        "select count(*) as n from orders o where exists (select 1 from line l where l.l_order = o.o_id and l_price > o_total)",
    ):
        assert shape(text).bounds == plain.bounds


def test_a_unit_without_rows_counts_none_of_them():
    condition = str(nodes(shape(next(text for text in VALUES if "3 <" in text)).relation, Filter)[0].predicate)
    assert "coalesce" in condition
    assert "coalesce" not in str(nodes(shape(next(iter(VALUES))).relation, Filter)[0].predicate)


INEQUALITIES = {
    "<>": {"min", "max"}, "<": {"min"}, "<=": {"min"}, ">": {"max"}, ">=": {"max"},
}  # fmt: skip


@pytest.mark.parametrize("sign", INEQUALITIES)
@pytest.mark.parametrize("word", ["", "not "])
@pytest.mark.parametrize("turned", [False, True])
def test_an_inequality_in_exists_is_one_with_the_least_or_the_greatest(sign, word, turned):
    condition = f"p.o_day {sign} o.o_day"
    if turned:
        condition = f"o.o_day {sign.translate(str.maketrans('<>', '><')) if sign != '<>' else sign} p.o_day"
    text = f"select count(*) as n from orders o where {word}exists (select 1 from orders p where p.o_customer = o.o_customer and {condition})"
    relation = shape(text).relation
    assert set(functions(relation)) == INEQUALITIES[sign]
    assert isinstance(relation, Filter)


def test_it_is_by_the_other_equalities_and_after_the_inner_conditions():
    relation = shape(
        "select count(*) as n from line l where exists (select 1 from line m"
        " where m.l_order = l.l_order and m.l_part <> l.l_part and m.l_price > 5 and l.l_count > 3)"
    ).relation
    (grouped,) = nodes(relation, PerUnit)
    assert len(grouped.keys) == 1
    assert isinstance(grouped.source, Filter)
    (join,) = nodes(relation, Join)
    assert len(join.on) == 2  # the order, and what is said of the row outside


REFUSED = {
    "select count(*) as n from orders o where exists (select 1 from orders p where p.o_customer = o.o_customer"
    " and p.o_day < o.o_day and p.o_total > o.o_total)": "p.o_day < o.o_day",
    "select count(*) as n from orders o where exists (select 1 from orders p where p.o_day < o.o_day)": "p.o_day < o.o_day",
    "select count(*) as n from orders o where o_total > (select avg(o_total) from orders p where p.o_customer = o.o_customer"
    " and p.o_day < o.o_day)": "p.o_day < o.o_day",
    "select count(*) as n from orders o where o_total > (select o_total from orders p where p.o_customer = o.o_customer)": "o_total",
    "select count(*) as n from orders where o_total > (select avg(o_total) from orders)": "select avg(o_total) from orders",
    "select count(*) as n from orders o where o_total > (select avg(p.o_total) from orders p where p.o_status = o.o_status)":
        "select avg(p.o_total) from orders p where p.o_status = o.o_status",
    "select count(*) as n from orders o where o_total > (select median(p.o_total) from orders p where p.o_customer = o.o_customer)":
        "median(p.o_total)",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_other_correlations_are_refused_with_place_and_rewrite(text):
    with pytest.raises(NotAnswerable) as found:
        compile_query(text, SHOP)
    span = found.value.span
    assert text[span.column - 1 :][: span.length] == REFUSED[text]
    compile_query(found.value.rewrite, SHOP)


def test_rows_of_other_units_are_never_compared():
    """Every join with such a query is of rows of one unit, and has its cap."""
    for text in VALUES:
        for join in nodes(shape(text).relation, Join):
            assert join.rows_per_unit > 0
