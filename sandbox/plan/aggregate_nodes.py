"""Which nodes of the syntax tree are aggregates."""

from collections.abc import Mapping

from sqlglot import exp

from sandbox.plan.refused_aggregates import is_refused

_THIS = frozenset({"this"})
_PAIR = frozenset({"this", "expression"})

FUNCTION_OF: Mapping[type[exp.Expr], str] = {
    exp.Count: "count",
    exp.CountIf: "count_if",
    exp.ApproxDistinct: "count",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
    exp.Median: "quantile",
    exp.Quantile: "quantile",
    exp.ApproxQuantile: "quantile",
    exp.PercentileCont: "quantile",
    exp.PercentileDisc: "quantile",
    exp.VariancePop: "var_pop",
    exp.Variance: "var_samp",
    exp.StddevPop: "stddev_pop",
    exp.Stddev: "stddev_samp",
    exp.StddevSamp: "stddev_samp",
    exp.CovarPop: "covar_pop",
    exp.CovarSamp: "covar_samp",
    exp.Corr: "corr",
}
NAMED = {
    "mean": "avg",
    "favg": "avg",
    "fsum": "sum",
    "sumkahan": "sum",
    "kahan_sum": "sum",
    "sum_no_overflow": "sum",
    "count_star": "count_rows",
    "countif": "count_if",
}
"""Other names, which the parser does not know."""

FRACTION_IN: Mapping[type[exp.Expr], str] = {
    exp.Quantile: "quantile",
    exp.ApproxQuantile: "quantile",
    exp.PercentileCont: "expression",
    exp.PercentileDisc: "expression",
}

AGGREGATE_NODES: Mapping[type[exp.Expr], frozenset[str]] = {
    **dict.fromkeys(FUNCTION_OF, _THIS),
    exp.Count: frozenset({"this", "big_int"}),
    exp.CovarPop: _PAIR,
    exp.CovarSamp: _PAIR,
    exp.Corr: _PAIR,
    **{kind: frozenset({"this", part}) for kind, part in FRACTION_IN.items()},
    exp.Filter: _PAIR,
    exp.Where: _THIS,
    exp.WithinGroup: _PAIR,
    exp.Order: frozenset({"expressions"}),
    exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Star: frozenset(),
}
"""Node types of aggregates with the arguments that are read; every other argument must be empty."""


def is_aggregate(node: exp.Expr) -> bool:
    """Whether a node is an aggregate call: count(*), avg(x) filter (...), percentile_cont(0.5) within group (...).

    Those that are known and always refused (string_agg, mode) are among them.
    """
    while isinstance(node, exp.Filter | exp.WithinGroup | exp.IgnoreNulls):
        node = node.this
    if isinstance(node, exp.Anonymous) and str(node.this).lower() in NAMED:
        return True
    return type(node) in FUNCTION_OF or is_refused(node)
