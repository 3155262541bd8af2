"""Aggregates that are always refused: because they show single rows, or have no private form; and what to ask instead."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from sandbox.plan.arithmetic import text_of
from sandbox.plan.scope_terms import Columns
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.refusal import PlanNotSupported, RowsNotReleased


@dataclass(frozen=True, slots=True)
class _Refused:
    """Why, and texts to write instead: {0} and {1} are the first arguments."""

    rows: bool
    detail: str
    instead: tuple[str, ...]


_SINGLE = _Refused(
    True,
    "This shows values of single rows, which never leave: ask for a median, or count them by groups.",
    ("median({0})", "count(distinct {0})"),
)
_MODE = _Refused(
    True, "The most frequent value is a group: group by it, order by count(*) desc, limit 1.", ("count(distinct {0})",)
)
_SHAPE = _Refused(
    False, "Higher moments are not available; the deviation and quantiles are.", ("stddev({0})", "count({0})")
)
_ALL = _Refused(
    False,
    "Whether all rows agree depends on a single one: count those that do not.",
    ("count_if(not ({0}))", "count({0})"),
)
_ANY = _Refused(
    False, "Whether any row agrees depends on a single one: count those that do.", ("count_if({0})", "count({0})")
)
_BITS = _Refused(False, "Bits are not aggregated here.", ("count({0})",))
_PRODUCT = _Refused(
    False,
    "A product can be arbitrarily large: average the logarithms.",
    ("exp(avg(ln({0})))", "avg({0})", "count({0})"),
)
_SLOPE = _Refused(
    False,
    "A regression's slope is a covariance over a variance: covar_pop(y, x) / var_pop(x).",
    ("covar_pop({0}, {1}) / var_pop({1})", "count({0})"),
)
_REGRESSION = _Refused(
    False, "Regressions are made from covar_pop, var_pop, avg and corr.", ("corr({0}, {1})", "count({0})")
)
_ERROR = _Refused(
    False, "The standard error is stddev(x) / sqrt(count(x)).", ("stddev({0}) / sqrt(count({0}))", "count({0})")
)
_MAD = _Refused(
    False, "Deviations from the median are not available; quantiles are.", ("quantile_cont({0}, 0.75)", "count({0})")
)
_OTHER = _Refused(False, "There is no private form of this aggregate here.", ("count({0})",))

_NODES: Mapping[str, _Refused] = {
    "AnyValue": _SINGLE,
    "First": _SINGLE,
    "FirstValue": _SINGLE,
    "Last": _SINGLE,
    "LastValue": _SINGLE,
    "ArgMax": _SINGLE,
    "ArgMin": _SINGLE,
    "ArrayAgg": _SINGLE,
    "GroupConcat": _SINGLE,
    "JSONArrayAgg": _SINGLE,
    "JSONObjectAgg": _SINGLE,
    "Mode": _MODE,
    "Kurtosis": _SHAPE,
    "Skewness": _SHAPE,
    "LogicalAnd": _ALL,
    "LogicalOr": _ANY,
    "BitwiseAndAgg": _BITS,
    "BitwiseOrAgg": _BITS,
    "BitwiseXorAgg": _BITS,
    "RegrSlope": _SLOPE,
    "RegrR2": _REGRESSION,
    "RegrIntercept": _REGRESSION,
    "RegrAvgx": _REGRESSION,
    "RegrAvgy": _REGRESSION,
    "RegrCount": _REGRESSION,
    "RegrSxx": _REGRESSION,
    "RegrSxy": _REGRESSION,
    "RegrSyy": _REGRESSION,
}
_NAMES: Mapping[str, _Refused] = {
    "every": _ALL,
    "bitstring_agg": _BITS,
    "product": _PRODUCT,
    "geomean": _PRODUCT,
    "geometric_mean": _PRODUCT,
    "sem": _ERROR,
    "mad": _MAD,
    "entropy": _OTHER,
    "histogram": _MODE,
    "arbitrary": _SINGLE,
    "approx_top_k": _MODE,
    "kurtosis_pop": _SHAPE,
    "reservoir_quantile": _Refused(False, "Quantiles are quantile_cont(x, 0.5).", ("median({0})", "count({0})")),
}
_AVERAGE = {"geomean", "geometric_mean"}


def is_refused(node: exp.Expr) -> bool:
    """Whether a node is an aggregate that is always refused."""
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower() in _NAMES
    return type(node).__name__ in _NODES


def refused_aggregate(call: exp.Expr, node: exp.Expr, scope: Columns) -> Unanswerable:
    """The refusal of such an aggregate; `node` is the call with its FILTER or WITHIN GROUP."""
    found = _NAMES[str(call.this).lower()] if isinstance(call, exp.Anonymous) else _NODES[type(call).__name__]
    arguments = list(call.expressions) if isinstance(call, exp.Anonymous) else list(call.iter_expressions())
    arguments = [
        part.expressions[0] if isinstance(part, exp.Distinct) and part.expressions else part for part in arguments
    ]
    texts = [text_of(part, scope) for part in arguments] or [
        text_of(part, scope) for part in node.find_all(exp.Column)
    ][:1]
    place = scope.text.extent(node)
    fitting = [pattern for pattern in found.instead if texts and ("{1}" not in pattern or len(texts) > 1)]
    candidates = [scope.text.replaced(place, pattern.format(*texts)) for pattern in fitting]
    kind = RowsNotReleased if found.rows else PlanNotSupported
    return scope.refuse(kind, found.detail, node, *candidates, scope.text.replaced(place, "count(*)"))
