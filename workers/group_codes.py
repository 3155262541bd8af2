"""The group of each row, from the values of its keys: its place in the product of declared values, or where a key is
private, a number given to each combination of values when it first comes. NULL, and what is not declared, is in no group.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial, reduce
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sandbox.plan.measurement import GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Expression
from sandbox.terms.dataset import KeyValue, Type
from workers.bucket import ColumnArray
from workers.contribute import Groups, Integers
from workers.evaluate import Compiler
from workers.frozen import frozen
from workers.key_bytes import EPOCH, FIRST_DAY, LAST_DAY, is_text, number_bytes, text_key_bytes
from workers.lookups import (
    Codes,
    Derived,
    Lookup,
    Make,
    PieceCodes,
    Range,
    made_of,
    meet,
    place_rows,
    present,
    sole_column,
)
from workers.text_codes import TEXT, Latest, looked_up, narrowed
from workers.value_words import ValueWords, text_bytes
from workers.vector import Block, Vector
from workers.word_table import WordTable

Numbers: TypeAlias = Callable[[Block], NDArray[Any]]

_DENSE_SPAN = 65_536
"""Declared numbers this close together are looked up in a table, others by search."""

_UNKNOWN = -2
_VALUES = 16_384
"""Values of a column that are numbered at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The groups of a block's rows, -1 for rows in none; None where all are in group 0. `whole` says that none is -1."""

    groups: Groups | None
    whole: bool


GroupStep: TypeAlias = Callable[[Block], Placed]


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """What gives the groups of the blocks of one piece; `large` says that blocks may be, since all is looked up."""

    step: GroupStep
    large: bool


class Placing:
    """Numbers of rows that add up from parts, each of which gives 0 or more, or -1 for rows that are in no group.

    Parts that read the same single column are one lookup where it has few values.
    """

    def __init__(self, parts: Sequence[tuple[Expression, Make]], derived: Derived | None) -> None:
        by_column: dict[str | None, list[Make]] = {}
        for expression, make in parts:
            by_column.setdefault(sole_column(expression, derived), []).append(make)
        self._makes = by_column
        self._lookups = {
            name: Lookup(name, _meeting(makes), derived) for name, makes in by_column.items() if name is not None
        }

    def step(self, compiler: Compiler, columns: Mapping[str, ColumnArray], codes: PieceCodes) -> Grouping:
        """The numbers of the rows of a piece with these columns."""
        found: list[tuple[NDArray[Any], int, NDArray[np.int32]]] = []
        computed: list[Callable[[Block], NDArray[np.int32]]] = []
        for name, makes in self._makes.items():
            of_column = codes.of(name)
            if of_column is None or name is None:
                computed += [make(compiler, columns) for make in makes]
            else:
                found.append((of_column.values, *self._lookups[name].table(of_column)))

        def placed(block: Block) -> Placed:
            if not found and not computed:
                return Placed(None, whole=True)
            groups, whole = np.zeros(block.rows, np.int32), True
            for number, (values, low, table) in enumerate(found):
                whole = place_rows(values[block.start : block.stop], low, table, groups, first=number == 0)
            for step in computed:
                groups = meet(groups, step(block))
                whole = False
            return Placed(groups, whole)

        return Grouping(placed, large=not computed)


class PublicGroups:
    """Groups by declared values alone, of rows that fulfil `filters`; the last key turns fastest."""

    def __init__(self, measurement: Measurement, filters: Sequence[Expression], derived: Derived | None) -> None:
        self.count = measurement.groups
        parts: list[tuple[Expression, Make]] = [(predicate, _fulfilling(predicate)) for predicate in filters]
        stride = self.count
        for key in measurement.keys:
            public = _PublicKey(key)
            stride //= public.size
            parts.append((key.operand, _strided(public, stride)))
        self._placing = Placing(parts, derived)

    def step(self, compiler: Compiler, columns: Mapping[str, ColumnArray], codes: PieceCodes) -> Grouping:
        """What gives the groups of the rows of a block of a piece with these columns."""
        return self._placing.step(compiler, columns, codes)


class PrivateGroups:
    """Groups by values some of which are private: as many as rows have."""

    def __init__(
        self, measurement: Measurement, filters: Sequence[Expression], derived: Derived | None, secret: bytes
    ) -> None:
        if any(key.values is None and key.type in (Type.FLOAT, Type.TIMESTAMP) for key in measurement.keys):
            raise ValueError("reals and moments are no private keys")
        self._keys = measurement.keys
        self._tables = [WordTable() for _ in measurement.keys]
        self._public = {place: _PublicKey(key) for place, key in enumerate(self._keys) if key.values is not None}
        self._texts = {place: _Texts(key, secret) for place, key in enumerate(self._keys) if is_text(key)}
        self._placing = Placing([(predicate, _fulfilling(predicate)) for predicate in filters], derived)
        self._derived = derived
        self._column = sole_column(self._keys[0].operand, derived) if len(self._keys) == 1 else None
        self._range, self._numbers_by_code = Range(), np.empty(0, np.int32)

    @property
    def count(self) -> int:
        return self._tables[-1].count

    @property
    def chained(self) -> bool:
        """Whether the keys' values are always computed row by row."""
        return len(self._keys) > 1

    def step(self, compiler: Compiler, columns: Mapping[str, ColumnArray], codes: PieceCodes) -> Grouping:
        """What gives the groups of the rows of a block of a piece with these columns."""
        placing = self._placing.step(compiler, columns, codes)
        of_column = codes.of(self._column)
        if of_column is not None:
            return Grouping(self._looked_up(of_column, placing.step), placing.large)
        parts = [self._numbers(place, compiler, columns) for place in range(len(self._keys))]

        def groups(block: Block) -> Placed:
            passing = placing.step(block).groups
            found = np.zeros(block.rows, np.int64) if passing is None else passing.astype(np.int64)
            zeros = np.zeros(block.rows, np.int64)
            for table, numbers in zip(self._tables, parts, strict=True):
                values, valid = numbers(block)
                found = table.numbers(np.where(valid, found, -1), zeros, values)
            return Placed(found.astype(np.int32), whole=False)

        return Grouping(groups, large=False)

    def _looked_up(self, codes: Codes, passing: GroupStep) -> GroupStep:
        """Each value that any row has gets its number once; rows look it up."""
        if not self._range.covers(codes):
            self._numbers_by_code = np.full(self._range.size, _UNKNOWN, np.int32)
        known, low = self._numbers_by_code, self._range.low
        new = np.flatnonzero(present(codes, self._range) & (known == _UNKNOWN))
        for start in range(0, len(new), _VALUES):
            values = new[start : start + _VALUES]
            numbers, valid = made_of(partial(self._numbers, 0), self._column or "", codes, values + low, self._derived)
            zeros = np.zeros(len(values), np.int64)
            known[values] = self._tables[0].numbers(np.where(valid, 0, -1), zeros, numbers)
        table = frozen(known, np.int32)

        def groups(block: Block) -> Placed:
            found = passing(block).groups
            first = found is None
            groups = np.empty(block.rows, np.int32) if found is None else found
            whole = place_rows(codes.values[block.start : block.stop], low, table, groups, first=first)
            return Placed(groups, whole)

        return groups

    def key_bytes(self, groups: Integers) -> list[bytes]:
        """The keys of some groups, as `workers.key_bytes` has them."""
        parts: list[list[bytes]] = []
        at = groups
        for place in reversed(range(len(self._keys))):
            before, _, values = self._tables[place].words
            texts = self._texts.get(place)
            found = values[at]
            parts.insert(0, number_bytes(found) if texts is None else texts.key_bytes(found))
            at = before[at]
        return [b"".join(held) for held in zip(*parts, strict=True)]

    def _numbers(
        self, place: int, compiler: Compiler, columns: Mapping[str, ColumnArray]
    ) -> Callable[[Block], tuple[Integers, NDArray[np.bool_]]]:
        """For each row a number that stands for the key's value, and whether it has one."""
        key = self._keys[place]
        public = self._public.get(place)
        if public is not None:
            codes = public.codes(compiler, columns)

            def declared(block: Block) -> tuple[Integers, NDArray[np.bool_]]:
                found = codes(block).astype(np.int64)
                return found, found >= 0

            return declared
        step = compiler.step(key.operand)
        texts = self._texts.get(place)
        if texts is not None:
            return lambda block: texts.numbers(step(block))

        def plain(block: Block) -> tuple[Integers, NDArray[np.bool_]]:
            vector = step(block)
            values = vector.values.astype(np.int64, copy=False)
            if key.type is Type.DATE:  # other days have no ISO 8601 text
                return values, vector.valid & (values >= FIRST_DAY) & (values <= LAST_DAY)
            return values, vector.valid

        return plain


class _Texts:
    """Numbers of private texts, and the texts by number."""

    def __init__(self, key: GroupKey, secret: bytes) -> None:
        self._words = ValueWords(Type.STRING, secret)
        self._short = Latest(lambda texts: _not_longer(texts, key.max_length))
        self._table = WordTable()
        self._held: list[bytes] = []

    def numbers(self, vector: Vector) -> tuple[Integers, NDArray[np.bool_]]:
        narrow = narrowed(vector)
        valid = narrow.valid & looked_up(narrow, self._short.of(narrow.texts))
        high, low = self._words.of(narrow)
        before = self._table.count
        found = self._table.numbers(np.where(valid, 0, -1), high, low)
        if self._table.count > before:
            new, rows = np.unique(found, return_index=True)
            first = rows[new >= before]  # numbers are given in the order of the rows
            texts = narrow.texts.take(pa.array(narrow.values[first].astype(np.int64)))
            self._held += text_key_bytes(text_bytes(texts))
        return found, valid

    def key_bytes(self, numbers: Integers) -> list[bytes]:
        return [self._held[number] for number in numbers.tolist()]


class _PublicKey:
    """The numbers of one key's declared values."""

    def __init__(self, key: GroupKey) -> None:
        if key.values is None:
            raise ValueError("the key is private")
        self._key = key
        self.size = len(key.values)
        self._places = {_exactly(value, key.type): place for place, value in enumerate(key.values)}
        self._code = _of_texts(key.values) if key.type is Type.STRING else _of_numbers(key.values, key.type)

    def codes(self, compiler: Compiler, columns: Mapping[str, ColumnArray]) -> Numbers:
        """What gives each row's number, -1 for NULL and for values that are not declared."""
        operand = self._key.operand
        stored = columns.get(operand.name) if isinstance(operand, ColumnRef) else None
        if stored is not None and isinstance(stored.dictionary, tuple):
            return self._stored(stored, stored.dictionary)
        step, code = compiler.step(operand), self._code
        return lambda block: code(step(block))

    def _stored(self, column: ColumnArray, dictionary: tuple[KeyValue, ...]) -> Numbers:
        """The column holds codes of declared keys already: what is not one of those wanted is in no group."""
        values = column.values
        wanted = [self._places.get(_exactly(value, self._key.type), -1) for value in dictionary]
        if wanted == list(range(len(dictionary))):
            return lambda block: values[block.start : block.stop]
        table = np.asarray([*wanted, -1], np.int32)  # code -1 (NULL) reads the slot added at the end
        return lambda block: table[values[block.start : block.stop]]


def _fulfilling(predicate: Expression) -> Make:
    """0 for rows for which a predicate is true, -1 for others."""

    def make(compiler: Compiler, _: Mapping[str, ColumnArray]) -> Numbers:
        step = compiler.step(predicate)

        def fulfilling(block: Block) -> NDArray[np.int32]:
            found = step(block)
            return np.where(found.values & found.valid, np.int32(0), np.int32(-1))

        return fulfilling

    return make


def _strided(key: _PublicKey, stride: int) -> Make:
    """The number of a key's value times `stride`."""

    def make(compiler: Compiler, columns: Mapping[str, ColumnArray]) -> Numbers:
        step = key.codes(compiler, columns)

        def strided(block: Block) -> NDArray[np.int32]:
            found = step(block).astype(np.int32, copy=False)
            return np.where(found < 0, np.int32(-1), found * np.int32(stride))

        return strided

    return make


def _meeting(makes: Sequence[Make]) -> Make:
    """The numbers of all of them together."""

    def make(compiler: Compiler, columns: Mapping[str, ColumnArray]) -> Numbers:
        steps = [make(compiler, columns) for make in makes]
        return lambda block: reduce(meet, (step(block) for step in steps))

    return make


def _of_texts(values: Sequence[KeyValue]) -> Callable[[Vector], NDArray[Any]]:
    wanted = pa.array([str(value) for value in values], TEXT)

    def table(texts: Any) -> NDArray[np.int32]:
        found = pc.index_in(texts, value_set=wanted).fill_null(-1).to_numpy(zero_copy_only=False)
        return np.append(found, -1).astype(np.int32)

    tables = Latest(table)
    return lambda vector: looked_up(vector, tables.of(vector.texts))


def _of_numbers(values: Sequence[KeyValue], kind: Type) -> Callable[[Vector], NDArray[Any]]:
    numbers = np.asarray([key_number(value, kind) for value in values], np.int64)
    order = np.argsort(numbers, kind="stable")
    ascending = numbers[order]
    low, high = int(ascending[0]), int(ascending[-1])
    if high - low < _DENSE_SPAN:
        table = np.full(high - low + 2, -1, np.int32)
        table[numbers - low] = np.arange(len(numbers), dtype=np.int32)

        def near(vector: Vector) -> NDArray[Any]:
            held = vector.values.astype(np.int64, copy=False)
            inside = vector.valid & (held >= low) & (held <= high)
            return table[np.where(inside, held, high + 1) - low]

        return near

    def far(vector: Vector) -> NDArray[Any]:
        held = vector.values.astype(np.int64, copy=False)
        places = np.minimum(np.searchsorted(ascending, held), len(ascending) - 1)
        same = vector.valid & (ascending[places] == held)
        return np.where(same, order[places], -1).astype(np.int32)

    return far


def key_number(value: KeyValue, kind: Type) -> int:
    """A declared value as rows hold it: dates and timestamps among keys are ISO 8601 text."""
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        days = moment.date().toordinal() - EPOCH
        if kind is Type.DATE:
            return days
        since = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return int(value)


def _exactly(value: KeyValue, kind: Type) -> tuple[str, KeyValue]:
    """True and 1 are equal in Python and different keys here; one moment has several spellings."""
    if isinstance(value, str) and kind in (Type.DATE, Type.TIMESTAMP):
        return kind.value, key_number(value, kind)
    return type(value).__name__, value


def _not_longer(texts: Any, most: int) -> NDArray[np.bool_]:
    lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
    return np.append(lengths <= most, False)
