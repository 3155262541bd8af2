"""Generated relations, and generated units with rows in two private tables beside a public one."""

from fractions import Fraction
from random import Random

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from sandbox.plan.nodes import (
    Arithmetic,
    Call,
    Case,
    ColumnRef,
    Comparison,
    Conjunction,
    Literal,
    Membership,
    Not,
    NullTest,
)
from sandbox.plan.relations import (
    Filter,
    Join,
    Order,
    PerUnit,
    Project,
    Scan,
    Union,
    UnitAggregate,
    Window,
    columns_of,
)
from sandbox.terms.dataset import Type
from workers.bucket import Bucket, ColumnArray, Piece, UnitRuns
from workers.relations.execute import relation_pieces
from workers.relations.sources import HeldSources

VISITS, STAYS, CODES = ("clinic", "visits"), ("ward", "stays"), ("reference", "codes")
COLUMNS = {
    VISITS: {"f": Type.FLOAT, "i": Type.INT, "k": Type.STRING, "s": Type.STRING},
    STAYS: {"b": Type.BOOL, "d": Type.DATE, "i": Type.INT, "s": Type.STRING, "t": Type.TIMESTAMP},
    CODES: {"b": Type.BOOL, "f": Type.FLOAT, "i": Type.INT, "s": Type.STRING},
}
KEYS = ("north", "ö", "ￜ")
TEXTS = ("", "a", "A", "ä", "🙂", "ￜ", "a🙂", "aￜ")
POOLS = {
    Type.INT: (-2, -1, 0, 1, 1, 2, 2**62, -(2**62)),
    Type.FLOAT: (0.0, -0.0, 0.1, 0.1, 1.5, -2.25, 1e308, -1e308, 1e16),
    Type.STRING: TEXTS,
    Type.BOOL: (False, True),
    Type.DATE: (-2, -1, 0, 1, 2),
    Type.TIMESTAMP: (-(2**50), 0, 1, 2**50),
}
TOKENS = [(high, low) for high in (0, 1, 2**63, 2**64 - 1) for low in range(4)]


def some_rows(rng, table, most):
    """Rows as dictionaries by stored column names."""
    pools = {name: KEYS if name == "k" else POOLS[kind] for name, kind in COLUMNS[table].items()}
    return [
        {name: None if rng.random() < 0.2 else rng.choice(pool) for name, pool in pools.items()}
        for _ in range(rng.randint(0, most))
    ]


def some_unit(rng, most=6):
    """Rows in both tables, in one of them, or in none."""
    return {table: some_rows(rng, table, most) if rng.random() < 0.8 else [] for table in (VISITS, STAYS)}


def world(seed, units=5):
    """Units by token, and public rows."""
    rng = Random(seed)
    tokens = rng.sample(TOKENS, rng.randint(0, units))
    return {token: some_unit(rng) for token in tokens}, some_rows(rng, CODES, 8)


WORLDS = st.integers(0, 2**32 - 1).map(world)
"""Drawn by their number, so that they are dense: what hypothesis draws row by row is mostly empty."""

# -- storing -----------------------------------------------------------------------------------------------------------


def stored_column(name, kind, values):
    if name == "k":
        codes = [-1 if value is None else KEYS.index(value) for value in values]
        return ColumnArray(np.asarray(codes, np.int32), None, KEYS)
    if kind is Type.BOOL:
        codes = [-1 if value is None else int(value) for value in values]
        return ColumnArray(np.asarray(codes, np.int32), None, (False, True))
    if kind is Type.STRING:
        texts = pa.array(values, pa.string()).dictionary_encode()
        return ColumnArray(texts.indices.fill_null(-1).to_numpy(zero_copy_only=False), None, texts.dictionary)
    valid = np.asarray([value is not None for value in values], np.bool_)
    plain = np.asarray(
        [0 if value is None else value for value in values], np.float64 if kind is Type.FLOAT else np.int64
    )
    return ColumnArray(plain, None if valid.all() else valid)


def stored_columns_of(table, rows):
    return {name: stored_column(name, kind, [row[name] for row in rows]) for name, kind in COLUMNS[table].items()}


def stored_table(table, units):
    """`units` are (token, rows), in the order of tokens."""
    rows = [row for _, held in units for row in held]
    high, low = (np.asarray([token[half] for token, _ in units], np.uint64) for half in (0, 1))
    runs = np.asarray([len(held) for _, held in units], np.int64)
    return Bucket(len(rows), runs, stored_columns_of(table, rows), UnitRuns(high, low, runs))


def held(units, public):
    """The tables of a bucket. A unit without rows in a table is not in it, but for one token that may have none."""
    ordered = sorted(units.items())
    tables = {
        table: stored_table(table, [(token, unit[table]) for token, unit in ordered if unit[table] or token[1] == 3])
        for table in (VISITS, STAYS)
    }
    return HeldSources(tables | {CODES: stored_table(CODES, [((0, 0), public)])})


class CutSources:
    """The same tables, read a few rows at a time, each piece with dictionaries of its own."""

    def __init__(self, units, public, rows):
        self.whole = held(units, public)
        self.rows = rows
        ordered = [unit for _, unit in sorted(units.items())]
        self.stored = {table: [row for unit in ordered for row in unit[table]] for table in (VISITS, STAYS)}
        self.stored[CODES] = public

    def units(self, scan):
        return self.whole.units(scan)

    def pieces(self, scan, columns, rows):
        table = scan.dataset, scan.table
        for start in range(0, rows, self.rows):
            part = self.stored[table][start : start + self.rows]
            stored = stored_columns_of(table, part)
            yield Piece(len(part), {name: stored[name] for name in columns})


# -- reading -----------------------------------------------------------------------------------------------------------


def values_of(column):
    if column.dictionary is not None:
        texts = column.dictionary.to_pylist()
        return [None if code < 0 else texts[code] for code in column.values.tolist()]
    valid = [True] * len(column.values) if column.valid is None else column.valid.tolist()
    return [value if there else None for value, there in zip(column.values.tolist(), valid, strict=True)]


def exactly(row):
    """A row as comparable bits: the two zeros differ, and True is not 1."""
    return {
        name: value.hex() if isinstance(value, float) else (type(value).__name__, value) for name, value in row.items()
    }


def computed(relation, sources, batch_rows=10_000):
    """The rows of every unit that has any, in the order of tokens."""
    found = []
    for runs, piece in relation_pieces(relation, sources, batch_rows):
        assert int(runs.sum()) == piece.rows
        assert list(piece.columns) == list(columns_of(relation))
        columns = {name: values_of(column) for name, column in piece.columns.items()}
        assert all(len(values) == piece.rows for values in columns.values())
        at = 0
        for run in runs.tolist():
            found.append(
                [exactly({name: values[row] for name, values in columns.items()}) for row in range(at, at + run)]
            )
            at += run
    return found


# -- generating relations ----------------------------------------------------------------------------------------------


class Maker:
    """Draws relations; `number` makes names differ."""

    def __init__(self, seed):
        self.rng, self.number = Random(seed), 0

    def name(self, stem):
        self.number += 1
        return f"{stem}{self.number}"

    def flag(self):
        return self.rng.random() < 0.5

    def pick(self, options):
        return self.rng.choice(list(options))

    def literal(self, kind):
        value = self.pick((None, *POOLS[kind]))
        return Literal(Fraction(value) if isinstance(value, float) else value, kind)

    def expression(self, columns, kind, depth=1):
        names = [name for name, type_ in columns.items() if type_ is kind]
        if names and self.rng.randint(0, 3):
            return ColumnRef(self.pick(names), kind)
        if depth == 0:
            return self.literal(kind)
        if kind is Type.BOOL:
            return self.predicate(columns, depth - 1)
        if kind is Type.FLOAT and self.flag():
            sides = (self.expression(columns, self.pick((Type.FLOAT, Type.INT)), depth - 1) for _ in range(2))
            return Arithmetic(self.pick("+-*/"), *sides, Type.FLOAT)
        if kind is Type.STRING and self.flag():
            texts = tuple(self.expression(columns, kind, depth - 1) for _ in range(2))
            return (
                Call("concat_op", texts, kind)
                if self.flag()
                else Call(self.pick(("lower", "reverse")), texts[:1], kind)
            )
        if self.flag():
            branch = (self.predicate(columns, 0), self.expression(columns, kind, depth - 1))
            return Case((branch,), self.expression(columns, kind, depth - 1), kind)
        return self.literal(kind)

    def predicate(self, columns, depth=1):
        kind = self.pick(sorted(set(columns.values()))) if columns else Type.INT
        operand = self.expression(columns, kind, 0)
        match self.rng.randint(0, 4 if depth else 2):
            case 0 if kind is not Type.BOOL:
                return Comparison(self.pick(("<", "<=", ">", "=")), operand, self.expression(columns, kind, 0))
            case 1:
                return NullTest(operand)
            case 3:
                return Not(self.predicate(columns, depth - 1))
            case 4:
                return Conjunction((self.predicate(columns, depth - 1), self.predicate(columns, depth - 1)))
        if kind is Type.BOOL:
            return operand
        values = [self.literal(kind) for _ in range(2)]
        return Membership(operand, tuple(value for value in values if value.value is not None))

    def anything(self, columns):
        return self.expression(columns, self.pick(Type))

    def scan(self, table):
        names = [name for name in sorted(COLUMNS[table]) if self.rng.random() < 0.8]
        columns = tuple((name, COLUMNS[table][name]) for name in names)
        return Scan(*table, self.name("t") + ".", columns, 1000, 0 if table == CODES else self.rng.randint(1, 5))

    def public(self):
        source = self.scan(CODES)
        return self.pick((source, Filter(source, self.predicate(columns_of(source))), self.project(source)))

    def relation(self, depth):
        if depth == 0:
            return self.scan(self.pick((VISITS, STAYS)))
        made = self.pick((self.filter, self.project, self.per_unit, self.window, self.union, self.join, self.join))
        source = self.relation(depth - 1)
        return made(source, depth) if made in (self.union, self.join) else made(source)

    def filter(self, source):
        return Filter(source, self.predicate(columns_of(source)))

    def project(self, source):
        below = columns_of(source)
        return Project(source, tuple((self.name("c"), self.anything(below)) for _ in range(self.rng.randint(1, 3))))

    def aggregate(self, columns, operands=True):
        function = self.pick(("count_rows", "count", "count_distinct", "sum", "avg", "min", "max", "first"))
        if function == "count_rows" or not operands:
            return UnitAggregate("count_rows", None, Type.INT)
        kind = self.pick((Type.INT, Type.FLOAT) if function in ("sum", "avg") else Type)
        result = {"count": Type.INT, "count_distinct": Type.INT, "avg": Type.FLOAT}.get(function, kind)
        return UnitAggregate(function, self.expression(columns, kind), result)

    def per_unit(self, source):
        below = columns_of(source)
        keys = tuple((self.name("k"), self.anything(below)) for _ in range(self.rng.randint(0, 2)))
        made = tuple((self.name("a"), self.aggregate(below)) for _ in range(self.rng.randint(1, 3)))
        return PerUnit(source, keys, made)

    def window(self, source):
        below = columns_of(source)
        orders = tuple(Order(self.anything(below), self.flag(), self.flag()) for _ in range(self.rng.randint(0, 2)))
        partition = tuple(self.anything(below) for _ in range(self.rng.randint(0, 1)))
        function = self.pick(
            ("row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value", "", "", "")
        )
        offset, operand, kind = 0, None, Type.INT
        if function in ("lag", "lead", "first_value", "last_value"):
            kind = self.pick(Type)
            operand, offset = self.expression(below, kind), self.rng.randint(1, 3) if function[0] == "l" else 0
            offset = 0 if function == "last_value" else offset
        elif not function:
            made = self.aggregate(below)
            function, operand, kind = made.function, made.operand, made.type
        return Window(source, self.name("w"), function, operand, offset, partition, orders, kind)

    def union(self, source, depth):
        other = self.relation(depth - 1)
        kinds = [(self.name("u"), self.pick(Type)) for _ in range(self.rng.randint(1, 2))]
        return Union(
            tuple(
                Project(part, tuple((name, self.expression(columns_of(part), kind)) for name, kind in kinds))
                for part in (source, other)
            )
        )

    def join(self, source, depth):
        right = self.public() if self.flag() else self.relation(depth - 1)
        on = []
        for _ in range(self.rng.randint(0, 2)):
            common = sorted(set(columns_of(source).values()) & set(columns_of(right).values())) or list(Type)
            kind = self.pick(common)
            on.append((self.expression(columns_of(source), kind), self.expression(columns_of(right), kind)))
        kind, cap = self.pick(("inner", "left", "semi", "anti")), self.rng.randint(1, 7)
        return Join(source, right, kind, tuple(on), cap, self.flag())


def relation(seed, depth=3):
    """A private relation of one to `depth` nodes above its scans."""
    maker = Maker(seed)
    return maker.relation(maker.rng.randint(1, depth))


RELATIONS = st.integers(0, 2**32 - 1).map(relation)
"""Drawn by their number, so that they are rich: most that hypothesis draws node by node are empty of rows."""
