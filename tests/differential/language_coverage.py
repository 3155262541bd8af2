"""What a plan holds, as words to count: nodes, columns, primitives, expressions, functions, keys."""

from collections.abc import Iterable, Iterator

from sandbox.plan import answers, nodes, primitives, relations
from sandbox.plan.answers import AnswerTable, Collected, Derived, Kept, Matched, Measured, Ordered, answer_sources
from sandbox.plan.expressions import children
from sandbox.plan.functions import FUNCTIONS
from sandbox.plan.nodes import Arithmetic, Call, Comparison, Expression
from sandbox.plan.query import Plan
from sandbox.plan.relations import Join, PerUnit, Relation, Window, expressions_of, is_public, sources_of

NODES = [
    kind.__name__
    for union in (
        relations.Relation,
        answers.AnswerTable,
        answers.MeasuredColumn,
        primitives.Primitive,
        nodes.Expression,
    )
    for kind in union.__args__
]
SPREADS = ["var_pop", "var_samp", "stddev_pop", "stddev_samp", "covar_pop", "covar_samp", "corr"]
UNIT_FUNCTIONS = ["count_rows", "count", "count_distinct", "sum", "avg", "min", "max"]
PLACES = ["row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value"]

IN_PLANS = frozenset(
    [
        *NODES,
        *(f"function {name}" for name in FUNCTIONS if name != "pi"),
        *(f"join {side} {kind}" for side in ("private", "public") for kind in ("inner", "left", "semi", "anti")),
        *(f"answers {kind}" for kind in ("inner", "left", "full", "cross")),
        *(f"spread {name}" for name in SPREADS),
        *(f"per unit {name}" for name in [*UNIT_FUNCTIONS, "first"]),
        *(f"window {name}" for name in [*UNIT_FUNCTIONS, *PLACES] if name != "count_distinct"),
        *(f"collected {name}" for name in UNIT_FUNCTIONS),
        *(f"arithmetic {sign}" for sign in "+-*/"),
        *(f"comparison {sign}" for sign in ("=", "<>", "<", "<=", ">", ">=")),
        *(f"keys {kind}" for kind in ("none", "public", "private", "mixed")),
        *(f"extreme {word}" for word in ("min", "max", "no")),
        "units where", "having or where", "limit", "offset", "nulls first", "nulls last", "descending", "several datasets",
        "several measurements", "streamed", "batched",
    ]
)  # fmt: skip
"""All that generated plans must hold; pi() is a number by then."""

SPELLINGS = frozenset(
    """count(*) count case|unit count|unit count|distinct approx_count_distinct|distinct count_if sum fsum avg mean var_pop
    var_samp variance stddev_pop stddev_samp stddev covar_pop covar_samp corr min max median quantile_cont quantile_disc quantile
    approx_quantile percentile_cont percentile_disc filter case cte subquery per|unit union|all having order|by limit offset
    plain inline outer answer|cte collected distinct|lines scalar answers|join answers|left|join answers|full|join answer|compared beside|public exists|unequal not|exists|unequal value|of|the|unit
    answers|union|all exists
    not|exists in not|in public|in public|not|in public|join public|left|join join|join join|inner|join join|left|join
    join|right|join join|comma join|using unit|count(*) unit|count unit|distinct unit|sum unit|avg unit|min unit|max
    unit|count_if unit|filter window|row_number window|rank window|dense_rank window|lag window|lead window|first_value
    window|last_value window|total window|running""".replace("\n", " ").split()
)
"""All that generated texts must hold, with | for a space."""


def words_of(plan: Plan) -> Iterator[str]:
    """The words for what is in a plan."""
    if len(plan.datasets) > 1:
        yield "several datasets"
    if len(plan.measurements) > 1:
        yield "several measurements"
    for measurement in plan.measurements:
        yield from _relation(measurement.relation)
        yield "streamed" if relations.streamed(measurement.relation) else "batched"
        private = {key.values is None for key in measurement.keys}
        yield f"keys {('none', 'private' if True in private else 'public', 'mixed')[len(private)]}"
        for primitive in measurement.primitives:
            yield type(primitive).__name__
            if isinstance(primitive, primitives.CountUnits) and primitive.condition is not None:
                yield "units where"
        yield from _expressions(measurement.expressions)
    yield from _table(plan.answer)


def _relation(relation: Relation) -> Iterator[str]:
    yield type(relation).__name__
    yield from _expressions(expressions_of(relation))
    match relation:
        case Join(right=right, kind=kind):
            yield f"join {'public' if is_public(right) else 'private'} {kind}"
        case PerUnit(aggregates=aggregates):
            yield from (f"per unit {aggregate.function}" for _, aggregate in aggregates)
        case Window(function=function, order=order):
            yield f"window {function}"
            yield from _orders(order)
    for source in sources_of(relation):
        yield from _relation(source)


def _orders(order: Iterable[relations.Order]) -> Iterator[str]:
    for item in order:
        yield "nulls first" if item.nulls_first else "nulls last"
        if item.descending:
            yield "descending"


def _table(table: AnswerTable) -> Iterator[str]:
    yield type(table).__name__
    match table:
        case Measured(_, columns):
            for column in columns:
                yield type(column).__name__
                if isinstance(column, answers.SpreadOutput):
                    yield f"spread {column.function}"
                if isinstance(column, answers.QuantileOutput):
                    yield f"extreme {column.extreme or 'no'}"
        case Derived(_, made):
            yield from _expressions(expression for _, expression in made)
        case Kept(_, predicate):
            yield "having or where"
            yield from _expressions([predicate])
        case Ordered(_, by, limit, offset):
            yield from _orders(by)
            yield from [word for word, there in (("limit", limit), ("offset", offset)) if there]
        case Matched(kind=kind):
            yield f"answers {kind}"
        case Collected(_, _, aggregates):
            yield from (f"collected {function}" for _, function, _, _ in aggregates)
    for source in answer_sources(table):
        yield from _table(source)


def _expressions(expressions: Iterable[Expression]) -> Iterator[str]:
    for expression in expressions:
        yield type(expression).__name__
        match expression:
            case Call(function):
                yield f"function {function}"
            case Arithmetic(operator):
                yield f"arithmetic {operator}"
            case Comparison(operator):
                yield f"comparison {operator}"
        yield from _expressions(children(expression))
