"""Scopes only narrow: whatever the lists, what comes out lies within what went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_world import CLINIC, ROADS

from sandbox.service.grant_scope import Scope, narrowed, offered, shown
from sandbox.terms.description import parse_description
from sandbox.terms.people import Aggregate
from sandbox.terms.refusal import MalformedRequest

WHOLE = offered([parse_description(ROADS, "roads.toml"), parse_description(CLINIC, "clinic.toml")])


def lists(words):
    strange = ["", "visits", "clinic.visits.note", "clinic.visits.patient_id", "roads.trips.driver", "median", "clinic"]
    return st.none() | st.lists(st.sampled_from([*words, *strange]), max_size=6)


def within(small: Scope, large: Scope) -> bool:
    return all(
        set(getattr(small, name)) <= set(getattr(large, name))
        and list(getattr(small, name)) == sorted(getattr(small, name))
        for name in Scope.__slots__
    )


def test_what_is_offered_is_values_only_and_sorted():
    assert WHOLE.datasets == ("clinic", "roads")
    assert WHOLE.tables == ("clinic.visits", "roads.trips")
    assert WHOLE.columns == (
        "clinic.visits.age",
        "clinic.visits.cost",
        "clinic.visits.sex",
        "clinic.visits.visited",
        "roads.trips.km",
    )
    assert WHOLE.aggregates == tuple(sorted(Aggregate))


@given(lists(WHOLE.tables), lists(WHOLE.columns), lists(WHOLE.aggregates))
def test_narrowing_never_widens(tables, columns, aggregates):
    try:
        found = narrowed(WHOLE, tables, columns, aggregates, "is not offered")
    except MalformedRequest as refused:
        assert refused.facts["field"] in ("tables", "columns", "aggregates")
        return
    assert within(found, WHOLE) and found.tables and found.aggregates
    assert {table.split(".")[0] for table in found.tables} == set(found.datasets)
    assert {column.rpartition(".")[0] for column in found.columns} <= set(found.tables)
    for asked, kept in ((tables, found.tables), (columns, found.columns), (aggregates, found.aggregates)):
        assert asked is None or set(asked) == set(kept)
    assert narrowed(found, None, None, None, "") == found
    assert within(narrowed(found, found.tables[:1], None, None, ""), found)


def test_control_a_word_outside_is_refused_and_named():
    one = narrowed(WHOLE, ["roads.trips"], None, None, "is not offered")
    assert one == Scope(("roads",), ("roads.trips",), ("roads.trips.km",), WHOLE.aggregates)
    with pytest.raises(MalformedRequest, match=r'columns: "clinic\.visits\.age" is not offered\.'):
        narrowed(one, None, ["clinic.visits.age"], None, "is not offered")


@pytest.mark.parametrize("word", ["a\nb", "x" * 201, "\ud800", "\x00"])
def test_what_cannot_be_shown_is_not(word):
    assert shown(word) == "…" and shown("clinic.visits") == "clinic.visits"
