"""One bucket of one table → the partial sums of a plan. Reads only the columns that the plan names.

Rows are read a row group at a time and evaluated a block at a time, so that neither many rows of one unit nor a long
expression makes memory grow: whether a measurement fits is a function of the plan and of declared sizes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.nodes import (
    Arithmetic,
    ColumnRef,
    Comparison,
    Conjunction,
    CountRows,
    CountUnits,
    CountValues,
    Disjunction,
    Expression,
    GroupKey,
    Literal,
    Membership,
    Negation,
    Not,
    NullTest,
    Plan,
    SumValues,
)
from sandbox.terms.dataset import KeyValue
from workers.bucket import Bucket, BucketKey, ColumnArray, Piece, read_pieces, read_runs
from workers.contribute import Bounding, Integers, add
from workers.evaluate import Block, Compiler, repeated
from workers.fixed_point import FixedPoint

BLOCK_ROWS = 16_384
"""Rows evaluated at a time: few enough that what an expression needs stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What one plan reads: column names, sorted; none for a bare count(*), where the runs alone answer."""

    columns: tuple[str, ...]

    @classmethod
    def of(cls, plan: Plan) -> "Needs":
        """Every column named in the filter, the keys and the primitives."""
        names = {key.column for key in plan.keys}.union(*(_names(expression) for expression in _expressions(plan)))
        return cls(tuple(sorted(names)))


def scan(plan: Plan, key: BucketKey) -> Integers:
    """Read and decrypt one bucket and return its partial sums [primitive, group].

    Raises:
        StoreRefused: the bucket's files are not those of the manifest.
    """
    runs = read_runs(key)
    return measure_pieces(plan, runs, read_pieces(key, Needs.of(plan).columns, int(runs.sum())))


def measure_bucket(plan: Plan, bucket: Bucket, block_rows: int = BLOCK_ROWS) -> Integers:
    """The partial sums [primitive, group] of a bucket in memory."""
    return measure_pieces(plan, bucket.runs, bucket.pieces(), block_rows)


def measure_pieces(plan: Plan, runs: Integers, pieces: Iterable[Piece], block_rows: int = BLOCK_ROWS) -> Integers:
    """The partial sums [primitive, group] of all pieces of a bucket, in order. Any cut into blocks gives the same bits.

    Raises:
        ValueError: the runs are not those of the pieces' rows.
    """
    sums = np.zeros((len(plan.primitives), plan.groups), np.int64)
    bounding = Bounding(runs, plan.bounds, plan.groups)
    kept = repeated(_expressions(plan))
    for piece in pieces:
        scanned = _Scan(plan, piece, min(block_rows, max(piece.rows, 1)), kept)
        with np.errstate(all="ignore"):
            for start in range(0, piece.rows, block_rows):
                scanned.add(Block(start, min(start + block_rows, piece.rows)), bounding, sums)
        del piece, scanned  # before the next is read: text makes pieces large
    bounding.finish()
    for line, primitive in enumerate(plan.primitives):
        if isinstance(primitive, CountRows):
            sums[line] = bounding.rows
        elif isinstance(primitive, CountUnits):
            sums[line] = bounding.units
    return sums


class _Scan:
    """A plan compiled for the columns of one piece."""

    def __init__(self, plan: Plan, piece: Piece, block_rows: int, kept: frozenset[Expression]) -> None:
        compiler = Compiler(piece.columns, block_rows, kept)
        self._where = None if plan.where is None else compiler.step(plan.where)
        self._keys = [_KeyCodes.of(key, piece.columns[key.column]) for key in plan.keys]
        self._values = [
            (
                line,
                compiler.step(primitive.operand),
                FixedPoint.of(primitive) if isinstance(primitive, SumValues) else None,
            )
            for line, primitive in enumerate(plan.primitives)
            if isinstance(primitive, CountValues | SumValues)
        ]

    def add(self, block: Block, bounding: Bounding, sums: Integers) -> None:
        """Filter, group and bound the rows of a block, then add up what they bring."""
        groups = self._groups(block)
        if self._where is not None:
            found = self._where(block)
            groups[~(found.values & found.valid)] = -1
        bounding.mark(groups)
        for line, operand, fixed in self._values:
            vector = operand(block)
            add(groups, vector.valid.astype(np.int64) if fixed is None else fixed.apply(vector), sums[line])

    def _groups(self, block: Block) -> NDArray[np.int32]:
        """Each row's place in the product of the keys (the last turns fastest); -1 where any key is not declared."""
        codes = np.zeros(block.rows, np.int32)
        for number, key in enumerate(self._keys):
            part = key.codes(block)
            if number == 0:
                np.copyto(codes, part)
                continue
            outside = (codes < 0) | (part < 0)
            codes *= np.int32(key.count)
            codes += part
            codes[outside] = -1
        return codes


@dataclass(frozen=True, slots=True)
class _KeyCodes:
    """The codes of a key's column, and the key's numbers for them; None where they are the same."""

    values: NDArray[np.int32]
    numbers: NDArray[np.int32] | None
    count: int

    @classmethod
    def of(cls, key: GroupKey, column: ColumnArray) -> "_KeyCodes":
        if not isinstance(column.dictionary, tuple):
            raise TypeError("a group key's column has declared keys")
        places = {_exactly(value): place for place, value in enumerate(key.values)}
        wanted = [places.get(_exactly(value), -1) for value in column.dictionary]
        same = wanted == list(range(len(column.dictionary)))
        # Code -1 (NULL) reads the slot added at the end.
        numbers = None if same else np.asarray([*wanted, -1], np.int32)
        return cls(column.values, numbers, len(key.values))

    def codes(self, block: Block) -> NDArray[np.int32]:
        part = self.values[block.start : block.stop]
        return part if self.numbers is None else self.numbers[part]


def _exactly(value: KeyValue) -> tuple[str, KeyValue]:
    """True and 1 are equal in Python and different keys here."""
    return type(value).__name__, value


def _expressions(plan: Plan) -> list[Expression]:
    measured = [item.operand for item in plan.primitives if isinstance(item, CountValues | SumValues)]
    return measured if plan.where is None else [plan.where, *measured]


def _names(expression: Expression) -> set[str]:
    match expression:
        case ColumnRef(name):
            return {name}
        case Literal():
            return set()
        case Negation(operand) | NullTest(operand) | Not(operand) | Membership(operand):
            return _names(operand)
        case Arithmetic() | Comparison():
            return _names(expression.left) | _names(expression.right)
        case Conjunction(operands) | Disjunction(operands):
            return set().union(*(_names(operand) for operand in operands))
