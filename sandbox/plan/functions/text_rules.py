"""What is known of the results of the functions of texts: their greatest lengths, and ranges of numbers about them."""

from fractions import Fraction

from sandbox.plan.facts import TEXT_LIMIT, Facts, Range
from sandbox.terms.dataset import Type

Arguments = tuple[Facts, ...]


def _text(length: int | None) -> Facts:
    """A text that a function makes: where the length of its source is unknown it still is cut off at TEXT_LIMIT."""
    return Facts(Type.STRING, max_length=TEXT_LIMIT if length is None else length)


def _number(low: int, high: int) -> Facts:
    return Facts(Type.INT, Range(Fraction(low), Fraction(high)))


def truth(arguments: Arguments) -> Facts:
    """Known arguments give a known answer."""
    return Facts(Type.BOOL, values=frozenset({False, True}), nullable=any(each.nullable for each in arguments))


def same_length(arguments: Arguments) -> Facts:
    """No longer than the first argument."""
    return _text(arguments[0].max_length)


def _longest(facts: Facts) -> int:
    """The most characters of a stored text, where it is declared; else more than any has."""
    return 2**31 if facts.max_length is None else facts.max_length


def length(arguments: Arguments) -> Facts:
    return _number(0, _longest(arguments[0]))


def position(arguments: Arguments) -> Facts:
    """The last place for an empty text is the first one."""
    return _number(0, max(1, _longest(arguments[0])))


def code_point(_arguments: Arguments) -> Facts:
    return _number(0, 0x10FFFF)


def character(_arguments: Arguments) -> Facts:
    return _text(1)


def substring(arguments: Arguments) -> Facts:
    """A count, in either direction, bounds the length."""
    count = arguments[2].range if len(arguments) > 2 else None
    return _text(arguments[0].max_length if count is None else _shorter(arguments[0], count))


def head(arguments: Arguments) -> Facts:
    """A count from one end bounds the length unless it can be negative."""
    count = arguments[1].range
    known = count is not None and count.low >= 0
    return _text(_shorter(arguments[0], count) if known and count is not None else arguments[0].max_length)


def _shorter(facts: Facts, count: Range) -> int:
    return int(min(Fraction(_longest(facts)), max(abs(count.low), abs(count.high))))


def replace(arguments: Arguments) -> Facts:
    """At worst every shortest occurrence of the old text is replaced by the longest new one."""
    size, _, new = (argument.max_length for argument in arguments)
    if size is None or new is None:
        return _text(None)
    listed = [len(str(value)) for value in arguments[1].values or ()]
    shortest = max(1, min(listed, default=1))
    return _text(max(size, size // shortest * new + size % shortest))


def concat(arguments: Arguments) -> Facts:
    lengths = [argument.max_length for argument in arguments]
    known = [each for each in lengths if each is not None]
    return _text(sum(known) if len(known) == len(lengths) else None)


def padded(arguments: Arguments) -> Facts:
    return _text(_constant(arguments[1]))


def repeated(arguments: Arguments) -> Facts:
    size = arguments[0].max_length
    return _text(None if size is None else size * _constant(arguments[1]))


def _constant(facts: Facts) -> int:
    return 0 if facts.range is None else int(facts.range.low)
