"""A town for the audits of whole queries: orders, their lines (through the orders), people and a second dataset about the
same units, with public codes; and neighbours that differ by one unit, `x`, with all its rows in all tables.

Rows are few and coarse, so that operators reach their sensitivities exactly; every pair hurts some operator.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from audit_line import Row, TableName, Tables, World

TOWN = """
[dataset]
name = "town"
title = "Orders of a town"
steward = "bureau"
unit_space = "people"
grade = "general"
budget = { epsilon = "4000" }
[tables.orders]
unit = "person"
key = ["id"]
rows_max = 1_000
max_rows_per_unit = 6
max_groups_per_unit = 2
[tables.orders.columns]
person = { type = "string", role = "unit" }
id = { type = "int" }
ward = { type = "string", keys = ["north", "south", "east", "west"] }
shop = { type = "string", max_length = 12 }
size = { type = "int", bounds = [0, 20] }
amount = { type = "float", bounds = [-10.0, 50.0], granularity = 0.25 }
day = { type = "date", bounds = ["2024-01-01", "2024-03-31"] }
moment = { type = "timestamp", bounds = ["2024-01-01T00:00:00", "2024-03-31T23:59:59"] }
urgent = { type = "bool" }
[tables.lines]
unit = { through = "orders", key = "id", column = "order_id" }
rows_max = 2_000
max_rows_per_unit = 8
max_groups_per_unit = 2
[tables.lines.columns]
order_id = { type = "int" }
price = { type = "int", bounds = [0, 50] }
code = { type = "string", max_length = 4 }
[tables.people]
unit = "person"
rows_max = 500
max_rows_per_unit = 2
[tables.people.columns]
person = { type = "string", role = "unit" }
sex = { type = "string", keys = ["f", "m"] }
born = { type = "date", bounds = ["1900-01-01", "2023-12-31"] }
code = { type = "string", max_length = 4 }
"""
SCHOOL = """
[dataset]
name = "school"
title = "Marks"
steward = "bureau"
unit_space = "people"
grade = "general"
budget = { epsilon = "4000" }
[tables.marks]
unit = "person"
rows_max = 600
max_rows_per_unit = 5
max_groups_per_unit = 2
[tables.marks.columns]
person = { type = "string", role = "unit" }
subject = { type = "string", keys = ["art", "maths", "sport"] }
mark = { type = "int", bounds = [0, 10] }
"""
CODES = """
[dataset]
name = "codes"
title = "Codes and what they mean"
steward = "bureau"
grade = "general"
public = true
[tables.items]
key = ["code"]
rows_max = 20
[tables.items.columns]
code = { type = "string", max_length = 4 }
kind = { type = "string", keys = ["food", "tool"] }
weight = { type = "int", bounds = [0, 9] }
"""
ORDERS, LINES, PEOPLE = ("town", "orders"), ("town", "lines"), ("town", "people")
MARKS, ITEMS = ("school", "marks"), ("codes", "items")
TABLES = World(
    {"town": TOWN, "school": SCHOOL, "codes": CODES},
    {
        ORDERS: (
            ("person", pa.string()), ("id", pa.int64()), ("ward", pa.string()), ("shop", pa.string()),
            ("size", pa.int64()), ("amount", pa.float64()), ("day", pa.date32()), ("moment", pa.timestamp("us")),
            ("urgent", pa.bool_()),
        ),
        LINES: (("order_id", pa.int64()), ("price", pa.int64()), ("code", pa.string())),
        PEOPLE: (("person", pa.string()), ("sex", pa.string()), ("born", pa.date32()), ("code", pa.string())),
        MARKS: (("person", pa.string()), ("subject", pa.string()), ("mark", pa.int64())),
        ITEMS: (("code", pa.string()), ("kind", pa.string()), ("weight", pa.int64())),
    },
)  # fmt: skip

WARDS = ("north", "south", "east", "west")
PUBLIC: dict[TableName, tuple[Row, ...]] = {
    ITEMS: (("a", "food", 9), ("b", "tool", 5), ("c", "food", 0), ("d", None, 3)),
}
_NEW_YEAR = date(2024, 1, 1)


def order(person: str, number: int | None, **given: Any) -> Row:
    """One order; what is not given is in the middle of everything."""
    day = given.get("day", date(2024, 2, 1))
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) if day is not None else None
    values = {"ward": "north", "shop": "old", "size": 5, "amount": 20.0, "day": day, "moment": moment, "urgent": False}
    return (person, number, *(values | given).values())


def _base() -> dict[TableName, tuple[Row, ...]]:
    """Twelve people with four orders each, in the north and the south; eight have lines, nine are known, six have marks."""
    orders = [
        order(
            f"p{n // 4}",
            n,
            ward=WARDS[n % 2],
            shop=("old", "new")[n // 4 % 2],
            size=1 + n % 7,
            amount=1.25 * (n % 30),
            day=_NEW_YEAR + timedelta(days=n),
            urgent=n % 3 == 0,
        )
        for n in range(48)
    ]
    lines = [(n // 2, n % 40, "abcz"[n % 4]) for n in range(64)]
    people = [(f"p{n}", "fm"[n % 2], date(1950 + n, 5, 1), "abc"[n % 3]) for n in range(9)]
    marks = [(f"p{n // 3}", ("art", "maths", "sport")[n % 3], n % 10) for n in range(18)]
    return {ORDERS: tuple(orders), LINES: tuple(lines), PEOPLE: tuple(people), MARKS: tuple(marks), **PUBLIC}


BASE: Tables = _base()


def _unit(
    orders: int,
    of_order: Callable[[int], dict[str, Any]] = lambda _: {},
    lines: int = 0,
    line: Callable[[int], tuple[Any, Any]] = lambda _: (50, "a"),
    people: tuple[Row, ...] = (),
    marks: tuple[Row, ...] = (),
) -> Tables:
    """Rows of x: orders 1000, 1001, …; lines belong to them in turn, `line` gives price and code."""
    return {
        ORDERS: tuple(order("x", 1000 + n, **of_order(n)) for n in range(orders)),
        LINES: tuple((1000 + n % orders, *line(n)) for n in range(lines)),
        PEOPLE: people,
        MARKS: marks,
    }


_WOMAN = (("x", "f", date(2023, 12, 31), "a"),) * 4
_BEST = (("x", "art", 10),) * 20
_NOTHING = {"ward": None, "shop": None, "size": None, "amount": None, "day": None, "moment": None, "urgent": None}
_LARGE = {"size": 20, "amount": 50.0, "urgent": True, "day": date(2024, 3, 31)}

PAIRS: dict[str, tuple[Tables, Tables]] = {  # name: base, the unit's rows
    "heavy": (BASE, _unit(40, lambda _: _LARGE, 80, people=_WOMAN, marks=_BEST)),
    "light": (BASE, _unit(1, lambda _: _LARGE, 1, people=_WOMAN[:1], marks=_BEST[:1])),
    "spread": (
        BASE,
        _unit(
            40,
            lambda n: _LARGE | {"ward": WARDS[n % 4], "shop": f"shop{n}", "day": _NEW_YEAR + timedelta(days=31 * (n % 3))},
            80,
            lambda n: (50 - n % 2, "abcdz"[n % 5]),
            _WOMAN,
            tuple(("x", ("art", "maths", "sport")[n % 3], 10) for n in range(5)),
        ),
    ),
    "distinct": (
        BASE,
        _unit(
            13,
            lambda n: {"size": 8 + n % 13, "amount": 49.75 - n / 4, "shop": f"own{n}", "day": _NEW_YEAR + timedelta(days=90 - n)},
            80,
            lambda n: (n % 51, f"x{n}"),
            (("x", "f", date(2000, 1, 1), "a"), ("x", "m", date(2000, 1, 2), "b"), ("x", None, None, None)),
            tuple(("x", "maths", n % 11) for n in range(20)),
        ),
    ),
    "alone": (
        BASE,
        _unit(6, lambda n: _LARGE | {"ward": "east", "shop": ("mine", "mine too")[n % 2]}, 8, people=_WOMAN, marks=_BEST),
    ),
    "one order": (BASE, _unit(1, lambda _: _LARGE | {"shop": "mine"}, 80, people=_WOMAN, marks=_BEST)),
    "one shop": (BASE, _unit(13, lambda n: _LARGE | {"shop": "mine", "size": 8 + n % 13}, 80, people=_WOMAN, marks=_BEST)),
    "in the crowd": (BASE, _unit(6, lambda _: {"shop": "old"}, 8, lambda _: (25, "b"), _WOMAN, _BEST)),
    "lowest": (
        BASE,
        _unit(
            40,
            lambda _: {"size": 0, "amount": -1e300, "urgent": False, "day": _NEW_YEAR},
            80,
            lambda _: (0, "c"),
            (("x", "m", date(1900, 1, 1), "c"),) * 4,
            (("x", "sport", 0),) * 20,
        ),
    ),
    "mixed": (
        BASE,
        _unit(
            40,
            lambda n: {"size": 20 * (n % 2), "amount": (-10.0, 50.0)[n % 2], "urgent": n % 2 == 0},
            80,
            lambda n: (50 * (n % 2), "ab"[n % 2]),
            (("x", "m", date(1900, 1, 1), "b"), ("x", "f", date(2023, 12, 31), "a")),
            tuple(("x", "maths", 10 * (n % 2)) for n in range(20)),
        ),
    ),
    "null": (BASE, _unit(40, lambda _: _NOTHING, 80, lambda _: (None, None), (("x", None, None, None),) * 4, (("x", None, None),) * 20)),
    "hostile": (
        BASE,
        _unit(
            40,
            lambda n: {
                "ward": "nowhere",
                "shop": ("ß漢🦊" * 900, "'; --", "", "\u202e\u0000")[n % 4],
                "size": (2**62, -(2**62))[n % 2],
                "amount": (math.nan, math.inf, -math.inf, 5e-324)[n % 4],
                "day": (date(1, 1, 1), date(9999, 12, 31))[n % 2],
                "moment": datetime(1900 + 8 * n, 1, 1, tzinfo=UTC),
            },
            80,
            lambda n: ((2**62, -(2**62))[n % 2], "too long a code"),
            (("x", "?", date(1, 1, 1), ""), ("x", "f", date(9999, 12, 31), "a")),
            (("x", "alchemy", 2**62),) * 20,
        ),
    ),
    "empty text": (BASE, _unit(6, lambda _: {"shop": ""}, 8, lambda _: (50, ""), _WOMAN, _BEST)),
    "orders alone": (BASE, _unit(40, lambda _: _LARGE)),
    "marks alone": (BASE, _unit(0, people=(), marks=_BEST)),
    "copied": (BASE, {
        ORDERS: tuple(("x", 1000 + n, *row[2:]) for n, row in enumerate(BASE[ORDERS])),
        LINES: tuple((1000 + row[0], *row[1:]) for row in BASE[LINES]),
        PEOPLE: tuple(("x", *row[1:]) for row in BASE[PEOPLE]),
        MARKS: tuple(("x", *row[1:]) for row in BASE[MARKS]),
    }),
    "others have nothing": (
        {ORDERS: BASE[ORDERS], **PUBLIC},
        _unit(40, lambda _: _LARGE, 80, people=_WOMAN, marks=_BEST),
    ),
    "nobody else": (PUBLIC, _unit(40, lambda n: _LARGE | {"shop": f"shop{n % 3}"}, 80, people=_WOMAN, marks=_BEST)),
}  # fmt: skip


def with_unit(base: Tables, unit: Tables) -> Tables:
    """The base and the unit's rows."""
    return {name: (*base.get(name, ()), *unit.get(name, ())) for name in {**base, **unit}}


def unit_alone(unit: Tables) -> Mapping[TableName, Any]:
    """A world in which nobody else lives."""
    return with_unit(PUBLIC, unit)
