"""The closed set of answerable plans. What cannot be built here cannot be asked.

A plan is one table's rows, filtered, grouped by public keys, measured by primitive noisy vectors (one int64 per group
each), and finished into output columns from the noisy vectors alone.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TypeAlias

from sandbox.terms.dataset import KeyValue, Type

# -- row-wise expressions: total functions of one row; NULL follows SQL's three-valued logic -----------------------------


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
    """`operator` is one of = <> < <= > >=. Strings compare for = and <> only."""

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


Expression: TypeAlias = (
    ColumnRef | Literal | Negation | Arithmetic | Comparison | Membership | NullTest | Not | Conjunction | Disjunction
)


def type_of(expression: Expression) -> Type:
    """The type of any expression; predicates are BOOL."""
    if isinstance(expression, ColumnRef | Literal | Negation | Arithmetic):
        return expression.type
    return Type.BOOL


# -- groups and bounds -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GroupKey:
    """A public key: every declared value makes a group, rows with any other value or NULL belong to none."""

    column: str
    type: Type
    values: tuple[KeyValue, ...]


@dataclass(frozen=True, slots=True)
class ContributionBounds:
    """What one unit can bring into one answer: `rows` in all (R), `groups` touched (L0), `rows_per_group` (Linf)."""

    rows: int
    groups: int
    rows_per_group: int

    def __post_init__(self) -> None:
        if min(self.rows, self.groups, self.rows_per_group) < 1 or self.rows_per_group > self.rows:
            raise ValueError("contribution bounds are at least 1, and rows per group at most rows")


# -- primitive noisy vectors: one int64 a group --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CountRows:
    """How many rows."""


@dataclass(frozen=True, slots=True)
class CountUnits:
    """How many distinct units."""


@dataclass(frozen=True, slots=True)
class CountValues:
    """How many rows whose `operand` is not NULL."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class SumValues:
    """Σ round((clamp(operand, low, high) - center) / granularity) over rows whose `operand` is not NULL.

    `magnitude` is the largest absolute integer one row can add: it follows from the other fields and is checked.
    """

    operand: Expression
    low: Fraction
    high: Fraction
    center: Fraction
    granularity: Fraction

    def __post_init__(self) -> None:
        if not (self.low <= self.center <= self.high or self.center == 0) or self.granularity <= 0:
            raise ValueError("a sum needs low <= high, a center and a positive granularity")

    @property
    def magnitude(self) -> int:
        """⌈max(|low - center|, |high - center|) / granularity⌉, at least 1."""
        span = max(abs(self.low - self.center), abs(self.high - self.center)) / self.granularity
        return max(1, -(-span.numerator // span.denominator))


Primitive: TypeAlias = CountRows | CountUnits | CountValues | SumValues


# -- outputs: made from the noisy vectors alone --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyOutput:
    """The values of group key number `key`."""

    name: str
    key: int


@dataclass(frozen=True, slots=True)
class CountOutput:
    """The noisy count of primitive number `count`."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class SumOutput:
    """Noisy integer of primitive `total` times its granularity (its center is 0). `type` is INT or FLOAT."""

    name: str
    total: int
    type: Type


@dataclass(frozen=True, slots=True)
class MeanOutput:
    """center + granularity · total / max(count, 1), kept within the primitive's [low, high]."""

    name: str
    total: int
    count: int


Output: TypeAlias = KeyOutput | CountOutput | SumOutput | MeanOutput


@dataclass(frozen=True, slots=True)
class Plan:
    """One answerable question.

    `rows_max` is the steward's bound on the table's size: deadlines and overflow follow from it. The answer has
    `groups` rows, in the order of the keys' product, zeros included.
    """

    unit_space: str
    dataset: str
    table: str
    rows_max: int
    where: Expression | None
    keys: tuple[GroupKey, ...]
    bounds: ContributionBounds
    primitives: tuple[Primitive, ...]
    outputs: tuple[Output, ...]

    def __post_init__(self) -> None:
        if not self.primitives or not self.outputs:
            raise ValueError("a plan measures something and returns something")

    @property
    def groups(self) -> int:
        """How many groups the public keys make; 1 without keys."""
        return prod(len(key.values) for key in self.keys)
