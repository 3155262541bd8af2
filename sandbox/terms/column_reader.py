"""One column of a description: which keys fit which type and role, and what they mean."""

from decimal import Decimal
from fractions import Fraction
from typing import Any
from unicodedata import is_normalized

from sandbox.terms.dataset import Column, ColumnRole, Grade, KeyValue, Type
from sandbox.terms.granularity import default_granularity
from sandbox.terms.moments import days, microseconds
from sandbox.terms.plain_text import first_unsafe
from sandbox.terms.toml_reader import Section

INTEGER_MAX = 2**62
KEYS_MAX = 10_000
LENGTH_MAX = 10_000
LENGTH_DEFAULT = 200
DISTINCT_MAX = 10_000_000
COLUMN_KEYS = ("type", "role", "keys", "bounds", "granularity", "max_length", "distinct_max", "grade")

_KEYED = (Type.INT, Type.STRING, Type.DATE)
_BOUNDS_ALLOWED = {
    Type.INT: "two integers [low, high] within ±2^62, low at most high",
    Type.FLOAT: "two numbers [low, high], low at most high",
    Type.DATE: 'two ISO dates ["2024-01-01", "2024-12-31"], the earlier first',
    Type.TIMESTAMP: 'two ISO timestamps ["2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z"], the earlier first',
}
_KEYS_ALLOWED = {
    Type.INT: f"1 to {KEYS_MAX} distinct integers within ±2^62",
    Type.STRING: f"1 to {KEYS_MAX} distinct strings of plain text, each at most max_length long",
    Type.DATE: f"1 to {KEYS_MAX} distinct ISO dates in strings",
}


def read_column(section: Section, name: str) -> Column:
    """The column that `section` describes. Raises DescriptionInvalid."""
    kind = Type(section.choice("type", [item.value for item in Type]))
    role = (
        ColumnRole(section.choice("role", ["unit", "withheld", "value"])) if section.has("role") else ColumnRole.VALUE
    )
    _refuse_unfit(section, kind, role)
    low, high = _bounds(section, kind) if section.has("bounds") else (None, None)
    keys = _keys(section, kind) if section.has("keys") else None
    if kind is Type.BOOL and role is ColumnRole.VALUE:
        keys = (False, True)
    length = _length(section, keys) if kind is Type.STRING else None
    distinct = section.integer("distinct_max", 1, DISTINCT_MAX) if section.has("distinct_max") else None
    if low is not None and high is not None and kind is Type.INT:
        for number, key in enumerate(section.value.get("keys", [])):
            if not low <= key <= high:
                section.refuse("This key lies outside the bounds.", "keys within the bounds", "keys", number)
    grade = Grade(section.choice("grade", [grade.value for grade in Grade])) if section.has("grade") else None
    return Column(name, kind, role, low, high, _granularity(section, kind, low, high), keys, length, distinct, grade)


def _refuse_unfit(section: Section, kind: Type, role: ColumnRole) -> None:
    """Keys that mean nothing for this type or role are refused: they would promise what does not happen."""
    fitting = {"type", "role"}
    if kind is Type.STRING:
        fitting.add("max_length")
    if role is ColumnRole.UNIT and kind not in (Type.INT, Type.STRING):
        section.refuse("A unit column cannot be of this type.", "int, string", "type")
    if role is ColumnRole.VALUE:
        fitting.add("grade")
        fitting |= {"bounds"} if kind in _BOUNDS_ALLOWED else set()
        fitting |= {"keys"} if kind in _KEYED else set()
        fitting |= {"distinct_max"} if kind in _KEYED and not section.has("keys") else set()
        fitting |= {"granularity"} if kind is Type.FLOAT else set()
    for given in section.value:
        if given not in fitting:
            which = f"a {role.value} column" if role is not ColumnRole.VALUE else f"a column of type {kind.value}"
            section.refuse(f"This key does not go with {which}.", ", ".join(sorted(fitting)), given)
    if section.has("granularity") and not section.has("bounds"):
        section.refuse("A granularity needs bounds beside it.", "bounds and granularity, or neither", "granularity")


def _number(value: Any) -> Fraction | None:
    """The exact value of a TOML number of moderate size; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= INTEGER_MAX:
        return Fraction(value)
    if isinstance(value, Decimal) and value.is_finite() and len(value.as_tuple().digits) <= 60:
        return Fraction(value) if abs(value.adjusted()) <= 60 else None
    return None


def _bound(value: Any, kind: Type) -> Fraction | None:
    if kind in (Type.DATE, Type.TIMESTAMP):
        moment = (days if kind is Type.DATE else microseconds)(value) if isinstance(value, str) else None
        return None if moment is None else Fraction(moment)
    number = _number(value)
    return None if kind is Type.INT and not isinstance(value, int) else number


def _bounds(section: Section, kind: Type) -> tuple[Fraction, Fraction]:
    allowed = _BOUNDS_ALLOWED[kind]
    given = section.take("bounds", list, allowed)
    if len(given) != 2:
        section.refuse("Bounds are two values.", allowed, "bounds")
    low, high = _bound(given[0], kind), _bound(given[1], kind)
    for number, value in enumerate((low, high)):
        if value is None:
            section.refuse("This bound does not fit the column's type.", allowed, "bounds", number)
    if low is None or high is None or low > high:
        section.refuse("The lower bound is above the upper one.", allowed, "bounds")
    return low, high


def _granularity(section: Section, kind: Type, low: Fraction | None, high: Fraction | None) -> Fraction | None:
    if kind is Type.INT:
        return Fraction(1)
    if kind is not Type.FLOAT or low is None or high is None:
        return None
    if not section.has("granularity"):
        return default_granularity(low, high)
    step = _number(section.value["granularity"])
    if step is None or step <= 0:
        section.refuse("This is not a step.", "a positive number such as 0.01", "granularity")
    if max(abs(low), abs(high)) / step > INTEGER_MAX:
        section.refuse("The step is too fine for these bounds.", "at most 2^62 steps from zero", "granularity")
    return step


def _keys(section: Section, kind: Type) -> tuple[KeyValue, ...]:
    allowed = _KEYS_ALLOWED[kind]
    given = section.take("keys", list, allowed)
    if not 1 <= len(given) <= KEYS_MAX:
        section.refuse("This is not a usable number of keys.", allowed, "keys")
    seen: set[Any] = set()
    for number, key in enumerate(given):
        if kind is Type.INT:
            fits = isinstance(key, int) and not isinstance(key, bool) and abs(key) <= INTEGER_MAX
        elif kind is Type.DATE:
            fits = isinstance(key, str) and days(key) is not None
        else:
            fits = isinstance(key, str) and first_unsafe(key, breaks=False) is None
        if not fits:
            section.refuse("This key does not fit the column's type.", allowed, "keys", number)
        if isinstance(key, str) and not section.source.registered and not is_normalized("NFC", key):
            composed = 'the same text in Unicode NFC, as rows have it: "é" as one character'
            section.refuse("This key is not in Unicode NFC.", composed, "keys", number)
        if key in seen:
            section.refuse("This key is listed twice.", allowed, "keys", number)
        seen.add(key)
    return tuple(sorted(seen))


def _length(section: Section, keys: tuple[KeyValue, ...] | None) -> int:
    longest = max((len(str(key)) for key in keys or ()), default=0)
    length = section.integer("max_length", 1, LENGTH_MAX, max(LENGTH_DEFAULT, longest))
    for number, key in enumerate(section.value.get("keys", [])):
        if len(key) > min(length, LENGTH_MAX):
            section.refuse("This key is longer than max_length.", f"at most {length} characters", "keys", number)
    return length
