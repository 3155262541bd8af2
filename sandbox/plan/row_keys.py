"""What tells the rows of one unit apart, and which columns follow from others: by declared keys, caps and per-unit groups."""

from sandbox.plan.binding import Binding
from sandbox.plan.nodes import ColumnRef
from sandbox.plan.relations import Filter, Join, PerUnit, Project, Relation, Scan, Window, columns_of
from sandbox.plan.sources import names_in
from sandbox.terms.dataset import ColumnRole, Table


def tells_apart(relation: Relation, columns: set[str], binding: Binding) -> bool:
    """Whether no two rows of one unit agree in all of `columns`, by declared keys, caps and per-unit groups."""
    match relation:
        case Filter(source) | Window(source=source):
            return tells_apart(source, columns, binding)
        case Project(source, made):
            below = {item.name for name, item in made if name in columns and isinstance(item, ColumnRef)}
            return tells_apart(source, below, binding)
        case PerUnit(_, keys, _):
            return {name for name, _ in keys} <= columns
        case Scan():
            needed = _key(relation, binding)
            return relation.rows_per_unit == 1 or (needed is not None and needed <= columns)
        case Join(left=left, kind=kind, unique=unique):
            return (unique or kind in ("semi", "anti")) and tells_apart(left, columns, binding)
        case _:
            return False


def key_of(relation: Relation, binding: Binding) -> set[str] | None:
    """The columns of a public relation that tell its rows apart; None where none are declared."""
    match relation:
        case Scan():
            return _key(relation, binding)
        case Filter(source):
            return key_of(source, binding)
        case Project(source, made):
            below = key_of(source, binding)
            named = {item.name: name for name, item in made if isinstance(item, ColumnRef)}
            return {named[name] for name in below} if below is not None and below <= named.keys() else None
        case Join(left=left, unique=unique, kind=kind):
            return key_of(left, binding) if unique or kind in ("semi", "anti") else None
        case _:
            return None


def determined(relation: Relation, known: set[str], binding: Binding) -> set[str]:
    """The columns that have one value in all rows of one unit that agree in the columns `known`, those among them.

    With nothing known: what is the same in all rows of a unit, as caps and declared keys say.
    """
    fixed = set(known)
    before = -1
    while before < len(fixed):
        before = len(fixed)
        _follow(relation, fixed, binding)
    return fixed & set(columns_of(relation))


def _follow(relation: Relation, fixed: set[str], binding: Binding) -> None:
    """Adds the columns of any node that follow from `fixed` ones: names of columns differ over all nodes."""
    if tells_apart(relation, fixed, binding):
        fixed |= set(columns_of(relation))
    match relation:
        case Filter(source) | Window(source=source):
            _follow(source, fixed, binding)
        case Project(source, made) | PerUnit(source, made, _):
            fixed |= {item.name for name, item in made if name in fixed and isinstance(item, ColumnRef)}
            _follow(source, fixed, binding)
            fixed |= {name for name, item in made if names_in(item) <= fixed}
        case Join():
            _follow_join(relation, fixed, binding)


def _follow_join(join: Join, fixed: set[str], binding: Binding) -> None:
    _follow(join.left, fixed, binding)
    inner = join.kind == "inner"
    meets = all(names_in(one) <= fixed for one, _ in join.on)
    if join.kind in ("semi", "anti") or not (inner or meets):
        return  # where an outer join may find nothing for some of the rows, its NULLs follow from nothing known here
    for one, other in join.on:
        if names_in(one) <= fixed and isinstance(other, ColumnRef):
            fixed.add(other.name)
        if inner and names_in(other) <= fixed and isinstance(one, ColumnRef):
            fixed.add(one.name)
    if meets and join.unique:
        fixed |= set(columns_of(join.right))
    _follow(join.right, fixed, binding)


def _key(scan: Scan, binding: Binding) -> set[str] | None:
    """The columns of a stored table that tell rows of one unit apart; None where nothing is declared."""
    table = binding.datasets[scan.dataset].table(scan.table)
    if table is None or not table.key:
        return None
    return {scan.prefix + name for name in table.key if not _is_unit(table, name, scan)}


def _is_unit(table: Table, name: str, scan: Scan) -> bool:
    """Whether a column of a private table names the unit: rows that are joined have one unit, so it tells nothing apart."""
    column = table.column(name)
    if scan.public or column is None:
        return False
    stored = any(name == item for item, _ in scan.columns)
    return column.role is ColumnRole.UNIT or (column.role is ColumnRole.VALUE and not stored)
