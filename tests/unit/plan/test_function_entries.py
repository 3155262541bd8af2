"""The table itself: every entry is complete, its examples fit, and SQL names find the entry that takes the arguments."""

import pytest
from function_arguments import constant, fits_type, generator, type_lists

from sandbox.plan.facts import INTEGER_LIMIT, TEXT_LIMIT
from sandbox.plan.functions import FUNCTIONS, overload, overloads
from sandbox.plan.functions.entry import representable
from sandbox.plan.functions.moments import DATE_PARTS, DATE_UNITS, TIME_PARTS, TIME_UNITS, UNIT_SPELLINGS
from sandbox.terms.dataset import Type

PYTHON_TYPES = {int: Type.INT, float: Type.FLOAT, str: Type.STRING, bool: Type.BOOL}


def example_types(entry, example):
    """The types of an example's arguments: where a parameter takes one type, that, else the value's own."""
    kinds = []
    for place, value in enumerate(example):
        accepted = entry.parameter(place).types
        own = PYTHON_TYPES.get(
            type(value), next((PYTHON_TYPES[type(other)] for other in example if other is not None), None)
        )
        kinds.append(own if own in accepted else next(iter(accepted - {Type.STRING, Type.FLOAT, Type.BOOL}), None))
    return tuple(kind or Type.INT for kind in kinds)


def test_the_table_is_as_large_as_it_should_be():
    assert len(FUNCTIONS) >= 70
    assert all(name == entry.name for name, entry in FUNCTIONS.items())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_entry_is_complete(name):
    entry = FUNCTIONS[name]
    assert entry.sql
    assert all(spelling == spelling.lower() for spelling in entry.sql)
    assert "\n" not in entry.words + entry.words_zh
    assert 0 < len(entry.words) <= 250
    assert any(ord(letter) > 0x4E00 for letter in entry.words_zh)
    assert not entry.words.endswith(".")
    assert 0 <= entry.fewest <= entry.largest <= 32
    assert entry.examples
    assert list(type_lists(entry))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_examples_fit_their_entry(name):
    entry = FUNCTIONS[name]
    for example in entry.examples:
        kind = entry.result_type(example_types(entry, example))
        assert kind is not None, example
        assert fits_type(entry(*example), kind)
        for place, value in enumerate(example):
            assert not entry.parameter(place).constant or entry.parameter(place).takes(value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_other_arguments_do_not_fit(name):
    entry = FUNCTIONS[name]
    types = next(iter(type_lists(entry)))
    assert entry.result_type([*types, *[Type.INT] * 33]) is None
    assert entry.fewest == 0 or entry.result_type([]) is None
    for place in range(len(types)):
        for kind in set(Type) - entry.parameter(place).types:
            assert entry.result_type([*types[:place], kind, *types[place + 1 :]]) is None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_constants_are_what_their_parameter_takes(name):
    entry = FUNCTIONS[name]
    draw = generator(name)
    for parameter in entry.parameters:
        if not parameter.constant:
            continue
        assert not parameter.takes(None)
        assert parameter.takes(constant(parameter, min(parameter.types), draw))
        assert not parameter.choices or not parameter.takes("fortnight")
        if parameter.least is not None:
            assert not parameter.takes(parameter.least - 1)
            assert not parameter.takes(parameter.most + 1)


def test_sql_names_find_the_entry_for_the_types():
    assert overload("date_trunc", [Type.STRING, Type.DATE]).name == "date_trunc"
    assert overload("date_trunc", [Type.STRING, Type.TIMESTAMP]).name == "timestamp_trunc"
    assert overload("log", [Type.INT]).name == "log10"
    assert overload("log", [Type.INT, Type.FLOAT]).name == "log_base"
    assert overload("abs", [Type.STRING]) is None
    assert overload("frobnicate", [Type.INT]) is None
    assert {entry.name for entry in overloads("date_add")} == {"date_add", "timestamp_add"}


def test_no_two_entries_take_the_same_call_but_casts():
    for spelling in {name for entry in FUNCTIONS.values() for name in entry.sql} - {"cast", "try_cast"}:
        taken = [types for entry in overloads(spelling) for types in type_lists(entry)]
        assert len(taken) == len(set(taken)), spelling


def test_units_have_one_spelling_each():
    units = {*DATE_UNITS, *TIME_UNITS, *DATE_PARTS, *TIME_PARTS}
    assert set(UNIT_SPELLINGS.values()) <= units
    assert not units & set(UNIT_SPELLINGS)


def test_clocks_and_dice_are_no_functions():
    spelled = {name for entry in FUNCTIONS.values() for name in entry.sql}
    assert not spelled & {"random", "now", "current_date", "uuid", "nextval", "today", "setseed", "getenv", "hash"}


def test_results_are_cut_to_what_rows_hold():
    assert representable(float("nan")) is None
    assert representable(float("inf")) == 1.7976931348623157e308
    assert representable(float("-inf")) == -1.7976931348623157e308
    assert representable(INTEGER_LIMIT) is None
    assert representable(1 - INTEGER_LIMIT) == 1 - INTEGER_LIMIT
    assert representable("x" * TEXT_LIMIT) == "x" * TEXT_LIMIT
    assert representable("x" * (TEXT_LIMIT + 1)) is None
    assert representable(True) is True


OWN_MEANINGS = [
    (("width_bucket", -1, 0, 10, 5), 0), (("width_bucket", 10, 0, 10, 5), 6), (("width_bucket", 0, 0, 10, 5), 1),
    (("width_bucket", 5, 10, 0, 5), None), (("width_bucket", 5, 5, 5, 5), None), (("width_bucket", 7, 0, 10, 10), 8),
    (("width_bucket", 9.999999999999998, 0, 10, 10), 10),
    (("initcap", "o'neil ÉCOLE 3rd"), "O'Neil École 3rd"), (("reverse", "ab👍"), "👍ba"),
    (("cast_int", "12.5"), None), (("cast_int", " +12 "), 12), (("cast_int", "٣"), None), (("cast_int", "9" * 30), None),
    (("cast_int", 0.5), 0), (("cast_int", 1.5), 2), (("cast_int", 1e300), None), (("cast_float", "nan"), None),
    (("cast_float", "1e999"), 1.7976931348623157e308), (("cast_bool", "on"), None), (("cast_bool", "Yes"), True),
    (("cast_date", "2024-1-2"), None), (("cast_timestamp", "2024-01-31 24:00:00"), None),
    (("cast_timestamp", "0001-01-01T00:00:00+14:00"), None), (("cast_timestamp", "2024-01-31T02:00:00+02:00"), 1_706_659_200_000_000),
    (("date_trunc", "century", -719_162), None), (("date_part", "year", 2_932_897), None), (("make_date", 10_000, 1, 1), None),
    (("date_add", 19_753, 10**18, "year"), None), (("date_string", 2**40), None), (("ln", 0), None), (("sqrt", -1), None),
    (("power", 0, -1), 1.7976931348623157e308), (("power", -8, 0.5), None), (("mod", 5, 0), None), (("intdiv", 5, 0), None),
    (("chr", 0), None), (("chr", 0xD800), None), (("lpad", "a", 3, ""), None), (("replace", "a" * 200, "a", "b" * 51), None),
    (("like", "a" * 200 + "b", "%a%a%a%a%a%a%a%a%a%c"), False), (("like", "a\nb", "a_b"), True), (("like", "", "%"), True),
    (("like", "aXbXc", "a%_c"), True), (("like", "ab", "a%b%b"), False), (("ilike", "İX", "i_"), True),
]  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), OWN_MEANINGS, ids=lambda value: str(value)[:40])
def test_where_the_meaning_is_our_own(call, expected):
    """Total where others raise, and the same on every machine."""
    name, *values = call
    found = FUNCTIONS[name](*values)
    assert found == expected
    assert type(found) is type(expected)
