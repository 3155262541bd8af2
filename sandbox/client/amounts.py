"""Epsilon as people write it, to the one exact spelling that travels."""

from decimal import Decimal
from fractions import Fraction

from sandbox.terms.loss import decimal_text, parse_decimal
from sandbox.terms.refusal import MalformedNumber


def exact_text(value: str | Decimal | Fraction | int, where: str = "epsilon") -> str:
    """The canonical decimal of `value`.

    Raises:
        TypeError: a float (it would not be the number that was written) or another type.
        MalformedNumber: negative, infinite, not a number, or without a finite decimal (such as Fraction(1, 3)).
    """
    if isinstance(value, bool) or not isinstance(value, str | Decimal | Fraction | int):
        kind = type(value).__name__
        raise TypeError(f'{where} must be exact, not {kind}: write a string such as "0.5", a Decimal, Fraction or int')
    if isinstance(value, str):
        return decimal_text(parse_decimal(value, where))
    if isinstance(value, Decimal) and not value.is_finite():
        raise MalformedNumber(f"{where} must be a finite number.")
    exact = Fraction(value)
    if exact < 0:
        raise MalformedNumber(f"{where} must not be negative.")
    try:
        return decimal_text(parse_decimal(decimal_text(exact), where))
    except ValueError:
        raise MalformedNumber(f"{where} must have a finite decimal form.") from None
