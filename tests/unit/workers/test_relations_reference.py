"""Relations over a bucket against a reference that walks one unit, one row at a time."""

from hypothesis import HealthCheck, given, settings
from relation_reference import reference_rows
from relation_worlds import RELATIONS, WORLDS, computed, exactly, held

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
MANY = settings(max_examples=1_500, deadline=None, suppress_health_check=SLOW)


def expected(relation, units, public):
    """The rows of the units that have any row stored, in the order of tokens."""
    tables = {("reference", "codes"): public}
    return [[exactly(row) for row in reference_rows(relation, unit, tables)] for _, unit in sorted(units.items())]


def without_empty(rows):
    return [unit for unit in rows if unit]


@MANY
@given(RELATIONS, WORLDS)
def test_generated_relations_equal_the_reference(relation, world):
    units, public = world
    assert without_empty(computed(relation, held(units, public))) == without_empty(expected(relation, units, public))
