"""FULL JOIN of rows and of answers, and public rows beside an answer: what they become, and what one unit brings."""

from dataclasses import replace

import pytest
from plan_examples import SHOP

from sandbox.plan import listed_rows, soundness_answers
from sandbox.plan.answer_lines import lines_between
from sandbox.plan.answers import Derived, Kept, Listed, ListedColumn, Matched, answer_sources, listed_tables
from sandbox.plan.canonical import plan_digest, plan_json, read_plan
from sandbox.plan.compile import compile_query
from sandbox.plan.explain import explain
from sandbox.plan.lineage import FROM_PUBLIC, Made, Passed, lineage
from sandbox.plan.nodes import ColumnRef
from sandbox.plan.relations import Join, PerUnit, Scan, Union, rows_per_unit, sources_of
from sandbox.plan.soundness import check_plan
from sandbox.service.ask import columns_of
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import NotAnswerable

ANSWER = "(select c_nation, count(*) as n from customer group by c_nation) a"
UNITS = "(select o_customer as u, count(*) as n from orders group by 1) a"
OTHERS = "(select c_id as u, max(c_nation) as m from customer group by 1) b"


def shape(sql):
    plan = compile_query(sql, SHOP)
    check_plan(plan)
    assert read_plan(plan_json(plan)) == plan
    return plan


def refused(sql):
    with pytest.raises(NotAnswerable) as found:
        compile_query(sql, SHOP)
    compile_query(found.value.rewrite, SHOP)
    return found.value


def found(relation, kind):
    own = [relation] if isinstance(relation, kind) else []
    return [*own, *(item for source in sources_of(relation) for item in found(source, kind))]


# -- rows --------------------------------------------------------------------------------------------------------------


def test_a_full_join_is_a_left_join_and_the_rows_on_the_right_that_found_nothing():
    plan = shape("select o_status, count(*) as n from customer full join orders on c_id = o_customer group by 1")
    (union,) = found(plan.measurements[0].relation, Union)
    first, second = union.sources
    assert [join.kind for join in found(first, Join)] == ["left"]
    assert [join.kind for join in found(second, Join)] == ["anti"]
    assert rows_per_unit(union) == 80
    assert plan.measurements[0].bounds.rows == 80


def test_of_one_row_a_unit_on_each_side_there_is_one_row_a_unit():
    plan = shape(
        f"select avg(coalesce(n, 0) + coalesce(m, 0)) as x, count(distinct u) as c from {UNITS} full join {OTHERS} using (u)"
    )
    (measurement,) = plan.measurements
    assert measurement.bounds.rows == 1
    assert isinstance(measurement.relation, PerUnit)
    assert rows_per_unit(measurement.relation) == 1


def test_what_on_says_of_one_side_keeps_its_rows():
    plan = shape(
        "select count(*) as n from customer full join orders on c_id = o_customer and o_total > 5 and c_nation = 1"
    )
    (anti,) = [join for join in found(plan.measurements[0].relation, Join) if join.kind == "anti"]
    ((condition, true),) = anti.on
    assert "o_total" in str(condition)
    assert "c_nation" in str(anti.right)
    assert str(true).startswith("Literal")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("select count(*) from customer full join nation on c_nation = n_id", "full"),
        ("select count(*) from customer outer join orders on c_id = o_customer", "outer"),
        ("select count(*) from customer full join orders on c_nation = o_id", "c_nation = o_id"),
        ("select count(*) from (select c_id from customer full join orders on c_id = o_customer group by c_id) s", "c_id"),
    ],
)  # fmt: skip
def test_other_full_joins_are_refused_with_place_and_rewrite(text, marked):
    span = refused(text).span
    assert text[span.column - 1 :][: span.length].lower() == marked


# -- answers -----------------------------------------------------------------------------------------------------------


def test_a_full_join_of_answers_has_at_most_the_lines_of_both_and_no_line_is_a_group_s_own():
    other = "(select c_nation, count(distinct c_id) as m from customer where c_segment = 'A' group by 1) b"
    plan = shape(f"select c_nation, n, m from {ANSWER} full join {other} using (c_nation)")
    assert isinstance(plan.answer, Derived)
    assert isinstance(plan.answer.source, Matched)
    assert plan.answer.source.kind == "full"
    assert lines_between(plan) == (25, 50)
    assert not any(isinstance(origin, Passed) for origin in lineage(plan).values())


def test_conditions_of_an_inner_join_come_before_an_outer_one():
    other = "(select c_nation as k, count(*) as m from customer group by 1) {}"
    plan = shape(
        f"select a.n from {ANSWER} join {other.format('b')} on b.k = a.c_nation and a.n > 3"
        f" right join {other.format('c')} on c.k = a.c_nation"
    )
    (outer,) = answer_sources(plan.answer)
    assert outer.kind == "left"
    assert isinstance(outer.right, Kept)


def test_where_compares_with_one_value_of_an_answer():
    plan = shape(f"select a.c_nation from {ANSWER} where n = (select max(b.n) from {ANSWER.removesuffix('a') + 'b'})")
    assert isinstance(answer_sources(plan.answer)[0], Kept)
    assert len(plan.measurements) == 1
    text = f"select a.c_nation from {ANSWER} where n = (select n from {ANSWER.removesuffix('a') + 'b'})"
    assert "one number" in refused(text).detail


# -- public rows -------------------------------------------------------------------------------------------------------


def test_public_rows_stand_beside_an_answer_as_they_are_stored():
    plan = shape(f"select n_name, n from {ANSWER} join nation on n_id = c_nation order by n desc")
    (listed,) = listed_tables(plan.answer)
    assert isinstance(listed.relation, Scan)
    assert [name for name, _ in listed.relation.columns] == ["n_id", "n_name"]
    assert len(listed.keys) == 1
    assert lineage(plan)["n_name"] == Made(FROM_PUBLIC, False)
    assert isinstance(lineage(plan)["n"], Passed)
    assert lines_between(plan) == (0, 25)
    assert plan.public_datasets == ("places",)
    assert [scan.table for scan in plan.measured_scans] == ["customer"]


def test_they_cost_nothing_and_name_no_column_of_a_grant():
    plain = shape("select c_nation, count(*) as n from customer group by c_nation")
    named = shape(f"select n_name, n from {ANSWER} join nation on n_id = c_nation")
    assert named.measurements == plain.measurements
    assert columns_of(named) == columns_of(plain)


@pytest.mark.parametrize(
    "source",
    [
        "(select n_id, upper(n_name) as n_name from nation where n_region > 1) p",
        "nation p",
        "(select p.* from nation p) p",
    ],
)
@pytest.mark.parametrize("kind", ["join", "left join", "right join", "full join"])
def test_public_rows_are_filtered_computed_and_joined_in_every_way(source, kind):
    plan = shape(f"select n_name, n from {ANSWER} {kind} {source} on p.n_id = a.c_nation")
    for language in ("en", "zh"):
        assert any("公开行" in line or "as lines" in line for line in explain(plan, language))


def test_spellings_give_one_plan():
    one = shape(f"select n_name, n from {ANSWER} join nation on n_id = c_nation")
    other = shape(f"select x.n_name, n from nation x, {ANSWER} where c_nation = n_id")
    assert plan_digest(one) != plan_digest(other)  # the order of lines is that of FROM
    assert plan_digest(one) == plan_digest(
        shape(f"select p.n_name as n_name, a.n as n from {ANSWER} inner join places.nation p on a.c_nation = p.n_id")
    )


def test_rows_of_units_are_never_lines():
    text = f"select n, o_status from {ANSWER} join orders on o_id = c_nation"
    assert "single rows" in refused(text).detail


def test_too_many_public_rows_are_refused(monkeypatch):
    text = f"select n_name, n from {ANSWER} join nation on n_id = c_nation"
    monkeypatch.setattr(listed_rows, "LISTED_ROWS_MAX", 24)
    assert "at most 24 rows" in refused(text).detail
    monkeypatch.undo()
    monkeypatch.setattr(listed_rows, "LISTED_CHARACTERS_MAX", 25)
    assert refused(text).code == "memory-bound"


def test_unsound_lines_of_public_rows():
    plan = shape(f"select n_name, n from {ANSWER} join nation on n_id = c_nation")
    matched = plan.answer.source
    (listed,) = listed_tables(plan.answer)
    private = Scan("shop", "orders", "", (("o_id", Type.INT),), 10, 5)
    number = ListedColumn("#9", ColumnRef("n_id", Type.INT), 0)
    bad = [
        replace(listed, relation=private, columns=(ListedColumn("#9", ColumnRef("o_id", Type.INT), 0),), keys=()),
        replace(listed, keys=("nothing",)),
        replace(listed, columns=(number, number), keys=()),
        replace(listed, columns=tuple(replace(column, max_length=0) for column in listed.columns)),
        replace(listed, columns=(replace(number, max_length=3),), keys=()),
        replace(listed, relation=replace(listed.relation, rows_max=soundness_answers.LISTED_ROWS_MAX + 1)),
    ]
    check_plan(plan)
    for table in bad:
        assert isinstance(table, Listed)
        with pytest.raises(ValueError, match="not a sound plan"):
            check_plan(replace(plan, answer=replace(plan.answer, source=replace(matched, right=table))))
