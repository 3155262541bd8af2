"""Faults planted into relations, private keys, distinct values and trees; see `audit_planted`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import audit_planted as planted
import audit_planted_noise as planted_noise
import numpy as np

from sandbox.privacy import mechanism
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.terms.loss import Mode
from workers import accumulators, evaluate, group_codes, noise, noisy_lines, scan, tree_counts
from workers.distinct import DistinctPairs
from workers.lookups import PieceCodes
from workers.relations import execute, joins, per_unit, windows
from workers.relations.joins import JoinIndex


@contextmanager
def both(*faults: Callable[[], Any]) -> Iterator[None]:
    """Several faults at once."""
    with ExitStack() as stack:
        for fault in faults:
            stack.enter_context(fault())
        yield


# -- joins ---------------------------------------------------------------------------------------------------------------


def join_not_capped() -> Any:
    """Joined rows are all kept."""
    return mock.patch.object(joins, "capped", lambda counts, _units, _most: counts)


def join_capped_for_all_units_together() -> Any:
    """The share of one unit is that of a whole batch."""
    original = joins.capped
    return mock.patch.object(
        joins, "capped", lambda counts, units, most: original(counts, np.zeros_like(units), most // 2)
    )


def scans_not_capped() -> Any:
    """All rows of a unit are read before a join."""

    def table(scan: Any) -> tuple[str, str, int]:
        return scan.dataset, scan.table, 10**6

    return mock.patch.object(execute, "_table", table)


def capped_before_the_join_only() -> Any:
    """Rows are bounded in the tables, and what the join makes of them is not."""
    return planted.no_row_bound()


def _other_units(*kinds: str) -> Any:
    """Joins of these kinds meet rows of any unit."""
    original = JoinIndex.of

    def of(join: Any, right: Any, *, of_units: bool) -> JoinIndex:
        return original(join, right, of_units=of_units and join.kind not in kinds)

    return mock.patch.object(execute, "JoinIndex", mock.Mock(of=of))


def join_of_other_units() -> Any:
    """Rows meet rows of other units."""
    return _other_units("inner", "left")


def semi_join_of_other_units() -> Any:
    """EXISTS asks whether anybody has such a row."""
    return _other_units("semi")


def anti_join_of_other_units() -> Any:
    """NOT EXISTS and NOT IN ask whether nobody has."""
    return _other_units("anti")


@contextmanager
def public_table_joined_on_the_token() -> Iterator[None]:
    """Public rows are of unit 0, and so meet the first unit of a batch alone."""
    original = JoinIndex.of

    def of(join: Any, right: Any, *, of_units: bool) -> JoinIndex:
        del of_units
        return original(join, right, of_units=True)

    joined = mock.patch.object(execute, "JoinIndex", mock.Mock(of=of))
    with joined, mock.patch.object(scan, "stream_of", lambda *_: None):  # read like a scan, no unit is looked at
        yield


def tables_of_a_unit_taken_apart() -> Any:
    """A unit's rows of two tables are two units."""

    def apart(tables: Any) -> tuple[int, list[Any]]:
        counts = [len(table.high) for table in tables]
        starts = np.cumsum([0, *counts])
        numbers = [np.arange(count) + start for count, start in zip(counts, starts, strict=False)]
        return int(starts[-1]), numbers

    return mock.patch.object(execute, "merged", apart)


def union_counted_once_for_its_rows() -> Any:
    """Each part of a union may bring R rows."""

    def change(bounding: Any) -> None:
        bounding._limits[[0, 2]] *= 2

    return planted._bounding(change)


# -- rows of one unit ----------------------------------------------------------------------------------------------------


def per_unit_aggregates_over_all_units() -> Any:
    """GROUP BY forgets the unit."""
    original = per_unit._groups

    def groups(rows: Any, keys: Any) -> Any:
        return original(replace(rows, units=np.zeros_like(rows.units)), keys)

    return mock.patch.object(per_unit, "_groups", groups)


def window_over_all_units() -> Any:
    """PARTITION BY forgets the unit."""
    original = windows.words
    return mock.patch.object(
        windows, "words", lambda lines, rows: original([np.zeros_like(lines[0]), *lines[1:]], rows)
    )


# -- measuring -----------------------------------------------------------------------------------------------------------


def distinct_cap_left_out() -> Any:
    """A unit brings all of its counted values."""
    original = DistinctPairs.__init__
    return mock.patch.object(DistinctPairs, "__init__", lambda self, _most: original(self, 10**9))


def distinct_values_without_bounds() -> Any:
    """Neither the cap on values nor the bounds on rows."""
    return both(distinct_cap_left_out, planted.no_row_bound)


def distinct_values_counted_by_rows() -> Any:
    """Every value is new."""

    def add(self: Any, counted: Any, vector: Any) -> None:
        rows = np.arange(len(vector.values), dtype=np.int64) + id(vector)
        self._pairs.add(counted.groups, counted.owners, vector.valid, np.zeros_like(rows), rows)

    return both(lambda: mock.patch.object(accumulators.OfPairs, "add", add), distinct_values_without_bounds)


def filtered_units_counted_by_rows() -> Any:
    """COUNT(DISTINCT unit) FILTER counts rows."""

    def add(self: Any, counted: Any, vector: Any) -> None:
        self._units.grow(counted.count)
        kept = (counted.groups >= 0) & vector.values & vector.valid
        found = np.bincount(counted.groups[kept], minlength=len(self._units.units))
        self._units.units += found[: len(self._units.units)]

    return mock.patch.object(accumulators.OfUnits, "add", add)


def filter_not_applied_to_units() -> Any:
    """COUNT(DISTINCT unit) FILTER counts all units: private, and wrong."""
    original = accumulators.OfUnits.add

    def add(self: Any, counted: Any, vector: Any) -> None:
        original(self, counted, replace(vector, values=np.ones_like(vector.values), valid=np.ones_like(vector.valid)))

    return mock.patch.object(accumulators.OfUnits, "add", add)


def leaves_from_the_rows() -> Any:
    """A tree begins at the smallest value that there is."""
    original = tree_counts.LeafCounts.add

    def add(self: Any, groups: Any, vector: Any) -> None:
        low = vector.values.min() if len(vector.values) else 0
        original(self, groups, replace(vector, values=vector.values - low))

    return mock.patch.object(tree_counts.LeafCounts, "add", add)


def private_keys_by_rank() -> Any:
    """A private group is named by its rank among those present."""

    def key_bytes(self: Any, groups: Any) -> list[bytes]:
        del self
        return [b"%08d" % number for number in range(len(groups))]

    return mock.patch.object(group_codes.PrivateGroups, "key_bytes", key_bytes)


# -- what a row raises -----------------------------------------------------------------------------------------------------


@contextmanager
def case_raises_on_a_row() -> Iterator[None]:
    """CASE computes all its branches of each row, and a division by zero in one of them raises."""
    original = evaluate._arithmetic

    def arithmetic(node: Any, left: Any, right: Any) -> Any:
        step = original(node, left, right)

        def checked(block: Any) -> Any:
            if node.operator == "/" and (right(block).values == 0).any():
                raise ZeroDivisionError
            return step(block)

        return checked

    # Looked up for values that no row has, it would raise whatever the rows are.
    row_by_row = mock.patch.object(PieceCodes, "of", lambda *_: None)
    with mock.patch.object(evaluate, "_arithmetic", arithmetic), row_by_row:
        yield


def function_raises_on_a_row() -> Any:
    """`lower` takes no empty text."""
    original = evaluate.KERNELS["lower"]

    def kernel(node: Any, operands: Any) -> Any:
        def checked(block: Any) -> Any:
            found = operands[0](block)
            used = found.values[found.valid]
            if any(found.texts[int(code)].as_py() == "" for code in np.unique(used)):
                raise ValueError
            return found

        return original(node, (checked,))

    return mock.patch.object(evaluate, "KERNELS", {**evaluate.KERNELS, "lower": kernel})


# -- pricing -------------------------------------------------------------------------------------------------------------


@contextmanager
def _size(change: Callable[[Any, int], int]) -> Iterator[None]:
    """Both derivations of a sensitivity after `change(primitive, size)`."""
    priced, checked = mechanism.sensitivity, noise._distance
    with (
        mock.patch.object(mechanism, "sensitivity", lambda item, *rest: change(item, priced(item, *rest))),
        mock.patch.object(
            noise, "_distance", lambda measurement, item, mode: change(item, checked(measurement, item, mode))
        ),
    ):
        yield


def tree_levels_charged_once() -> Any:
    """The levels of a tree of counts are taken for one."""
    return _size(lambda item, size: size // getattr(item, "depth", 1))


def distinct_values_charged_as_one() -> Any:
    """A set is taken to change by one."""
    return _size(lambda item, size: 1 if hasattr(item, "values_per_unit") else size)


def measurements_given_the_whole() -> Any:
    """Each measurement of a plan is given the whole loss."""
    original = mechanism.measurement_spec

    def spec(plan: Any, mode: Mode, units: int, delta: int = 0) -> MeasurementSpec:
        return original(plan, mode, units * len(plan.measurements), delta)

    return mock.patch.object(mechanism, "measurement_spec", spec)


@contextmanager
def second_measurement_not_charged() -> Iterator[None]:
    """The books hold the first vector's cost, and the engine believes it."""
    with planted_noise.aggregates_charged_once():
        yield


# -- selection -----------------------------------------------------------------------------------------------------------


def selected_at_the_threshold() -> Any:
    """A group shows at the threshold too."""

    def units(mechanism_: Any, exact: Any) -> Any:
        drawn = mechanism_.draw(exact)
        chosen = np.flatnonzero(drawn >= mechanism_.threshold)
        return chosen.tolist(), drawn[chosen]

    return mock.patch.object(noisy_lines, "noisy_units", units)


def threshold_for_one_group() -> Any:
    """τ forgets that a unit may be alone in L0 groups."""
    return both(
        lambda: mock.patch.object(mechanism, "exposed_groups", lambda _: 1),
        lambda: mock.patch.object(noise, "_check_threshold", lambda *_: None),
    )


def selection_without_noise() -> Any:
    """Groups with two or more units show, whatever the noise."""
    return _chosen(lambda exact, drawn, _: (exact >= 1) & (drawn > -(10**9)))


def selection_noise_halved() -> Any:
    """The comparison takes the mean of the noisy and the exact number."""
    return _chosen(lambda exact, drawn, tau: (drawn + exact) / 2 > tau / 2)


def _chosen(choose: Any) -> Any:
    def units(mechanism_: Any, exact: Any) -> Any:
        drawn = mechanism_.draw(exact)
        chosen = np.flatnonzero(choose(exact, drawn, mechanism_.threshold))
        return chosen.tolist(), drawn[chosen]

    return mock.patch.object(noisy_lines, "noisy_units", units)


def selected_by_rows() -> Any:
    """A unit with many rows makes a group large."""
    original = noisy_lines.exact_vectors

    def vectors(measurement: Any, tally: Any) -> Any:
        return original(measurement, replace(tally, sums=np.vstack([tally.sums.max(axis=0), tally.sums[1:]])))

    return mock.patch.object(noisy_lines, "exact_vectors", vectors)


def delta_spent_for_each_group() -> Any:
    """Each selection is given as much δ as there are groups of one unit."""
    original = mechanism.threshold
    return both(
        lambda: mock.patch.object(
            mechanism,
            "threshold",
            lambda mode, scale, groups, delta: original(mode, scale, groups, min(4 * groups * delta, 10**18)),
        ),
        lambda: mock.patch.object(noise, "_check_threshold", lambda *_: None),
        lambda: mock.patch.object(mechanism, "keeps", lambda *_: True),
    )
