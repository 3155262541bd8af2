"""A dataset's description, one TOML file, becomes a `Dataset`; the reference is docs/reference/description.md."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from sandbox.terms.column_reader import COLUMN_KEYS, read_column
from sandbox.terms.dataset import Column, ColumnRole, Dataset, Grade, Table, Type, UnitLink, UnitSpace
from sandbox.terms.loss import Mode
from sandbox.terms.toml_reader import Section, Source

ROWS_MAX = 10**11
ROWS_PER_UNIT_MAX = 10**6
TABLES_MAX = 100
COLUMNS_MAX = 1_000
BUCKETS_MAX = 4096
DELTA_MAX = Fraction(1, 1000)
EPSILON_MAX = 9 * 10**9
"""Beyond it the ledger's 64-bit units of 10^-9 would overflow."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_NAME_ALLOWED = "a lower-case letter, then up to 62 lower-case letters, digits and dashes"
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_IDENTIFIER_ALLOWED = "a lower-case letter or underscore, then up to 62 lower-case letters, digits and underscores"
_HEAD = ("name", "title", "steward", "unit_space", "grade", "budget", "public")
_LINK_ALLOWED = 'a column, or a table { through = "orders", key = "order_id" }'
_KEY_ALLOWED = "a column of this table, or a list of columns that together tell its rows apart"
_KEYED = (Type.INT, Type.STRING, Type.DATE)
_EPSILON_ALLOWED = 'a positive decimal in a string, such as "20", up to 9000000000'


def parse_description(text: str, file: str = "description.toml", *, registered: bool = False) -> Dataset:
    """Read a description. The dataset's columns, keys and tables come out checked and in canonical form.

    Args:
        text: TOML 1.0, at most 1 MiB.
        file: the name that messages carry.
        registered: the text was accepted before, and is read as it was then.

    Raises:
        DescriptionInvalid: "file:line: what is wrong. Allowed: ..."; facts `file`, `line`, `allowed`.
    """
    source = Source(text, file, registered=registered)
    root = Section(source, (), source.root, ("dataset", "unit_spaces", "tables"))
    head = root.section("dataset", _HEAD, "a table [dataset]")
    public = head.flag("public")
    if public:
        return _public(root, head)
    unit_space = head.name("unit_space", _NAME, _NAME_ALLOWED)
    return _graded(
        root,
        Dataset(
            name=head.name("name", _NAME, _NAME_ALLOWED),
            title=head.text("title"),
            steward=head.text("steward", 63),
            unit_space=unit_space,
            grade=Grade(head.choice("grade", [grade.value for grade in Grade])),
            epsilon=_epsilon(head.section("budget", ("epsilon",), 'a table { epsilon = "20" }')),
            tables=_tables(root),
            space=_space(root, unit_space),
        ),
    )


def _graded(root: Section, dataset: Dataset) -> Dataset:
    """The dataset, none of whose columns says a grade that is not stricter than its own."""
    stricter = [grade.value for grade in Grade if grade.stricter_than(dataset.grade)]
    allowed = ", ".join(stricter) if stricter and not dataset.public else "no grade of a column's own here"
    for table in dataset.tables:
        for column in table.columns:
            if column.grade is not None and (dataset.public or column.grade.value not in stricter):
                place = ("tables", table.name, "columns", column.name, "grade")
                root.source.refuse(place, "A column's grade is stricter than its dataset's.", allowed)
    return dataset


def _public(root: Section, head: Section) -> Dataset:
    """Reference tables whose rows everybody may see: no unit, no budget, and nothing to grade."""
    for name in ("unit_space", "budget"):
        if head.has(name):
            head.refuse("A public dataset has none.", "leave it out, or leave out public", name)
    if head.choice("grade", [grade.value for grade in Grade]) != Grade.GENERAL:
        head.refuse("Public data is of the general grade.", "general", "grade")
    if root.has("unit_spaces"):
        root.refuse("A public dataset has none.", "leave it out, or leave out public", "unit_spaces")
    return _graded(
        root,
        Dataset(
            name=head.name("name", _NAME, _NAME_ALLOWED),
            title=head.text("title"),
            steward=head.text("steward", 63),
            unit_space="",
            grade=Grade.GENERAL,
            epsilon=Fraction(0),
            tables=_tables(root, public=True),
        ),
    )


def _epsilon(budget: Section) -> Fraction:
    epsilon = budget.decimal("epsilon", _EPSILON_ALLOWED)
    if not 0 < epsilon <= EPSILON_MAX:
        budget.refuse("This budget is out of range.", _EPSILON_ALLOWED, "epsilon")
    return epsilon


def _space(root: Section, unit_space: str) -> UnitSpace | None:
    """The unit space that the description brings, if any: its own and no other."""
    if not root.has("unit_spaces"):
        return None
    spaces = root.section("unit_spaces", (unit_space,))
    if not spaces.has(unit_space):
        return None
    section = spaces.section(unit_space, ("accounting", "budget", "buckets"))
    mode = Mode(section.choice("accounting", [mode.value for mode in Mode]))
    budget = section.section("budget", ("epsilon", "delta"), 'a table { epsilon = "20", delta = "1e-6" }')
    buckets = section.integer("buckets", 1, BUCKETS_MAX, 16)
    if buckets & (buckets - 1):
        section.refuse("This is not a power of two.", f"a power of two from 1 to {BUCKETS_MAX}", "buckets")
    return UnitSpace(unit_space, mode, _epsilon(budget), _delta(budget, mode), buckets)


def _delta(budget: Section, mode: Mode) -> Fraction:
    if mode is Mode.PURE and not budget.has("delta"):
        return Fraction(0)
    allowed = 'a decimal in a string, such as "1e-6", ' + ("above 0 and " if mode is Mode.ZCDP else "") + "at most 1e-3"
    delta = budget.decimal("delta", allowed)
    if delta > DELTA_MAX or (mode is Mode.ZCDP and delta == 0):
        budget.refuse("This delta is out of range.", allowed, "delta")
    return delta


def _tables(root: Section, *, public: bool = False) -> tuple[Table, ...]:
    given = root.take("tables", dict, "at least one table [tables.<name>]")
    section = Section(root.source, ("tables",), given, given)
    tables = tuple(_table(section, *item, public) for item in section.named_sections(_IDENTIFIER, _IDENTIFIER_ALLOWED))
    if not 1 <= len(tables) <= TABLES_MAX:
        root.refuse("This is not a usable number of tables.", f"1 to {TABLES_MAX} tables", "tables")
    named = {table.name: table for table in tables}
    for table in tables:
        _check_link(section, table, named)
    return tables


def _table(tables: Section, name: str, given: Mapping[str, Any], public: bool) -> Table:
    known = ("unit", "key", "rows_max", "max_rows_per_unit", "max_groups_per_unit", "columns")
    section = Section(tables.source, (*tables.path, name), given, known)
    unit, link = (None, None) if public else _unit(section)
    for extra in ("unit", "max_rows_per_unit", "max_groups_per_unit") if public else ():
        if section.has(extra):
            section.refuse("A public table has no units.", "leave it out", extra)
    rows = 0 if public else section.integer("max_rows_per_unit", 1, ROWS_PER_UNIT_MAX)
    columns = _columns(section, unit)
    return Table(
        name=name,
        unit=unit,
        rows_max=section.integer("rows_max", 1, ROWS_MAX),
        max_rows_per_unit=rows,
        max_groups_per_unit=0 if public else section.integer("max_groups_per_unit", 1, rows, rows),
        columns=columns,
        link=link,
        key=_key(section, {column.name for column in columns}),
    )


def _unit(table: Section) -> tuple[str | None, UnitLink | None]:
    """The unit's column, or the declared foreign key along which it is found."""
    if not isinstance(table.value.get("unit"), dict):
        return table.name("unit", _IDENTIFIER, _IDENTIFIER_ALLOWED), None
    section = table.section("unit", ("through", "key", "column"), _LINK_ALLOWED)
    through = section.name("through", _IDENTIFIER, _IDENTIFIER_ALLOWED)
    key = section.name("key", _IDENTIFIER, _IDENTIFIER_ALLOWED)
    column = section.name("column", _IDENTIFIER, _IDENTIFIER_ALLOWED) if section.has("column") else key
    return None, UnitLink(through, column, key)


def _key(table: Section, columns: set[str]) -> tuple[str, ...]:
    if not table.has("key"):
        return ()
    given = table.value["key"]
    names = [given] if isinstance(given, str) else given
    usable = isinstance(names, list) and names and all(isinstance(name, str) and name in columns for name in names)
    if not usable or len(set(names)) != len(names):
        table.refuse("This is no key.", _KEY_ALLOWED, "key")
    return tuple(sorted(names))


def _check_link(tables: Section, table: Table, named: Mapping[str, Table]) -> None:
    """Every link leads to a table with a unit column, over keys of one type."""
    seen, link = {table.name}, table.link
    while link is not None:
        given = tables.value[table.name]["unit"]
        section = Section(tables.source, (*tables.path, table.name, "unit"), given, given)
        through = named.get(link.through)
        if through is None or through.name in seen:
            section.refuse("The units cannot be found through this table.", "another table of this file", "through")
        if through.key != (link.key,):
            section.refuse(f"This is not the declared key of {through.name}.", "its key, of one column", "key")
        one, other = named[table.name].column(link.column), through.column(link.key)
        if one is None:
            section.refuse(
                "The table has no such column.", "a column of this table", "column" if "column" in given else "key"
            )
        elif other is None or one.type is not other.type or one.type not in _KEYED:
            section.refuse("The two columns are of different types.", "both int, string or date", "key")
        seen.add(through.name)
        table, link = through, through.link


def _columns(table: Section, unit: str | None) -> tuple[Column, ...]:
    given = table.take("columns", dict, "a table of columns")
    section = Section(table.source, (*table.path, "columns"), given, given)
    if len(given) > COLUMNS_MAX:
        table.refuse("There are too many columns.", f"at most {COLUMNS_MAX}", "columns")
    columns = tuple(
        read_column(Section(section.source, (*section.path, name), value, COLUMN_KEYS), name)
        for name, value in section.named_sections(_IDENTIFIER, _IDENTIFIER_ALLOWED)
    )
    units = [column.name for column in columns if column.role is ColumnRole.UNIT]
    if unit is not None and unit not in units:
        table.refuse("The unit is not a column with that role.", 'a column of this table with role = "unit"', "unit")
    for extra in units:
        if extra != unit:
            allowed = f"the unit role on {unit}" if unit is not None else "no column with the unit role here"
            section.refuse("A table has one unit column, the one that `unit` names.", allowed, extra)
    return columns
