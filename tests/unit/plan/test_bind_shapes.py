"""The shape of every kind of query: what a text becomes, and that its spellings become the same."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_examples import BOTH, SHOP

from sandbox.plan.answers import Collected, CountOutput, Derived, Kept, KeyOutput, Matched, Measured, Ordered, Stacked
from sandbox.plan.canonical import plan_digest
from sandbox.plan.compile import compile_query
from sandbox.plan.measurement import ContributionBounds
from sandbox.plan.nodes import ColumnRef, Comparison, Literal, NullTest
from sandbox.plan.primitives import CountRows, CountUnits
from sandbox.plan.relations import Filter, Join, Order, PerUnit, Scan, Union, UnitAggregate, Window, streamed
from sandbox.plan.rewrite import TRUE
from sandbox.plan.soundness import check_plan
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import NotAnswerable


def shape(sql, datasets=SHOP):
    made = compile_query(sql, datasets)
    check_plan(made)
    return made


def relation(sql):
    (only,) = shape(sql).measurements
    return only.relation


def refused(sql, datasets=SHOP):
    with pytest.raises(NotAnswerable) as found:
        compile_query(sql, datasets)
    return found.value


def scan(table, prefix, *columns, dataset="shop"):
    found = SHOP[dataset].table(table)
    types = tuple((name, found.column(name).type) for name in columns)
    rows = 0 if SHOP[dataset].public else found.max_rows_per_unit
    return Scan(dataset, table, prefix, types, found.rows_max, rows)


def ref(name, kind=Type.INT):
    return ColumnRef(name, kind)


# -- golden shapes -------------------------------------------------------------------------------------------------------


def test_subqueries_and_filters_over_one_table_are_one_filter_over_its_scan():
    made = relation("select sum(x) from (select l_count * 2 as x, l_price p from line where l_count > 3) s where p > 1")
    assert isinstance(made, Filter)
    assert made.source == scan("line", "", "l_count", "l_price")
    assert streamed(made)


def test_statistics_of_units():
    made = shape(
        "select avg(n) from (select o_customer, count(*) n from orders where o_total > 5 group by o_customer) s"
    )
    (only,) = made.measurements
    condition = Comparison(">", ref("o_total", Type.FLOAT), Literal(Fraction(5), Type.FLOAT))
    source = Filter(scan("orders", "", "o_total"), condition)
    assert only.relation == PerUnit(source, (), (("#1", UnitAggregate("count_rows", None, Type.INT)),))
    assert only.bounds == ContributionBounds(1, 1, 1)


def test_groups_within_units():
    made = relation(
        "select avg(n) from (select o_customer, o_status, count(*) n from orders group by 1, 2 having n > 2) s"
    )
    assert isinstance(made, Filter)
    assert made.source.keys == (("#1", ref("o_status", Type.STRING)),)
    assert made.predicate == Comparison(">", ref("#2"), Literal(2, Type.INT))


def test_a_declared_key_groups_within_units():
    made = relation("select avg(n) from (select l_order, sum(l_count) n from line group by l_order) s")
    assert made.keys == (("#1", ref("l_order")),)


def test_at_the_top_the_same_key_is_selected_privately():
    (only,) = shape("select l_order, count(*) from line group by l_order").measurements
    assert only.selected
    assert only.primitives == (CountUnits(), CountRows())
    assert only.bounds == ContributionBounds(200, 20, 200)


def test_joins_on_the_unit_need_no_columns():
    made = relation("select sum(l_price) from line join orders on l_order = o_id join customer on o_customer = c_id")
    inner = Join(
        scan("line", "t1.", "l_order", "l_price"),
        scan("orders", "t2.", "o_id"),
        "inner",
        ((ref("t1.l_order"), ref("t2.o_id")),),
        200,
        unique=True,
    )
    assert made == Join(inner, scan("customer", "t3."), "inner", (), 200, unique=True)


def test_conditions_of_one_table_go_below_the_join():
    made = relation("select count(*) from line, orders where l_order = o_id and l_count > 3 and o_total > 2")
    assert isinstance(made.left, Filter)
    assert isinstance(made.right, Filter)
    assert made.rows_per_unit == 200


def test_a_join_that_is_not_unique_is_capped():
    made = relation("select count(*) from line a join line b on a.l_order = b.l_order where a.l_count < b.l_count")
    assert isinstance(made, Filter)
    assert (made.source.rows_per_unit, made.source.unique) == (40_000, False)


def test_public_tables_are_joined_on_their_key():
    made = relation("select count(*) from nation join customer on c_nation = n_id and n_name = 'INDIA'")
    assert made.left == scan("customer", "t1.", "c_nation")
    assert isinstance(made.right, Filter)
    assert (made.rows_per_unit, made.unique) == (1, True)


def test_public_tables_are_reached_through_public_tables():
    text = "select count(*) from region, nation, customer where r_id = n_region and n_id = c_nation and r_name = 'ASIA'"
    made = relation(text)
    assert [item.table for item in shape(text).scans] == ["customer", "nation", "region"]
    assert made.unique


def test_outer_joins_keep_conditions_of_the_right_side_below():
    made = relation("select count(o_id) from customer left join orders on c_id = o_customer and o_status <> 'x'")
    assert (made.kind, made.on, made.unique) == ("left", (), False)
    assert isinstance(made.right, Filter)


def test_what_an_outer_join_may_leave_empty_is_computed_before_it():
    made = relation(
        "select sum(f) from customer left join (select o_customer, coalesce(o_total, 1.0) f from orders) o on c_id = o_customer"
    )
    assert [name for name, _ in made.right.columns] == ["#1"]


def test_where_after_an_outer_join_is_not_pushed_below_it():
    made = relation("select count(*) from line left join part on l_part = p_id where p_size is null and l_count > 1")
    assert isinstance(made, Filter)
    assert made.predicate == NullTest(ref("t2.p_size"))
    assert isinstance(made.source.left, Filter)


def test_a_right_join_is_a_left_join_turned_round():
    text = "select count(*) from {} on c_id = o_customer"
    assert shape(text.format("orders right join customer")) == shape(text.format("customer left join orders"))


def test_a_condition_on_the_left_of_an_outer_join_is_a_pair():
    made = relation("select count(o_id) from customer left join orders on c_id = o_customer and c_nation > 3")
    assert made.on == ((Comparison(">", ref("t1.c_nation"), Literal(3, Type.INT)), TRUE),)


@pytest.mark.parametrize(("word", "kind"), [("", "semi"), ("not ", "anti")])
def test_exists_is_a_join_on_the_unit(word, kind):
    made = relation(
        f"select count(*) from customer c where {word}exists (select 1 from orders where o_customer = c.c_id)"
    )
    assert made == Join(scan("customer", "t1."), scan("orders", "t2."), kind, (), 1, unique=False)


def test_in_and_exists_are_one():
    one = shape("select count(*) from customer where c_id in (select o_customer from orders where o_total > 3)")
    other = "select count(*) from customer where exists (select * from orders where c_id = o_customer and o_total > 3)"
    assert one == shape(other)


def test_in_along_a_link_with_groups():
    made = relation(
        "select count(*) from orders where o_id in (select l_order from line group by l_order having sum(l_count) > 300)"
    )
    assert (made.kind, made.on) == ("semi", ((ref("t1.o_id"), ref("#1")),))


def test_not_in_minds_nulls():
    made = relation("select count(*) from line where l_part not in (select p_id from part)")
    kinds = []
    while isinstance(made, Join):
        kinds.append((made.kind, made.on))
        made = made.left
    assert [kind for kind, _ in kinds] == ["anti"] * 3
    assert kinds[1][1] == ((NullTest(ref("t1.l_part")), TRUE),)


def test_windows_over_the_unit():
    made = relation(
        "select avg(o_total) from (select *, row_number() over (partition by o_customer order by o_day desc) r from orders)"
        " where r = 1"
    )
    assert isinstance(made, Filter)
    order = (Order(ref("o_day", Type.DATE), descending=True, nulls_first=False),)
    source = scan("orders", "", "o_day", "o_total")
    assert made.source == Window(source, "#1", "row_number", None, 0, (), order, Type.INT)


def test_qualify_is_a_filter_after_the_window():
    text = "select {} from orders {}"
    window = "row_number() over (partition by o_customer order by o_day)"
    one = text.format("count(*)", "").replace("orders", f"(select o_id from orders qualify {window} = 1) t")
    other = f"select count(*) from (select o_id, {window} as r from orders) t where r = 1"
    assert shape(one) == shape(other)


def test_union_all_of_rows():
    made = relation(
        "select count(*) from (select o_total v from orders union all select l_price from line) u where v > 3"
    )
    assert isinstance(made.source, Union)
    assert [source.columns[0][0] for source in made.source.sources] == ["#1", "#1"]


def test_union_all_of_answers():
    made = shape("select count(*) as n from orders union all select count(*) from line order by n desc limit 1")
    assert isinstance(made.answer.source, Ordered)
    assert isinstance(made.answer.source.source, Stacked)


def test_after_the_noise():
    made = shape(
        "select c_segment s, count(*) n, 2 * count(*) as m from customer group by 1 having n > 5 order by m desc limit 3 offset 1"
    )
    assert isinstance(made.answer, Derived)
    ordered = made.answer.source
    assert (ordered.limit, ordered.offset, ordered.by[0].descending) == (3, 1, True)
    assert isinstance(ordered.source, Kept)
    assert ordered.source.source == Measured(0, (KeyOutput("#1", 0, Type.STRING), CountOutput("#2", 0)))


def test_a_plain_answer_is_the_measured_table():
    made = shape("select count(*) n, c_segment from customer group by 2")
    assert made.answer == Measured(0, (CountOutput("n", 0), KeyOutput("c_segment", 0, Type.STRING)))


def test_an_answer_of_an_answer_measures_what_it_uses():
    made = shape("select max(n) from (select c_segment, count(*) n, avg(c_nation) from customer group by 1) t")
    assert made.measurements[0].primitives == (CountRows(),)
    assert isinstance(made.answer.source, Collected)


def test_a_query_of_with_that_is_used_twice_is_measured_once():
    made = shape(
        "with a as (select c_segment s, count(*) n from customer group by 1) select x.s, x.n, y.n as m from a x join a y using (s)"
    )
    assert len(made.measurements) == 1
    assert made.measurements[0].primitives == (CountRows(),)
    assert isinstance(made.answer.source, Matched)


def test_one_number_in_brackets():
    made = shape("select count(*) / (select count(*) from customer) as share from customer where c_nation = 3")
    assert isinstance(made.answer.source, Matched)
    assert made.answer.source.kind == "cross"


def test_distinct_answers_are_collected():
    made = shape("select distinct n from (select c_segment, count(*) n from customer group by 1) t order by n")
    assert isinstance(made.answer.source.source, Collected)


def test_several_datasets_of_one_unit_space():
    made = shape("select count(*) from customer join clinic.visits v on c_id = v.patient_id")
    assert made.datasets == ("clinic", "shop")


# -- laws ----------------------------------------------------------------------------------------------------------------

FORMS = [
    (
        "select count(*) as n from orders a join line b on a.o_id = b.l_order where b.l_count > 3",
        "select count(*) as n from orders x, line y where y.l_count > 3 and x.o_id = y.l_order",
        "select count(*) as n from orders join (select l_order as o_id from line where l_count > 3) t using (o_id)",
        "with t as (select * from line where l_count > 3) select count(*) as n from orders o inner join t on t.l_order = o_id",
        "WITH t AS (SELECT * FROM LINE) SELECT COUNT ( * ) AS N FROM Orders, T WHERE O_ID = L_ORDER AND 3 < L_COUNT",
    ),
    (
        "select avg(n) as m from (select o_customer, count(*) as n from orders group by o_customer) s",
        "with s(u, k) as (select o_customer, count(*) from orders group by 1) select avg(k) as m from s",
        "select avg(x.c) m from (select count(*) c, o_customer as who from orders o group by o.o_customer) as x",
    ),
    (
        "select sum(l_price) as s from line where exists (select 1 from orders where o_id = l_order and o_total > 1)",
        "select sum(l_price) as s from line l where l.l_order in (select o.o_id from orders o where o.o_total > 1)",
        "select sum(l_price) as s from line semi join orders on l_order = o_id and o_total > 1",
    ),
]


@pytest.mark.parametrize("forms", FORMS)
def test_spellings_of_one_question_have_one_digest(forms):
    assert len({plan_digest(shape(sql)) for sql in forms}) == 1


names = st.text(alphabet="abcdefgh", min_size=1, max_size=4)


@given(first=names, second=names, column=names, blanks=st.sampled_from([" ", "\n", "  -- x\n", " /* y */ "]))
def test_aliases_and_blanks_never_change_a_plan(first, second, column, blanks):
    first, second, column = f"q_{first}", f"r_{second}", f"v_{column}"
    sql = (
        f"with {first} as (select l_order as {column}, l_price as p from line where l_count > 3) select sum({second}.p) as s "
        f"from {first} {second} join orders on {second}.{column} = o_id"
    )
    plain = "select sum(l_price) as s from line join orders on l_order = o_id where l_count > 3"
    assert shape(sql.replace(" ", blanks)) == shape(plain)


# -- what is kept apart ----------------------------------------------------------------------------------------------------

APART = [
    ("select c_id from customer", "unit-column-use"),
    ("select count(*) from customer where c_id = 3", "unit-column-use"),
    ("select count(*) from (select c_id as k from customer) t where k > 3", "unit-column-use"),
    ("select k, count(*) from (select c_id as k from customer) t group by k", "unit-column-use"),
    ("select max(k) from (select c_id as k from customer) t", "unit-column-use"),
    ("select count(*) from orders where o_customer = 17", "unit-column-use"),
    ("select sum(c_id + 1) from customer", "unit-column-use"),
    ("select count(*) from (select c_id + 1 as k from customer) t", "unit-column-use"),
    ("select count(*) from customer where c_id in (1, 2)", "unit-column-use"),
    ("select count(*) from customer where c_id in (select p_id from part)", "unit-column-use"),
    ("select count(*) from customer join nation on c_id = n_id", "unit-column-use"),
    ("select sum(o_total) from (select c_id, max(c_id) m from customer group by c_id) t, orders", "unit-column-use"),
    ("select count(*) from (select row_number() over (order by o_day) r from orders) t", "unit-column-use"),
    ("select count(*) from (select sum(o_total) over (partition by o_status) r from orders) t", "unit-column-use"),
    ("select count(*) from (select distinct o_status from orders) t", "plan-not-supported"),
    ("select count(*) from (select o_status from orders limit 5) t", "plan-not-supported"),
    ("select count(*) from (select o_status from orders order by 1) t", "plan-not-supported"),
    ("select count(*) from (select o_status from orders union select o_status from orders) t", "plan-not-supported"),
    ("select count(*) from orders where o_total > (select avg(o_total) from orders)", None),
    ("select count(*) from orders where o_total in (select max(o_total) from orders)", "plan-not-supported"),
    ("select count(*) from orders a where exists (select 1 from orders b)", "plan-not-supported"),
    ("select count(*) from orders a where exists (select 1 from orders b where a.o_status = b.o_status)", None),
    ("select count(*) from orders a join orders b on a.o_status = b.o_status", "plan-not-supported"),
    ("select count(*) from orders a, orders b", "plan-not-supported"),
    ("select count(*) from orders a cross join customer", "plan-not-supported"),
    ("select count(*) from orders a full join customer on o_total > 5", "plan-not-supported"),
    ("select count(*) from customer full join nation on c_nation = n_id", "plan-not-supported"),
    ("select count(*) from orders, (select count(*) n from customer) t", "plan-not-supported"),
    ("select count(*) from line join part on l_part > p_id", "plan-not-supported"),
    ("select count(*) from part", "plan-not-supported"),
    ("with t as (select c_nation from customer) select c_nation from t", "rows-not-released"),
    ("select * from customer", "rows-not-released"),
    ("select c_nation from customer union all select c_nation from customer", "rows-not-released"),
    ("select c_id, count(*) from customer group by c_id union all select c_id, 1 from customer", "rows-not-released"),
    ("select count(*) from customer where exists (select 1 from orders limit 1)", "plan-not-supported"),
    ("select count(distinct o_customer) from customer left join orders on c_id = o_customer", "unit-column-use"),
    (
        "select count(*) from orders o where exists (select l_order from line where l_order = o_id group by l_order)",
        None,
    ),
]


@pytest.mark.parametrize(("sql", "code"), APART)
def test_units_stay_apart(sql, code):
    found = refused(sql)
    assert code is None or found.code == code
    assert found.span is not None


def test_another_unit_space_is_refused():
    other = {**BOTH, "my-other": replace(BOTH["my-other"], unit_space="firms")}
    refusal = refused('select count(*) from clinic.visits v join "my-other".stays s on v.patient_id = s.who', other)
    assert refusal.code == "plan-not-supported"


def test_the_control_in_one_unit_space_is_answered():
    assert shape('select count(*) from clinic.visits v join "my-other".stays s on v.patient_id = s.who', BOTH)


# -- limits ----------------------------------------------------------------------------------------------------------------


def _doubling(levels, body):
    parts = [f"a0 as ({body})"]
    parts += [f"a{n} as (select x + x as x from a{n - 1})" for n in range(1, levels + 1)]
    return f"with {', '.join(parts)} select count(x) from a{levels}"


def test_names_do_not_unfold_into_a_huge_plan():
    refusal = refused(_doubling(20, "select l_price as x from line"))
    assert refusal.code == "sql-too-large"
    assert shape(_doubling(4, "select l_price as x from line"))


def test_queries_of_with_do_not_multiply():
    parts = ["a0 as (select count(*) n from line)"]
    parts += [f"a{n} as (select x.n from a{n - 1} x, a{n - 1} y)" for n in range(1, 15)]
    refusal = refused(f"with {', '.join(parts)} select n from a14")
    assert refusal.code == "sql-too-large"


def test_queries_of_with_do_not_nest_without_end():
    parts = ["a0 as (select * from line)"] + [f"a{n} as (select * from a{n - 1})" for n in range(1, 60)]
    assert refused(f"with {', '.join(parts)} select count(*) from a59").code == "sql-too-large"


def test_a_query_of_with_does_not_see_itself_or_those_after_it():
    assert refused("with a as (select * from a) select count(*) from a").code == "unknown-table"
    assert (
        refused("with a as (select * from b), b as (select * from line) select count(*) from a").code == "unknown-table"
    )


def test_a_query_of_with_that_nobody_uses_is_read_all_the_same():
    assert refused("with a as (select nothing_like_it from line) select count(*) from line").code == "unknown-column"
    assert shape("with a as (select * from orders) select count(*) from line").tables == (("shop", "line"),)


def test_an_answer_of_which_nothing_is_used_still_measures_something():
    made = shape("select 'y' as n from (select c_segment, count(*) n from customer group by 1) t")
    assert made.measurements[0].primitives == (CountRows(),)


def test_a_link_to_a_table_that_may_not_be_known_is_not_there():
    """Its values may be the unit's identifiers: nothing of what is visible says that they are not."""
    shop = SHOP["shop"]
    alone = {"shop": replace(shop, tables=tuple(table for table in shop.tables if table.name == "orders"))}
    assert refused("select max(o_customer) from orders", alone).code == "unknown-column"
    assert refused("select o_customer, count(*) from orders group by 1", alone).code == "unknown-column"
    assert refused("select max(o_customer) from orders").code == "unit-column-use"
