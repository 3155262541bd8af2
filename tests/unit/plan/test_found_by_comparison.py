"""What the comparison with DuckDB found wrong in the binder, one test each."""

from plan_examples import SHOP

from sandbox.plan.compile import compile_query
from sandbox.plan.nodes import Literal
from sandbox.plan.relations import Filter, Join, PerUnit, Window, columns_of
from sandbox.plan.soundness import check_plan
from sandbox.terms.dataset import Type


def relation_of(sql):
    plan = compile_query(sql, SHOP)
    check_plan(plan)
    (only,) = plan.measurements
    return only.relation


def test_a_constant_condition_after_an_outer_join_stays_after_it():
    """It was pushed to the side that may be empty: rows that WHERE takes out came back without a match."""
    made = relation_of(
        "select count(*) from customer left join orders on c_id = o_customer where nullif(o_status, o_status) > 'a'"
    )
    assert isinstance(made, Filter)
    assert made.predicate == Literal(None, Type.BOOL)
    assert isinstance(made.source, Join)
    assert not isinstance(made.source.right, Filter)


def test_the_control_a_constant_condition_of_an_inner_join_may_go_below_it():
    made = relation_of(
        "select count(*) from customer join orders on c_id = o_customer where nullif(o_status, o_status) > 'a'"
    )
    assert isinstance(made, Join)


def test_what_conditions_no_longer_read_together_is_not_scanned():
    """Two conditions that contradict one another became FALSE, and the columns of the first were read for nothing."""
    made = relation_of(
        "select count(l_count) from (select * from line where l_price is not null) s where l_part is distinct from l_part"
    )
    assert list(columns_of(made)) == ["l_count"]


def test_first_and_last_values_over_a_window():
    """They were taken for aggregates that show rows, and refused."""
    for word in ("first_value", "last_value"):
        made = relation_of(
            f"select avg(f) from (select {word}(o_total) over (partition by o_customer order by o_day) f from orders) s"
        )
        assert isinstance(made, Window)
        assert made.function == word


def test_any_value_of_a_unit():
    """The parser wraps it, and the list of allowed syntax did not know the wrapping."""
    made = relation_of("select avg(f) from (select o_customer, any_value(o_total) f from orders group by 1) s")
    assert isinstance(made, PerUnit)
    assert made.aggregates[0][1].function == "first"
