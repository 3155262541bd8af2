"""Row-wise expressions: total functions of one row. NULL follows SQL's three-valued logic.

The same expressions serve before the noise, over the columns of a relation, and after it, over the columns of a noisy
answer. What cannot be built here cannot be asked.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from sandbox.terms.dataset import Type


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """The value of a column in this row."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: Fraction for FLOAT, int for INT, DATE (days) and TIMESTAMP (microseconds), None for NULL."""

    value: Fraction | int | str | bool | None
    type: Type


@dataclass(frozen=True, slots=True)
class Negation:
    """Minus a number."""

    operand: "Expression"
    type: Type


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`operator` is one of + - * /. Division gives FLOAT, and NULL where the divisor is zero.

    INT results of + - * are exact in int64: the binder refuses expressions whose declared ranges could leave it.
    """

    operator: str
    left: "Expression"
    right: "Expression"
    type: Type


@dataclass(frozen=True, slots=True)
class Comparison:
    """`operator` is one of = <> < <= > >=. Strings are ordered by Unicode code points; truth values compare for = and <>."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Membership:
    """`operand IN (values)`; the values are distinct non-NULL literals of the operand's type, in canonical order."""

    operand: "Expression"
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class NullTest:
    """`operand IS NULL`: never NULL itself."""

    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Not:
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Conjunction:
    """AND of two or more, in canonical order."""

    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Disjunction:
    """OR of two or more, in canonical order."""

    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Case:
    """The value of the first branch whose condition is true, else `default`. All values have the type `type`."""

    branches: tuple[tuple["Expression", "Expression"], ...]
    default: "Expression"
    type: Type


@dataclass(frozen=True, slots=True)
class Call:
    """A function of `sandbox.plan.functions.FUNCTIONS`, casts and LIKE among them; `type` follows from its entry."""

    function: str
    operands: tuple["Expression", ...]
    type: Type


Expression: TypeAlias = (
    ColumnRef
    | Literal
    | Negation
    | Arithmetic
    | Comparison
    | Membership
    | NullTest
    | Not
    | Conjunction
    | Disjunction
    | Case
    | Call
)


def type_of(expression: Expression) -> Type:
    """The type of any expression; predicates are BOOL."""
    if isinstance(expression, ColumnRef | Literal | Negation | Arithmetic | Case | Call):
        return expression.type
    return Type.BOOL
