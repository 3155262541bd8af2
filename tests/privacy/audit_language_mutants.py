"""Which planted fault of the language falls to which law, asked by which question on which pair: one line each.

`EXACT` fall to the laws of `test_language_sensitivity`, without drawing, so with certainty: no one vector moves too far
(sensitivity), no unit changes what another brings (additivity), what is drawn is paid for (loss), no more groups hold a
unit alone than τ counts on (lone groups), no row makes a question fail (failure), small tables give what plain Python
does (reference). `SELECTING` fall to the rates of `test_selection_audit`.

As measured: 30 of 30 faults of `EXACT`, 6 of 6 of `SELECTING` (power 1.00 each). Of those that move a vector too far, the ε
audit through noise (`test_language_epsilon`) sees about half: the excess of the others is below a factor of two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import audit_planted as planted
import audit_planted_relations as faults


@dataclass(frozen=True)
class LanguageMutant:
    """A fault, and the question, pair and law that must catch it."""

    plant: Callable[[], Any]
    question: str
    pair: str
    law: str
    reload: bool = False


EXACT: dict[str, LanguageMutant] = {
    "capped before the join only": LanguageMutant(faults.capped_before_the_join_only, "self join", "heavy", "sensitivity"),
    "join capped for all units together": LanguageMutant(
        faults.join_capped_for_all_units_together, "self join", "heavy", "additivity"
    ),
    "join of other units": LanguageMutant(faults.join_of_other_units, "join on the unit", "spread", "additivity"),
    "semi join of other units": LanguageMutant(faults.semi_join_of_other_units, "exists", "heavy", "sensitivity"),
    "anti join of other units": LanguageMutant(
        faults.anti_join_of_other_units, "not in", "others have nothing", "sensitivity"
    ),
    "public table joined on the token": LanguageMutant(
        faults.public_table_joined_on_the_token, "join with codes", "heavy", "additivity"
    ),
    "tables of a unit taken apart": LanguageMutant(faults.tables_of_a_unit_taken_apart, "union", "heavy", "sensitivity"),
    "union counted once for its rows": LanguageMutant(
        faults.union_counted_once_for_its_rows, "tight union", "heavy", "sensitivity"
    ),
    "per-unit aggregates over all units": LanguageMutant(
        faults.per_unit_aggregates_over_all_units, "large customers", "heavy", "additivity"
    ),
    "per-unit groups over all units": LanguageMutant(
        faults.per_unit_aggregates_over_all_units, "per unit and ward", "in the crowd", "additivity"
    ),
    "window over all units": LanguageMutant(faults.window_over_all_units, "previous order", "heavy", "additivity"),
    "rank over all units": LanguageMutant(faults.window_over_all_units, "first orders", "heavy", "additivity"),
    "groups of a join not bounded": LanguageMutant(planted.no_group_bound, "join of datasets", "spread", "sensitivity"),
    "private groups not bounded": LanguageMutant(planted.no_group_bound, "private key", "distinct", "lone groups"),
    "private keys by rank": LanguageMutant(faults.private_keys_by_rank, "private key", "alone", "additivity"),
    "rows of a group not bounded": LanguageMutant(planted.no_rows_per_group_bound, "tight", "heavy", "sensitivity"),
    "distinct values without bounds": LanguageMutant(
        faults.distinct_values_without_bounds, "distinct sizes", "distinct", "sensitivity"
    ),
    "distinct values counted by rows": LanguageMutant(
        faults.distinct_values_counted_by_rows, "distinct sizes", "heavy", "sensitivity"
    ),
    "filtered units counted by rows": LanguageMutant(
        faults.filtered_units_counted_by_rows, "filtered", "heavy", "sensitivity"
    ),
    "filter not applied to units": LanguageMutant(faults.filter_not_applied_to_units, "filtered", "heavy", "reference"),
    "bounded before the filter": LanguageMutant(planted.bounded_before_the_filter, "narrow", "mixed", "reference"),
    "leaves from the rows": LanguageMutant(faults.leaves_from_the_rows, "median", "lowest", "additivity"),
    "centre of a variance from the rows": LanguageMutant(planted.centre_from_the_rows, "variance", "lowest", "additivity"),
    "bucket of a union counted twice": LanguageMutant(planted.bucket_counted_twice, "union", "heavy", "sensitivity"),
    "CASE raises on a row": LanguageMutant(faults.case_raises_on_a_row, "case of every kind", "lowest", "failure"),
    "a function raises on a row": LanguageMutant(faults.function_raises_on_a_row, "text in a filter", "empty text", "failure"),
    "tree levels charged once": LanguageMutant(faults.tree_levels_charged_once, "median", "heavy", "loss"),
    "distinct values charged as one": LanguageMutant(
        faults.distinct_values_charged_as_one, "distinct sizes", "distinct", "loss"
    ),
    "each measurement given the whole": LanguageMutant(
        faults.measurements_given_the_whole, "stacked answers", "heavy", "loss"
    ),
    "second measurement not charged": LanguageMutant(
        faults.second_measurement_not_charged, "stacked answers", "heavy", "loss"
    ),
}  # fmt: skip

HARMLESS: dict[str, LanguageMutant] = {  # one of two fences is down: the other still holds
    "join not capped": LanguageMutant(faults.join_not_capped, "self join", "heavy", ""),
    "scans not capped": LanguageMutant(faults.scans_not_capped, "self join", "heavy", ""),
    "distinct cap left out": LanguageMutant(faults.distinct_cap_left_out, "distinct sizes", "distinct", ""),
}

SELECTING: dict[str, Callable[[], Any]] = {
    "selected at the threshold": faults.selected_at_the_threshold,
    "threshold for one group": faults.threshold_for_one_group,
    "selection without noise": faults.selection_without_noise,
    "selection noise halved": faults.selection_noise_halved,
    "selected by rows": faults.selected_by_rows,
    "δ spent for each group": faults.delta_spent_for_each_group,
}
