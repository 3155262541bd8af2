"""A dataset's description, one TOML file, becomes a `Dataset`; the reference is docs/reference/description.md."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from sandbox.terms.column_reader import COLUMN_KEYS, read_column
from sandbox.terms.dataset import Column, ColumnRole, Dataset, Grade, Table, UnitSpace
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
_EPSILON_ALLOWED = 'a positive decimal in a string, such as "20", up to 9000000000'


def parse_description(text: str, file: str = "description.toml") -> Dataset:
    """Read a description. The dataset's columns, keys and tables come out checked and in canonical form.

    Args:
        text: TOML 1.0, at most 1 MiB.
        file: the name that messages carry.

    Raises:
        DescriptionInvalid: "file:line: what is wrong. Allowed: ..."; facts `file`, `line`, `allowed`.
    """
    source = Source(text, file)
    root = Section(source, (), source.root, ("dataset", "unit_spaces", "tables"))
    head = root.section("dataset", ("name", "title", "steward", "unit_space", "grade", "budget"), "a table [dataset]")
    unit_space = head.name("unit_space", _NAME, _NAME_ALLOWED)
    return Dataset(
        name=head.name("name", _NAME, _NAME_ALLOWED),
        title=head.text("title"),
        steward=head.text("steward", 63),
        unit_space=unit_space,
        grade=Grade(head.choice("grade", [grade.value for grade in Grade])),
        epsilon=_epsilon(head.section("budget", ("epsilon",), 'a table { epsilon = "20" }')),
        tables=_tables(root),
        space=_space(root, unit_space),
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


def _tables(root: Section) -> tuple[Table, ...]:
    given = root.take("tables", dict, "at least one table [tables.<name>]")
    section = Section(root.source, ("tables",), given, given)
    tables = tuple(_table(section, *item) for item in section.named_sections(_IDENTIFIER, _IDENTIFIER_ALLOWED))
    if not 1 <= len(tables) <= TABLES_MAX:
        root.refuse("This is not a usable number of tables.", f"1 to {TABLES_MAX} tables", "tables")
    return tables


def _table(tables: Section, name: str, given: Mapping[str, Any]) -> Table:
    known = ("unit", "rows_max", "max_rows_per_unit", "max_groups_per_unit", "columns")
    section = Section(tables.source, (*tables.path, name), given, known)
    unit = section.name("unit", _IDENTIFIER, _IDENTIFIER_ALLOWED)
    rows = section.integer("max_rows_per_unit", 1, ROWS_PER_UNIT_MAX)
    return Table(
        name=name,
        unit=unit,
        rows_max=section.integer("rows_max", 1, ROWS_MAX),
        max_rows_per_unit=rows,
        max_groups_per_unit=section.integer("max_groups_per_unit", 1, rows, rows),
        columns=_columns(section, unit),
    )


def _columns(table: Section, unit: str) -> tuple[Column, ...]:
    given = table.take("columns", dict, "a table of columns")
    section = Section(table.source, (*table.path, "columns"), given, given)
    if len(given) > COLUMNS_MAX:
        table.refuse("There are too many columns.", f"at most {COLUMNS_MAX}", "columns")
    columns = tuple(
        read_column(Section(section.source, (*section.path, name), value, COLUMN_KEYS), name)
        for name, value in section.named_sections(_IDENTIFIER, _IDENTIFIER_ALLOWED)
    )
    units = [column.name for column in columns if column.role is ColumnRole.UNIT]
    if unit not in units:
        table.refuse("The unit is not a column with that role.", 'a column of this table with role = "unit"', "unit")
    for extra in units:
        if extra != unit:
            section.refuse("A table has one unit column, the one that `unit` names.", f"the unit role on {unit}", extra)
    return columns
