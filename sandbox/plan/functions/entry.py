"""What one entry of the function table says."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sandbox.plan.facts import INTEGER_LIMIT, TEXT_LIMIT, Facts, Value
from sandbox.terms.dataset import Type

ResultRule: TypeAlias = Callable[[tuple[Type, ...]], Type | None]
FactsRule: TypeAlias = Callable[[tuple[Facts, ...]], Facts]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument: the types it takes. A constant one is a literal other than NULL: one of `choices`, if there are any,
    or a number in [least, most], if they are given."""

    name: str
    types: frozenset[Type]
    constant: bool = False
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None

    def takes(self, value: Value) -> bool:
        """Whether a constant argument may have this value."""
        if value is None or (self.choices and value not in self.choices):
            return False
        if isinstance(value, str):
            return True
        return (self.least is None or self.least <= value) and (self.most is None or value <= self.most)


@dataclass(frozen=True, slots=True)
class Function:
    """One function. It takes `least` to `most` arguments; where there are more than parameters, the last one repeats.

    `result` gives the type of the result, None where the argument types do not go together. `facts` says what is known of
    the result. `evaluate` is the meaning: it takes any values of the parameters' types, the constants as declared, and
    raises nothing; unless it `sees_null`, it is not called with a NULL and the result is then NULL. `exact` says that every
    implementation gives the same bits; the others may differ in the last bits of a double. `sql` are the names in SQL text,
    `oracle` how DuckDB writes it with arguments {0}, {1}, …, "" where the meaning is not DuckDB's. `examples` are argument
    lists with the types of the arguments, for tests and docs.
    """

    name: str
    sql: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    result: ResultRule
    evaluate: Callable[..., Value]
    facts: FactsRule
    words: str
    words_zh: str
    examples: tuple[tuple[Value, ...], ...]
    least: int = -1
    most: int = -1
    sees_null: bool = False
    exact: bool = True
    oracle: str = ""

    def parameter(self, number: int) -> Parameter:
        """The parameter of argument `number`, from 0."""
        return self.parameters[min(number, len(self.parameters) - 1)]

    @property
    def fewest(self) -> int:
        return len(self.parameters) if self.least < 0 else self.least

    @property
    def largest(self) -> int:
        return len(self.parameters) if self.most < 0 else self.most

    def result_type(self, types: Sequence[Type]) -> Type | None:
        """The type of the result for arguments of these types, None where they do not fit."""
        if not self.fewest <= len(types) <= self.largest:
            return None
        if not all(kind in self.parameter(number).types for number, kind in enumerate(types)):
            return None
        return self.result(tuple(types))

    def __call__(self, *values: Value) -> Value:
        """The value for these arguments, NULL among them."""
        if not self.sees_null and any(value is None for value in values):
            return None
        return representable(self.evaluate(*values))


def representable(value: Value) -> Value:
    """A result as rows hold it: integers beyond ±2^62 and texts beyond TEXT_LIMIT characters are NULL, and so is NaN; what
    is infinite counts as the largest double."""
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124
            return None
        return min(max(value, -sys.float_info.max), sys.float_info.max)
    if isinstance(value, str):
        return value if len(value) <= TEXT_LIMIT else None
    if isinstance(value, int) and not -INTEGER_LIMIT < value < INTEGER_LIMIT:
        return None
    return value


def always(kind: Type) -> ResultRule:
    """The result has this type."""
    return lambda _: kind


def like_first(types: tuple[Type, ...]) -> Type | None:
    """The result has the type of the first argument."""
    return types[0]


def one_type(types: tuple[Type, ...]) -> Type | None:
    """All arguments have one type, which is that of the result."""
    return types[0] if len(set(types)) == 1 else None


def compared(types: tuple[Type, ...]) -> Type | None:
    """All arguments have one type; the result is a truth value."""
    return Type.BOOL if len(set(types)) == 1 else None


def mixed_number(types: tuple[Type, ...]) -> Type | None:
    """INT if all are, else FLOAT."""
    return Type.INT if set(types) == {Type.INT} else Type.FLOAT


NUMBERS = frozenset({Type.INT, Type.FLOAT})
ANY = frozenset(Type)
ORDERED = ANY - {Type.BOOL}


def takes(name: str, *kinds: Type) -> Parameter:
    """A parameter of these types."""
    return Parameter(name, frozenset(kinds))


def number(name: str = "x") -> Parameter:
    """A parameter that is INT or FLOAT."""
    return Parameter(name, NUMBERS)


def text(name: str = "text") -> Parameter:
    return Parameter(name, frozenset({Type.STRING}))


def integer(name: str) -> Parameter:
    return Parameter(name, frozenset({Type.INT}))


def constant_integer(name: str, least: int, most: int) -> Parameter:
    """A constant integer in [least, most]."""
    return Parameter(name, frozenset({Type.INT}), constant=True, least=least, most=most)


def constant_number(name: str) -> Parameter:
    return Parameter(name, NUMBERS, constant=True)


def constant_text(name: str, *choices: str) -> Parameter:
    """A constant text, one of `choices` where there are any."""
    return Parameter(name, frozenset({Type.STRING}), constant=True, choices=choices)
