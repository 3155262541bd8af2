"""Row-wise expressions: sqlglot nodes become typed nodes of the plan, each a total function of one row."""

from collections.abc import Mapping, Sequence
from unicodedata import normalize

from sqlglot import exp

from sandbox.plan.aggregate_nodes import is_aggregate
from sandbox.plan.arithmetic import arithmetic, negated, text_of
from sandbox.plan.calls import call
from sandbox.plan.casts import CAST_NODES, bind_cast
from sandbox.plan.comparisons import compared, in_list
from sandbox.plan.conversions import unified
from sandbox.plan.function_calls import CALL_NODES, named_call
from sandbox.plan.literals import NULL, is_null, number_literal
from sandbox.plan.moment_arithmetic import INTERVAL_NODES, is_interval, shifted
from sandbox.plan.nodes import (
    Case,
    Conjunction,
    Disjunction,
    Expression,
    Literal,
    Not,
    NullTest,
    type_of,
)
from sandbox.plan.scalar_refusals import (
    compared_again,
    date_add_form,
    first_column,
    not_a_row_value,
    other_form,
    unit_quoted,
    with_null,
)
from sandbox.plan.scope_terms import Columns
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import PlanNotSupported, RangeTooWide, TypeMismatch

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_BINARY = frozenset({"this", "expression"})
_QUOTED_UNITS = (exp.TimestampTrunc, exp.DateTrunc, exp.DateDiff)
_BRANCHES_MAX = 256

SCALAR_NODES: Mapping[type[exp.Expr], frozenset[str]] = {
    exp.Column: frozenset({"this", "table", "db"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: frozenset({"this"}),
    exp.Null: frozenset(),
    exp.Paren: frozenset({"this"}),
    exp.Neg: frozenset({"this"}),
    exp.Not: frozenset({"this"}),
    exp.And: _BINARY,
    exp.Or: _BINARY,
    **dict.fromkeys(_COMPARISONS, _BINARY),
    **dict.fromkeys(_ARITHMETIC, _BINARY),
    exp.Div: _BINARY | {"typed", "safe"},  # how dialects differ on zero and integers; ours is in nodes.Arithmetic
    exp.NullSafeEQ: _BINARY,
    exp.NullSafeNEQ: _BINARY,
    exp.DPipe: _BINARY | {"safe"},
    exp.Is: _BINARY | {"negate"},
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.If: frozenset({"this", "true", "false"}),
    **CAST_NODES,
    **INTERVAL_NODES,
    **CALL_NODES,
}
"""Node types that stand in expressions of rows, with the arguments that are read; every other must be empty."""


def bind_scalar(node: exp.Expr, scope: Columns) -> Expression:
    """Any expression of one row, not yet in normal form.

    Raises:
        Unanswerable: names, types, ranges or syntax that do not fit.
    """
    special = scope.special(node)
    if special is not None:
        return special
    kind = type(node)
    read = SCALAR_NODES.get(kind, frozenset())
    if kind in SCALAR_NODES and any(
        value not in (None, False, "", []) for part, value in node.args.items() if part not in read
    ):
        raise other_form(node, scope)
    match node:
        case exp.Paren():
            return bind_scalar(node.this, scope)
        case exp.Column():
            return scope.column(node)[0]
        case exp.Null():
            return NULL
        case exp.Boolean():
            return Literal(bool(node.this), Type.BOOL)
        case exp.Literal():
            return _literal(node, scope)
        case exp.And() | exp.Or():
            operands = tuple(bind_predicate(operand, scope) for operand in _chain(node, kind))
            return Conjunction(operands) if kind is exp.And else Disjunction(operands)
        case exp.Not():
            return Not(bind_predicate(node.this, scope))
        case exp.Is():
            return _is(node, scope)
        case exp.In():
            items = [(item, bind_scalar(item, scope)) for item in node.expressions]
            return in_list(bind_scalar(node.this, scope), items, scope)
        case exp.Between():
            return _between(node, scope)
        case exp.Case():
            return _case(node, scope)
        case exp.If():
            return _if(node, scope)
        case exp.NullSafeEQ() | exp.NullSafeNEQ():
            return _distinct(node, scope)
        case exp.DPipe():
            return call("||", _both(node, scope), node, scope)
        case exp.Neg():
            return negated(bind_scalar(node.this, scope), node, scope)
        case exp.Cast() | exp.TryCast():
            return bind_cast(node, bind_scalar(node.this, scope), scope)
        case exp.DateAdd():
            if not is_interval(node.args["expression"]):
                raise date_add_form(node, scope)
            return shifted(bind_scalar(node.this, scope), node.args["expression"], False, scope, bind_scalar)
        case _ if is_interval(node):
            detail = "An interval is added to a date or timestamp, or taken from one."
            raise scope.refuse(PlanNotSupported, detail, node)
        case _ if kind in _COMPARISONS:
            if any(isinstance(side, exp.Null) for side in (node.this, node.args["expression"])):
                raise with_null(node, scope)
            return compared(_COMPARISONS[kind], *_both(node, scope), node, scope)
        case _ if kind in _ARITHMETIC:
            return _sum(node, scope)
        case _:
            return _function(node, scope)


def bind_predicate(node: exp.Expr, scope: Columns) -> Expression:
    """A truth value of one row.

    Raises:
        Unanswerable: as `bind_scalar`, or of another type.
    """
    expression = bind_scalar(node, scope)
    kind = type_of(expression)
    if kind is Type.BOOL:
        return expression
    if is_null(expression):
        return NULL
    inner = text_of(node, scope)
    test = f"{inner} <> 0" if kind.is_number else f"{inner} is not null"
    new = scope.text.replaced(scope.text.extent(node), f"({test})")
    again = compared_again(node, scope)
    raise scope.refuse(TypeMismatch, f"A condition is needed here, not a {kind.value}.", node, *again, new)


def _literal(node: exp.Literal, scope: Columns) -> Literal:
    if node.args["is_string"]:
        return Literal(normalize("NFC", str(node.this)), Type.STRING)  # as texts of rows and declared keys are
    literal = number_literal(str(node.this))
    if literal is None:
        raise scope.refuse(RangeTooWide, "Numbers have up to 40 digits, integers stay within 2^62.", node)
    return literal


def _both(node: exp.Expr, scope: Columns) -> tuple[Expression, Expression]:
    return bind_scalar(node.this, scope), bind_scalar(node.args["expression"], scope)


def _chain(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """The operands of a left-deep chain of ANDs or of ORs, in the order of the text."""
    found: list[exp.Expr] = []
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if type(current) is kind:
            waiting += [current.args["expression"], current.this]
        else:
            found.append(current)
    return found


def _is(node: exp.Is, scope: Columns) -> Expression:
    operand = bind_scalar(node.this, scope)
    if isinstance(node.expression, exp.Null):
        test: Expression = NullTest(operand)
    elif isinstance(node.expression, exp.Boolean) and type_of(operand) is Type.BOOL:
        wanted = operand if node.expression.this else Not(operand)
        test = Conjunction((wanted, Not(NullTest(operand))))
    else:
        equal = f"{text_of(node.this, scope)} is not distinct from {text_of(node.expression, scope)}"
        new = scope.text.replaced(scope.text.extent(node), equal)
        raise scope.refuse(TypeMismatch, "IS takes NULL, or TRUE and FALSE beside a condition.", node, new)
    return Not(test) if node.args.get("negate") else test


def _between(node: exp.Between, scope: Columns) -> Expression:
    operand = bind_scalar(node.this, scope)
    low, high = (bind_scalar(node.args[side], scope) for side in ("low", "high"))
    return Conjunction((compared(">=", operand, low, node, scope), compared("<=", operand, high, node, scope)))


def _distinct(node: exp.Expr, scope: Columns) -> Expression:
    """IS [NOT] DISTINCT FROM; of NULL it is a test for NULL."""
    left, right = _both(node, scope)
    if is_null(left) or is_null(right):
        same: Expression = NullTest(left if is_null(right) else right)
    else:
        same = Not(call("is distinct from", (left, right), node, scope))
    return same if isinstance(node, exp.NullSafeEQ) else Not(same)


def _case(node: exp.Case, scope: Columns) -> Expression:
    """Both forms of CASE: with conditions, and with values that are compared with one operand."""
    subject = node.args.get("this")
    operand = None if subject is None else bind_scalar(subject, scope)
    conditions: list[Expression] = []
    values: list[exp.Expr] = []
    for branch in node.args["ifs"]:
        if operand is None:
            conditions.append(bind_predicate(branch.this, scope))
        else:
            conditions.append(compared("=", operand, bind_scalar(branch.this, scope), branch.this, scope))
        values.append(branch.args["true"])
    return _choice(conditions, values, node.args.get("default"), node, scope)


def _if(node: exp.If, scope: Columns) -> Expression:
    return _choice([bind_predicate(node.this, scope)], [node.args["true"]], node.args.get("false"), node, scope)


def _choice(
    conditions: Sequence[Expression],
    values: Sequence[exp.Expr],
    otherwise: exp.Expr | None,
    node: exp.Expr,
    scope: Columns,
) -> Expression:
    """A CASE whose values are brought to one type."""
    if len(conditions) > _BRANCHES_MAX:
        raise scope.refuse(PlanNotSupported, f"A CASE has at most {_BRANCHES_MAX} branches.", node)
    places = [*values, *([otherwise] if otherwise is not None else [])]
    made = [bind_scalar(value, scope) for value in places] + ([] if otherwise is not None else [NULL])
    same = unified(made)
    if same is None:
        kinds = list(dict.fromkeys(type_of(value).value for value in made if not is_null(value)))
        detail = f"The values of a CASE have one type, not {' and '.join(kinds)}."
        raise scope.refuse(TypeMismatch, detail, node, *_like_the_first(made, places, scope))
    return Case(tuple(zip(conditions, same[:-1], strict=True)), same[-1], type_of(same[0]))


def _like_the_first(made: Sequence[Expression], places: Sequence[exp.Expr], scope: Columns) -> list[str]:
    """The text with every value of a CASE as text, and with NULL for those of another type than the first."""
    first = next(type_of(value) for value in made if not is_null(value))
    odd = [
        place for value, place in zip(made, places, strict=False) if type_of(value) is not first and not is_null(value)
    ]
    candidates = []
    for new in ("cast({} as varchar)", "null"):
        sql = scope.text.sql
        for place in sorted({scope.text.extent(item) for item in odd}, reverse=True):
            sql = sql[: place[0]] + new.format(scope.text.text(place)) + sql[place[1] :]
        candidates.append(sql)
    return candidates


def _sum(node: exp.Expr, scope: Columns) -> Expression:
    """Arithmetic, of numbers, moments and intervals."""
    left, right = node.this, node.args["expression"]
    if isinstance(node, exp.Add | exp.Sub) and is_interval(right):
        return shifted(bind_scalar(left, scope), right, isinstance(node, exp.Sub), scope, bind_scalar)
    if isinstance(node, exp.Add) and is_interval(left):
        return shifted(bind_scalar(right, scope), left, False, scope, bind_scalar)
    return arithmetic(_ARITHMETIC[type(node)], *_both(node, scope), node, scope)


def _function(node: exp.Expr, scope: Columns) -> Expression:
    named = None if is_aggregate(node) else named_call(node)
    if named is None:
        raise not_a_row_value(node, scope)
    if isinstance(node, _QUOTED_UNITS) and not _quoted_first(node, scope):
        detail = "The unit is written in quotation marks, as in date_trunc('month', day)."
        raise scope.refuse(PlanNotSupported, detail, node, *unit_quoted(node, scope), *first_column(node, scope))
    arguments = named.arguments
    if named.name in ("date_sub", "date_add") and len(arguments) == 2 and _spans(arguments[1]):
        moment, span = arguments
        assert isinstance(moment, exp.Expr)
        assert isinstance(span, exp.Expr)
        return shifted(bind_scalar(moment, scope), span, named.name == "date_sub", scope, bind_scalar)
    operands = [
        Literal(argument, Type.STRING) if isinstance(argument, str) else bind_scalar(argument, scope)
        for argument in arguments
    ]
    if named.name == "date" and len(operands) == 1 and type_of(operands[0]) is Type.DATE:
        return operands[0]
    made = call(named.name, operands, node, scope)
    return Not(made) if node.args.get("negate") else made


def _spans(argument: exp.Expr | str) -> bool:
    return isinstance(argument, exp.Expr) and is_interval(argument)


def _quoted_first(node: exp.Expr, scope: Columns) -> bool:
    """Whether the first argument in the text is a text: the parser takes a column's name for the name of a unit, too."""
    written = text_of(node, scope).partition("(")[2].lstrip()
    return written.startswith("'")
