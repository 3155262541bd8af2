"""From tallies to noisy tables: each line's integers are its own, keys come back as they were, and ρ large is no noise."""

from dataclasses import replace
from datetime import date
from unittest import mock

import numpy as np
import pytest
from engine_tables import KEYS, LOOSE, PRIVATE_KEYS, UNITS, WIDE_PRIMITIVES, bucket_of, plan_of, reference_lines
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.plan import measurement
from sandbox.plan.measurement import GroupKey
from sandbox.plan.nodes import ColumnRef
from sandbox.plan.primitives import CountUnits
from sandbox.privacy.mechanism import measurement_spec
from sandbox.terms.dataset import Type
from sandbox.terms.loss import Loss, Mode
from workers.key_bytes import FIRST_DAY, LAST_DAY, key_values, number_bytes, text_key_bytes
from workers.noise import prepare
from workers.noisy_lines import noisy_table
from workers.scan import measure_bucket

PLENTY = Loss(Mode.ZCDP, 9 * 10**18, 10**17)
BOUNDS = type(LOOSE)(3, 2, 2)
NUMBER = GroupKey(ColumnRef("n", Type.INT), Type.INT, None)
TEXT = GroupKey(ColumnRef("t", Type.STRING), Type.STRING, None, 50)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


def table_of(plan, units):
    spec = measurement_spec(plan, PLENTY.mode, PLENTY.units, PLENTY.delta)
    (mechanisms,) = prepare(plan, spec, PLENTY)
    (measured,) = plan.measurements
    return noisy_table(measured, mechanisms, measure_bucket(measured, bucket_of(units))), spec


@settings(max_examples=60, deadline=None)
@given(UNITS, st.lists(st.sampled_from(sorted(KEYS)), unique=True, max_size=2))
def test_without_noise_to_speak_of_public_lines_are_the_reference(units, keys):
    plan = plan_of(keys=keys, bounds=BOUNDS, primitives=WIDE_PRIMITIVES)
    table, _ = table_of(plan, units)
    lines, vectors = reference_lines(plan.measurements[0], units)
    assert (list(table.lines), [list(vector) for vector in table.vectors[:-1]]) == (lines, vectors[:-1])


@settings(max_examples=60, deadline=None)
@given(UNITS, st.sampled_from(["note", "age", "smoker", "day"]))
def test_without_noise_to_speak_of_selected_lines_are_those_above_the_threshold(units, name):
    plan = plan_of(keys=(PRIVATE_KEYS[name], KEYS["sex"]), bounds=BOUNDS, primitives=WIDE_PRIMITIVES[:-1])
    units = [list(unit) for unit in units for _ in range(3)]  # three units each, none the same
    table, spec = table_of(plan, units)
    lines, vectors = reference_lines(plan.measurements[0], units)
    kept = [place for place in range(len(lines)) if vectors[0][place] > spec.vectors[0].threshold]
    assert list(table.lines) == [lines[place] for place in kept]
    for found, expected in zip(table.vectors, vectors, strict=True):
        wide = len(expected) // len(lines) if lines else 0
        assert list(found) == [n for place in kept for n in expected[place * wide : (place + 1) * wide]]


@settings(max_examples=60, deadline=None)
@given(UNITS, st.sampled_from(["note", "age"]), st.integers(1, 4))
def test_of_too_many_selected_lines_those_with_most_units_show_in_their_order(units, name, most):
    plan = plan_of(keys=(PRIVATE_KEYS[name],), bounds=BOUNDS, primitives=WIDE_PRIMITIVES[:-1])
    units = [list(unit) for unit in units for _ in range(3)]
    whole, _ = table_of(plan, units)
    with mock.patch.object(measurement, "SELECTED_LINES_MAX", most):
        table, _ = table_of(plan, units)
        again, _ = table_of(plan, units)
    assert table == again
    ranked = sorted(range(len(whole.lines)), key=lambda line: (-whole.vectors[0][line], line))
    kept = sorted(ranked[:most])
    assert list(table.lines) == [whole.lines[line] for line in kept]
    for found, all_of_them in zip(table.vectors, whole.vectors, strict=True):
        wide = len(all_of_them) // max(1, len(whole.lines))
        assert list(found) == [n for line in kept for n in all_of_them[line * wide : (line + 1) * wide]]


def test_how_many_lines_show_follows_from_the_plan_alone():
    (selected,) = plan_of(keys=(replace(TEXT, max_length=40),), primitives=(CountUnits(),)).measurements
    longer = replace(selected, keys=(replace(TEXT, max_length=200),))
    (public,) = plan_of(keys=(KEYS["sex"],)).measurements
    assert (selected.lines_max, longer.lines_max) == (measurement.SELECTED_LINES_MAX, 20_000)
    assert public.lines_max == public.groups


# -- keys as bytes -------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), TEXTS, st.integers(-5, 5)), min_size=1, max_size=8))
def test_bytes_of_keys_come_back_and_are_ordered_as_the_keys(lines):
    numbers = number_bytes(np.asarray([line[0] for line in lines], np.int64))
    texts = text_key_bytes([memoryview(line[1].encode()) for line in lines])
    lasts = number_bytes(np.asarray([line[2] for line in lines], np.int64))
    held = [b"".join(parts) for parts in zip(numbers, texts, lasts, strict=True)]
    assert [key_values((NUMBER, TEXT, NUMBER), one) for one in held] == lines
    by_bytes = sorted(range(len(lines)), key=lambda at: held[at])
    assert [lines[at] for at in by_bytes] == sorted(lines)
    by_text = sorted(range(len(lines)), key=lambda at: texts[at])
    assert [lines[at][1] for at in by_text] == sorted(line[1] for line in lines)


@pytest.mark.parametrize(
    ("key", "held"),
    [
        (NUMBER, b""),
        (NUMBER, b"\x80" + bytes(6)),
        (NUMBER, b"\x80" + bytes(8)),
        (TEXT, b"a"),
        (TEXT, b"a\0"),
        (TEXT, b"a\0\xff"),
        (TEXT, b"a\0\0b"),
        (TEXT, b"\xff\0\0"),
        (TEXT, b"x" * 51 + b"\0\0"),
        (KEYS["sex"], number_bytes(np.asarray([3]))[0]),
        (KEYS["sex"], number_bytes(np.asarray([-1]))[0]),
        (PRIVATE_KEYS["smoker"], number_bytes(np.asarray([2]))[0]),
        (PRIVATE_KEYS["day"], number_bytes(np.asarray([LAST_DAY + 1]))[0]),
    ],
)
def test_what_is_no_key_is_refused(key, held):
    with pytest.raises(ValueError):
        key_values((key,), held)


def test_days_have_their_iso_text():
    days = number_bytes(np.asarray([FIRST_DAY, 0, LAST_DAY]))
    found = [key_values((PRIVATE_KEYS["day"],), day)[0] for day in days]
    assert found == [date.min.isoformat(), "1970-01-01", "9999-12-31"]
