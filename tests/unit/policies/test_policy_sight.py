"""What each role may know of, and what of a dataset an analyst's grants leave."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_world import standing

from policies.visible import granted, visible
from sandbox.terms.dataset import Column, ColumnRole, Dataset, Grade, Table, Type
from sandbox.terms.people import Person, Role


def dataset(name: str, steward: str = "health-bureau", tables=()) -> Dataset:
    return Dataset(name, name.title(), steward, "people", Grade.GENERAL, Fraction(1), tables)


ALL = (dataset("clinic"), dataset("labs"), dataset("roads", "transport"))
VALUES = ("cost", "day", "sex")


def table(name: str) -> Table:
    unit = Column("patient", Type.STRING, ColumnRole.UNIT)
    withheld = Column("ward", Type.STRING, ColumnRole.WITHHELD)
    values = tuple(Column(value, Type.INT) for value in VALUES)
    return Table(name, "patient", 1000, 5, 5, (unit, *values, withheld))


CLINIC = dataset("clinic", tables=(table("visits"), table("stays"), table("bills")))


def names(found: Dataset) -> dict[str, list[str]]:
    return {item.name: [column.name for column in item.columns] for item in found.tables}


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        (Person("ann", "acme", Role.ANALYST), ["clinic"]),
        (Person("ann", "elsewhere", Role.ANALYST), []),
        (Person("bob", "acme", Role.ANALYST), ["labs", "roads"]),
        (Person("zoe", "acme", Role.ANALYST), []),
        (Person("sue", "health-bureau", Role.STEWARD), ["clinic", "labs"]),
        (Person("transport", "x", Role.STEWARD), ["roads"]),
        (Person("ann", "acme", Role.STEWARD), []),
        (Person("olga", "bureau", Role.OFFICER), ["clinic", "labs", "roads"]),
        (Person("rita", "health-bureau", Role.REVIEWER), []),
        (Person("adam", "health-bureau", Role.ADMINISTRATOR), []),
    ],
)
def test_each_role_sees_its_own(person, expected):
    grants = [
        standing(analyst="ann"),
        standing("g_2", analyst="bob", datasets=("roads", "labs"), until=-1, since=-2, revoked=True),
    ]
    assert [item.name for item in visible(person, ALL, grants)] == expected


def test_what_is_seen_does_not_depend_on_what_is_not():
    ann = Person("ann", "acme", Role.ANALYST)
    own = standing(datasets=("clinic", "roads"))
    few = visible(ann, ALL[:1], [own])
    many = visible(
        ann, (*ALL[:1], dataset("labs"), dataset("secret")), [own, standing("x", analyst="bob", datasets=("secret",))]
    )
    assert few == many == ALL[:1]


def test_only_granted_tables_and_columns_are_left_with_the_unit():
    first = standing(tables=("clinic.visits",), columns=("clinic.visits.cost",))
    second = standing(tables=("clinic.visits", "clinic.bills"), columns=("clinic.visits.day",))
    assert names(granted(CLINIC, [first])) == {"visits": ["patient", "cost"]}
    assert names(granted(CLINIC, [first, second])) == {"visits": ["patient", "cost", "day"], "bills": ["patient"]}
    assert names(granted(CLINIC, [])) == {}


def test_a_column_without_its_table_is_not_there():
    assert names(granted(CLINIC, [standing(tables=(), columns=("clinic.visits.cost",))])) == {}


def test_what_is_withheld_is_not_there_whatever_a_grant_says():
    found = granted(CLINIC, [standing(columns=("clinic.visits.ward", "clinic.visits.patient", "clinic.visits.cost"))])
    assert names(found) == {"visits": ["patient", "cost"]}


def test_names_do_not_run_into_each_other():
    """A grant over `a.b` of one dataset says nothing of a table of that name in another, or of a longer name."""
    other = standing(datasets=("labs",), tables=("labs.visits",), columns=("labs.visits.cost",))
    assert names(granted(CLINIC, [other])) == {}
    longer = standing(tables=("clinic.visits2",), columns=("clinic.visits2.cost", "clinic.visits.co"))
    assert names(granted(CLINIC, [longer])) == {}
    assert names(granted(CLINIC, [standing(datasets=("labs",))])) == {}, "a table of a dataset that is not granted"


def test_the_rest_of_the_description_stays():
    found = granted(CLINIC, [standing(columns=("clinic.visits.cost",))])
    assert (found.name, found.steward, found.grade) == (CLINIC.name, CLINIC.steward, CLINIC.grade)
    assert found.tables[0].columns[1] is CLINIC.tables[0].columns[1]
    assert found.tables[0].rows_max == CLINIC.tables[0].rows_max


LISTS = st.lists(
    st.sampled_from([f"clinic.{t}.{c}" for t in ("visits", "stays", "bills") for c in VALUES]), unique=True
)


@given(LISTS, LISTS)
def test_narrowing_is_a_union(first, second):
    def made(columns):
        return standing(tables=tuple({name.rsplit(".", 1)[0] for name in columns}), columns=tuple(columns))

    one, two, both = (granted(CLINIC, found) for found in ([made(first)], [made(second)], [made(first), made(second)]))
    united = {name: set(names(one).get(name, [])) | set(names(two).get(name, [])) for name in names(both)}
    assert {name: set(found) for name, found in names(both).items()} == united
    assert set(names(both)) == set(names(one)) | set(names(two))
