"""Exact numbers in documents: integers and quotients in lowest terms, in the one spelling that `str` of a Fraction has."""

import re
from fractions import Fraction

DIGITS_MAX = 1_300
"""Characters of one number: more than any double, bound or quotient of them needs."""

_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]*)(?:/[1-9][0-9]*)?")


def read_fraction(text: object) -> Fraction:
    """The number that `text` spells. Exponents are refused: "1e999999999" is short to write and endless to compute.

    Raises:
        ValueError: any other spelling, or more than `DIGITS_MAX` characters.
    """
    if not isinstance(text, str) or len(text) > DIGITS_MAX or not _FRACTION.fullmatch(text):
        raise ValueError("not an exact number")
    found = Fraction(text)
    if str(found) != text:
        raise ValueError("not an exact number in lowest terms")
    return found
