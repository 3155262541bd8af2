"""Which planted fault falls to which check, asked by which operator: one line each. The pairs are those of `PAIRS`; which
of them catch it, and with what power, is measured and printed by `test_epsilon_mutants`.

Where each kind of fault falls, as measured (4,000 draws a side, 1,200 where answers are drawn one by one; five audits each):

    ε audit                27 faults of `SAMPLED`, in both modes: 53 of 53, power 1.00; the closest are "centre from the
                           rows" (ε >= 1.1 proven of 1 claimed), "table cut to its largest values" (1.3), "half the noise"
                           and "bucket counted twice" (1.4)
    exact difference       14 of those without drawing; and "rounded after the sum", which no number of draws would show
    reference, loaded rows "bounded before the filter", "bucket dropped", "rows chosen by value": private, and wrong
    equal draws            "seed fixed", "noise shared by groups", "noise shared by aggregates", at the first look
    books against draws    five faults of debits, refunds and reuse (`test_accounts_audit`)
    the engine's refusal   `REFUSED`: the control plane alone is wrong
    record and replay      five of status, log line, size and shape (`test_record_replay`)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import audit_planted as planted
import audit_planted_noise as planted_noise
from audit_tables import KEYS

from sandbox.terms.loss import Mode

PLAIN, GROUPED = KEYS
BOTH = (Mode.PURE, Mode.ZCDP)


@dataclass(frozen=True)
class Mutant:
    """A fault that costs privacy. `pair` is the one that must catch it; `one_by_one` draws answers as the engine does;
    `reload` loads the tables anew, where ingest is broken; `louder` asks at so many times the usual ε."""

    plant: Callable[[], Any]
    operator: str
    keys: str
    pair: str
    one_by_one: bool = False
    reload: bool = False
    modes: tuple[Mode, ...] = BOTH
    louder: int = 1


SAMPLED: dict[str, Mutant] = {  # they fall to the ε audit
    "half the noise": Mutant(planted_noise.half_the_noise, "sum", PLAIN, "heavy"),
    "rows not bounded": Mutant(planted.no_row_bound, "rows", PLAIN, "heavy"),
    "groups not bounded": Mutant(planted.no_group_bound, "units", GROUPED, "spread"),
    "rows a group not bounded": Mutant(planted.no_rows_per_group_bound, "tight rows", GROUPED, "heavy"),
    "runs of a unit bounded apart": Mutant(planted.runs_bounded_apart, "rows", PLAIN, "heavy"),
    "units counted by rows": Mutant(planted.units_counted_by_rows, "units", PLAIN, "heavy"),
    "keys by rank of appearance": Mutant(planted.keys_by_rank_of_appearance, "rows", GROUPED, "alone"),
    "clamped after the sum": Mutant(planted.clamped_after_the_sum, "sum", PLAIN, "high", reload=True),
    "NaN not nulled": Mutant(planted.nan_not_nulled, "sum", PLAIN, "nan", reload=True),
    "infinity not clamped": Mutant(planted.infinity_not_clamped, "sum", PLAIN, "infinite", reload=True),
    "centre from the rows": Mutant(planted.centre_from_the_rows, "mean", PLAIN, "low"),
    "table cut to its largest values": Mutant(planted.largest_rows_of_the_table, "sum", PLAIN, "heavy"),
    "values of two units dropped": Mutant(planted.values_of_two_units_dropped, "sum", PLAIN, "duplicated"),
    "bucket counted twice": Mutant(planted.bucket_counted_twice, "rows", PLAIN, "heavy"),
    "sums wrap around": Mutant(planted.sums_wrap_around, "rows", GROUPED, "heavy"),
    "sensitivity of the wrong norm": Mutant(planted_noise.wrong_norm, "rows", PLAIN, "heavy"),
    "budget given to each aggregate": Mutant(planted_noise.budget_given_to_each_aggregate, "all", PLAIN, "heavy"),
    "aggregates charged once": Mutant(planted_noise.aggregates_charged_once, "five counts", PLAIN, "heavy", louder=4),
    "ε taken for ρ": Mutant(planted_noise.epsilon_taken_for_rho, "rows", PLAIN, "heavy", modes=(Mode.ZCDP,)),
    "seed fixed": Mutant(planted_noise.seed_fixed, "rows", PLAIN, "heavy", one_by_one=True),
    "noise shared by groups": Mutant(planted_noise.noise_shared_by_groups, "rows", GROUPED, "heavy", one_by_one=True),
    "noise shared by aggregates": Mutant(
        planted_noise.noise_shared_by_aggregates, "two counts", PLAIN, "null", one_by_one=True
    ),
    "a mean's count free": Mutant(
        planted_noise.second_aggregate_without_noise, "mean", PLAIN, "heavy", one_by_one=True
    ),
    "empty groups without noise": Mutant(
        planted_noise.empty_groups_without_noise, "rows", GROUPED, "alone", one_by_one=True
    ),
    "noise follows the value": Mutant(planted_noise.noise_follows_the_value, "rows", GROUPED, "alone", one_by_one=True),
    "noise cut off": Mutant(planted_noise.noise_cut_off, "rows", PLAIN, "heavy", one_by_one=True),
    "absent keys dropped": Mutant(planted_noise.absent_keys_dropped, "rows", GROUPED, "alone", one_by_one=True),
}

HARMLESS: dict[str, Mutant] = {  # one of two fences is down: the other still holds, and the audit stays quiet
    "ingest lets all through": Mutant(planted.ingest_lets_all_through, "sum", PLAIN, "high", reload=True),
    "the scan clamps nothing": Mutant(planted.scan_clamps_nothing, "sum", PLAIN, "high", reload=True),
}

REFUSED: dict[str, Mutant] = {  # the control plane alone is wrong: the engine's own derivation refuses the order
    "sensitivity halved in pricing": Mutant(planted_noise.wrong_norm_in_pricing_alone, "rows", PLAIN, "heavy"),
    "first vector charged alone": Mutant(planted_noise.first_vector_charged_alone, "two counts", PLAIN, "heavy"),
}
