"""Kernels of functions of texts: as `sandbox.plan.functions.text_meanings`, once for each distinct combination of arguments.

Arrow does what it means the same by; the function table itself does the rest, value by value.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sandbox.plan.facts import TEXT_LIMIT
from sandbox.plan.functions.table import FUNCTIONS
from sandbox.plan.functions.text_meanings import searches
from workers.kernels.distinct import Work, on_distinct, value_by_value
from workers.kernels.kernel import Kernel
from workers.text_codes import TEXT


def _or_by_value(name: str, work: Work, fits: Callable[..., bool]) -> Kernel:
    """`work` where the first argument varies and the others are constants that it fits, else value by value."""
    general = value_by_value(name)

    def either(*arguments: Any) -> Any:
        first, *others = arguments
        varying = isinstance(first, pa.Array) and not any(isinstance(other, pa.Array) for other in others)
        known = varying and not any(other is None for other in others)
        return work(*arguments) if known and fits(*others) else general(*arguments)

    return on_distinct(either)


def _ascii_or_by_value(name: str, work: Work, fits: Callable[..., bool] = lambda *_: True) -> Kernel:
    """`work` for texts of ASCII alone; the others value by value."""
    general = value_by_value(name)

    def each(texts: Any, *constants: Any) -> Any:
        plain = pc.string_is_ascii(texts)
        if pc.all(plain, min_count=0).as_py():
            return work(texts, *constants)
        made, beyond = work(texts, *constants), pc.fill_null(pc.invert(plain), False)
        return pc.replace_with_mask(made, beyond, general(texts.filter(beyond), *constants))

    return _or_by_value(name, each, fits)


def _plain(work: Work) -> Kernel:
    """A function of one text."""
    return on_distinct(lambda text: work(_array(text)))


def _array(text: Any) -> Any:
    return text if isinstance(text, pa.Array) else pa.array([text], TEXT)


def _always(*_: Any) -> bool:
    return True


def _substring(texts: Any, start: int, count: int | None = None) -> Any:
    return pc.utf8_slice_codeunits(texts, start - 1, None if count is None else min(start - 1 + count, _FAR))


def _left(texts: Any, count: int) -> Any:
    return pc.utf8_slice_codeunits(texts, 0, count)


def _right(texts: Any, count: int) -> Any:
    return pc.utf8_slice_codeunits(texts, -count) if count > 0 else pc.utf8_slice_codeunits(texts, -count, None)


_FAR = 2**31
"""Beyond every text's end."""


def _near(*numbers: int) -> bool:
    return all(-_FAR < number < _FAR for number in numbers)


def _replace(texts: Any, old: str, new: str) -> Any:
    # How long a result would be is known before it is made.
    grown = pc.add(pc.utf8_length(texts), pc.multiply(pc.count_substring(texts, old), len(new) - len(old)))
    short = pc.less_equal(grown, TEXT_LIMIT)
    return pc.replace_substring(pc.if_else(short, texts, pa.scalar(None, TEXT)), old, new)


def _repeat(texts: Any, times: int) -> Any:
    short = pc.less_equal(pc.multiply(pc.utf8_length(texts), times), TEXT_LIMIT)
    return pc.binary_repeat(pc.if_else(short, texts, pa.scalar(None, TEXT)), times)


def _concat(*texts: Any) -> Any:
    """A NULL is like an empty text."""
    return _joined(*(text.fill_null("") if isinstance(text, pa.Array) else text or "" for text in texts))


def _joined(*texts: Any) -> Any:
    parts = [text if isinstance(text, pa.Array) else pa.scalar(text, TEXT) for text in texts]
    return pc.binary_join_element_wise(*parts, pa.scalar("", TEXT))


def _ilike(texts: Any, pattern: str) -> Any:
    return pc.match_like(pc.ascii_lower(texts), str(FUNCTIONS["lower"](pattern)))


def _one_walk(pattern: str) -> bool:
    """Arrow takes the backslash for an escape; here it is a character like others. And where a run with _ in it is looked
    for, it may try all its letters at every place of a text."""
    return "\\" not in pattern and not searches(pattern)


def _fills(_size: int, fill: str = " ") -> bool:
    return len(fill) == 1


def _lpad(texts: Any, size: int, fill: str = " ") -> Any:
    return pc.utf8_lpad(pc.utf8_slice_codeunits(texts, 0, size), size, fill)


def _rpad(texts: Any, size: int, fill: str = " ") -> Any:
    return pc.utf8_rpad(pc.utf8_slice_codeunits(texts, 0, size), size, fill)


def _position(texts: Any, part: str) -> Any:
    return pc.add(pc.cast(pc.find_substring(texts, part), pa.int64()), 1)


KERNELS: dict[str, Kernel] = {
    "lower": _ascii_or_by_value("lower", pc.ascii_lower),
    "upper": _ascii_or_by_value("upper", pc.ascii_upper),
    "initcap": on_distinct(value_by_value("initcap")),
    "length": _plain(lambda texts: pc.cast(pc.utf8_length(texts), pa.int64())),
    "trim": _or_by_value("trim", lambda texts, letters=" ": pc.utf8_trim(texts, letters), _always),
    "ltrim": _or_by_value("ltrim", lambda texts, letters=" ": pc.utf8_ltrim(texts, letters), _always),
    "rtrim": _or_by_value("rtrim", lambda texts, letters=" ": pc.utf8_rtrim(texts, letters), _always),
    "substring": _or_by_value(
        "substring", _substring, lambda start, count=0: _near(start) and start > 0 and count >= 0
    ),
    "left": _or_by_value("left", _left, _near),
    "right": _or_by_value("right", _right, lambda count: _near(count) and count != 0),
    "replace": _or_by_value("replace", _replace, lambda old, _new: bool(old)),
    "concat": on_distinct(_concat),
    "concat_op": on_distinct(_joined),
    "reverse": _plain(pc.utf8_reverse),
    "lpad": _or_by_value("lpad", _lpad, _fills),
    "rpad": _or_by_value("rpad", _rpad, _fills),
    "repeat": _or_by_value("repeat", _repeat, _always),
    "starts_with": _or_by_value("starts_with", pc.starts_with, _always),
    "ends_with": _or_by_value("ends_with", pc.ends_with, _always),
    "contains": _or_by_value("contains", pc.match_substring, _always),
    "strpos": _ascii_or_by_value("strpos", _position),
    "like": _or_by_value("like", pc.match_like, _one_walk),
    "ilike": _ascii_or_by_value("ilike", _ilike, _one_walk),
    "split_part": on_distinct(value_by_value("split_part")),
    "ascii": on_distinct(value_by_value("ascii")),
    "chr": on_distinct(value_by_value("chr")),
    "translate": on_distinct(value_by_value("translate")),
}
"""Name → kernel."""
