"""The group of each row, from the values of its keys: its place in the product of declared values, or where a key is
private, a number given to each combination of values when it first comes. NULL, and what is not declared, is in no group.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sandbox.plan.measurement import GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef
from sandbox.terms.dataset import KeyValue, Type
from workers.bucket import ColumnArray
from workers.contribute import Groups, Integers
from workers.evaluate import Compiler
from workers.key_bytes import EPOCH, FIRST_DAY, LAST_DAY, is_text, number_bytes, text_key_bytes
from workers.text_codes import TEXT, Latest, looked_up, narrowed
from workers.value_words import ValueWords, text_bytes
from workers.vector import Block, Vector
from workers.word_table import WordTable

Passing: TypeAlias = NDArray[np.bool_] | None
"""Which rows of a block pass the filters; None where all do."""

GroupStep: TypeAlias = Callable[[Block, Passing], Groups]
Codes: TypeAlias = Callable[[Block], NDArray[Any]]

_DENSE_SPAN = 65_536
"""Declared numbers this close together are looked up in a table, others by search."""


class PublicGroups:
    """Groups by declared values alone; the last key turns fastest."""

    def __init__(self, measurement: Measurement) -> None:
        self.count = measurement.groups
        self._keys = [_PublicKey(key) for key in measurement.keys]

    def step(self, compiler: Compiler, columns: Mapping[str, ColumnArray]) -> GroupStep:
        """What gives the groups of the rows of a block of a piece with these columns."""
        parts = [(key.size, key.codes(compiler, columns)) for key in self._keys]

        def groups(block: Block, passing: Passing) -> Groups:
            codes = np.zeros(block.rows, np.int32)
            for number, (size, step) in enumerate(parts):
                part = step(block)
                if number == 0:
                    np.copyto(codes, part, casting="same_kind")
                    continue
                outside = (codes < 0) | (part < 0)
                codes *= np.int32(size)
                codes += part
                codes[outside] = -1
            if passing is not None:
                codes[~passing] = -1
            return codes

        return groups


class PrivateGroups:
    """Groups by values some of which are private: as many as come in rows that pass the filters."""

    def __init__(self, measurement: Measurement, secret: bytes) -> None:
        if any(key.values is None and key.type in (Type.FLOAT, Type.TIMESTAMP) for key in measurement.keys):
            raise ValueError("reals and moments are no private keys")
        self._keys = measurement.keys
        self._tables = [WordTable() for _ in measurement.keys]
        self._public = {place: _PublicKey(key) for place, key in enumerate(self._keys) if key.values is not None}
        self._texts = {place: _Texts(key, secret) for place, key in enumerate(self._keys) if is_text(key)}

    @property
    def count(self) -> int:
        return self._tables[-1].count

    def step(self, compiler: Compiler, columns: Mapping[str, ColumnArray]) -> GroupStep:
        """What gives the groups of the rows of a block of a piece with these columns."""
        parts = [self._numbers(place, compiler, columns) for place in range(len(self._keys))]

        def groups(block: Block, passing: Passing) -> Groups:
            found = np.zeros(block.rows, np.int64) if passing is None else np.where(passing, 0, -1).astype(np.int64)
            zeros = np.zeros(block.rows, np.int64)
            for table, numbers in zip(self._tables, parts, strict=True):
                values, valid = numbers(block)
                found = table.numbers(np.where(valid, found, -1), zeros, values)
            return found.astype(np.int32)

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

    def codes(self, compiler: Compiler, columns: Mapping[str, ColumnArray]) -> Codes:
        """What gives each row's number, -1 for NULL and for values that are not declared."""
        operand = self._key.operand
        stored = columns.get(operand.name) if isinstance(operand, ColumnRef) else None
        if stored is not None and isinstance(stored.dictionary, tuple):
            return self._stored(stored, stored.dictionary)
        step, code = compiler.step(operand), self._code
        return lambda block: code(step(block))

    def _stored(self, column: ColumnArray, dictionary: tuple[KeyValue, ...]) -> Codes:
        """The column holds codes of declared keys already: what is not one of those wanted is in no group."""
        values = column.values
        wanted = [self._places.get(_exactly(value, self._key.type), -1) for value in dictionary]
        if wanted == list(range(len(dictionary))):
            return lambda block: values[block.start : block.stop]
        table = np.asarray([*wanted, -1], np.int32)  # code -1 (NULL) reads the slot added at the end
        return lambda block: table[values[block.start : block.stop]]


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
