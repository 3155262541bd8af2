"""Whether a plan that came from outside is one that the binder could have made: types, order, references, sizes."""

from fractions import Fraction

from sandbox.plan.literals import LARGEST
from sandbox.plan.nodes import (
    Arithmetic,
    ColumnRef,
    Comparison,
    Conjunction,
    CountOutput,
    CountRows,
    CountUnits,
    CountValues,
    Disjunction,
    Expression,
    KeyOutput,
    Literal,
    MeanOutput,
    Membership,
    Negation,
    Not,
    NullTest,
    Plan,
    SumOutput,
    SumValues,
    type_of,
)
from sandbox.plan.rewrite import TRUE, normalise
from sandbox.terms.dataset import Type
from sandbox.terms.moments import days

_VALUE_TYPES: dict[Type, type] = {
    Type.INT: int,
    Type.FLOAT: Fraction,
    Type.STRING: str,
    Type.BOOL: bool,
    Type.DATE: int,
    Type.TIMESTAMP: int,
}
_ORDERED = {"<", "<=", ">", ">="}
_SIZE_MAX = 2**62
_GROUPS_MAX = 100_000


def check_plan(plan: Plan) -> None:
    """Types of all expressions, their normal form, references of the outputs, order of the keys, and sizes.

    Raises:
        ValueError: the plan is not sound.
    """
    expressions = [plan.where] if plan.where is not None else []
    _require(not expressions or (type_of(expressions[0]) is Type.BOOL and expressions[0] != TRUE), "the filter")
    _require(1 <= plan.rows_max <= 10**11, "the table's size")
    _require(len(set(plan.primitives)) == len(plan.primitives), "equal measurements are made once")
    for primitive in plan.primitives:
        if isinstance(primitive, CountValues | SumValues):
            expressions.append(primitive.operand)
        if isinstance(primitive, SumValues):
            _require(type_of(primitive.operand).is_number, "only numbers are summed")
            _require(primitive.low <= primitive.high, "the range of a sum")
            _require(primitive.magnitude * plan.rows_max < _SIZE_MAX, "a sum that can overflow")
            step = primitive.granularity
            _require(type_of(primitive.operand) is not Type.INT or step == 1, "the step of an integer sum")
    for expression in expressions:
        check_types(expression)
        _require(normalise(expression) == expression, "an expression is not in normal form")
    _check_keys(plan)
    _check_outputs(plan)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"not a sound plan: {what}")


def _check_keys(plan: Plan) -> None:
    _require(len({key.column for key in plan.keys}) == len(plan.keys), "each key once")
    _require(plan.groups <= _GROUPS_MAX, "too many groups")
    for key in plan.keys:
        _require(bool(key.values) and key.type not in (Type.FLOAT, Type.TIMESTAMP), "a key without values")
        listed = list(key.values)
        _require(listed == sorted(set(listed)), "key values in order, each once")
        _require(key.type is not Type.DATE or all(days(str(item)) is not None for item in listed), "a date key")
    _require(plan.bounds.groups <= plan.groups, "more groups than there are")


def _check_outputs(plan: Plan) -> None:
    _require(len({output.name for output in plan.outputs}) == len(plan.outputs), "names of outputs differ")
    used: set[int] = set()
    for output in plan.outputs:
        _require(1 <= len(output.name) <= 63, "the name of an output")
        match output:
            case KeyOutput(_, key):
                _require(0 <= key < len(plan.keys), "a key that is not there")
            case CountOutput(_, count):
                used.add(count)
                _require(_is(plan, count, CountRows | CountUnits | CountValues), "a count of something else")
            case SumOutput(_, total, kind):
                used.add(total)
                _require(_is(plan, total, SumValues), "a sum of something else")
                summed = plan.primitives[total]
                _require(isinstance(summed, SumValues) and summed.center == 0, "a sum is not centred")
                _require(isinstance(summed, SumValues) and type_of(summed.operand) is kind, "the type of a sum")
            case MeanOutput(_, total, count):
                used |= {total, count}
                _require(_is(plan, total, SumValues) and _is(plan, count, CountRows | CountValues), "a mean")
                summed, counted = plan.primitives[total], plan.primitives[count]
                operand = summed.operand if isinstance(summed, SumValues) else None
                constant = isinstance(operand, Literal) and isinstance(counted, CountRows)
                same = isinstance(counted, CountValues) and counted.operand == operand
                _require(same or constant, "the count of a mean")
    _require(used == set(range(len(plan.primitives))), "every measurement is used")


def _is(plan: Plan, number: int, kind: object) -> bool:
    return 0 <= number < len(plan.primitives) and isinstance(plan.primitives[number], kind)  # type: ignore[arg-type]


def check_types(expression: Expression) -> None:
    """Whether every node has operands of types it takes.

    Raises:
        ValueError: it does not.
    """
    match expression:
        case ColumnRef(name):
            _require(bool(name), "a column's name")
        case Literal(value, kind):
            exact = value is None or (type(value) is _VALUE_TYPES[kind])
            _require(exact, "a constant's type")
            limit = LARGEST if kind is Type.FLOAT else Fraction(_SIZE_MAX)
            _require(not isinstance(value, int | Fraction) or abs(Fraction(value)) <= limit, "a constant's size")
        case Negation(operand, kind):
            check_types(operand)
            _require(kind.is_number and type_of(operand) is kind, "minus something")
        case Arithmetic(sign, left, right, kind):
            check_types(left)
            check_types(right)
            sides = {type_of(left), type_of(right)}
            _require(sign in "+-*/" and len(sign) == 1 and all(side.is_number for side in sides), "arithmetic")
            _require(kind is (Type.INT if sides == {Type.INT} and sign != "/" else Type.FLOAT), "arithmetic's type")
        case Comparison(sign, left, right):
            check_types(left)
            check_types(right)
            one, other = type_of(left), type_of(right)
            _require(one is other or (one.is_number and other.is_number), "a comparison")
            _require(sign in ("=", "<>") or (sign in _ORDERED and one not in (Type.STRING, Type.BOOL)), "an order")
        case Membership(operand, values):
            check_types(operand)
            for item in values:
                check_types(item)
                _require(item.type is type_of(operand) and item.value is not None, "a listed value")
        case NullTest(operand):
            check_types(operand)
        case Not(operand):
            check_types(operand)
            _require(type_of(operand) is Type.BOOL, "NOT of something")
        case Conjunction(operands) | Disjunction(operands):
            _require(len(operands) >= 2, "AND and OR join two or more")
            for part in operands:
                check_types(part)
                _require(type_of(part) is Type.BOOL, "AND and OR of conditions")
