"""A relation without what nobody reads, under names that follow from its shape: equal questions give equal relations."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from sandbox.plan.expressions import sort_key
from sandbox.plan.nodes import ColumnRef, Expression, type_of
from sandbox.plan.relations import (
    Filter,
    Join,
    PerUnit,
    Project,
    Relation,
    Scan,
    Union,
    UnitAggregate,
    Window,
    columns_of,
    scans_of,
)
from sandbox.plan.rewrite import all_of, normalise
from sandbox.plan.sources import names_in, replaced

_Keys: TypeAlias = tuple[tuple[str, Expression], ...]
_Aggregates: TypeAlias = tuple[tuple[str, UnitAggregate], ...]


@dataclass(slots=True)
class _Tidy:
    """New names of columns, and what columns of projections that only rename stand for."""

    single: bool
    scans: int = 0
    made: int = 0
    values: dict[str, Expression] = field(default_factory=dict)

    def expression(self, expression: Expression) -> Expression:
        return normalise(replaced(expression, self.values))

    def name(self, name: str, kind: Expression) -> str:
        """A new name for a computed column."""
        if name not in self.values:
            self.made += 1
            assert isinstance(kind, ColumnRef)
            self.values[name] = ColumnRef(f"#{self.made}", kind.type)
        found = self.values[name]
        assert isinstance(found, ColumnRef)
        return found.name


def tidy(relation: Relation, read: set[str]) -> tuple[Relation, dict[str, Expression]]:
    """The relation with the columns in `read` and what they need, and what each old column is called now."""
    values: dict[str, Expression] | None = None
    while True:
        pruned = prune(relation, read)
        state = _Tidy(len(scans_of(pruned)) == 1)
        made = _renamed(pruned, state)
        if values is None:
            values = state.values
        else:
            values = {name: replaced(expression, state.values) for name, expression in values.items()}
        wanted = _names(state.values[name] for name in read if name in state.values)
        if prune(made, wanted) == made:
            return made, values
        # Filters that met in one condition may read less together: WHERE x = 1 over WHERE x <> 1 reads nothing.
        relation, read = made, wanted


def prune(relation: Relation, read: set[str]) -> Relation:
    """Only what is read: columns of scans, projections, per-unit aggregates, windows."""
    match relation:
        case Scan(prefix=prefix, columns=columns):
            return replace(relation, columns=tuple(item for item in columns if prefix + item[0] in read))
        case Filter(source, predicate):
            return Filter(prune(source, read | names_in(predicate)), predicate)
        case Project(source, columns):
            kept = tuple(item for item in columns if item[0] in read)
            return Project(prune(source, _names(expression for _, expression in kept)), kept)
        case PerUnit(source, keys, aggregates):
            used = tuple(item for item in aggregates if item[0] in read) or (() if keys else aggregates[:1])
            operands = [item.operand for _, item in used if item.operand is not None]
            below = _names([*(expression for _, expression in keys), *operands])
            return PerUnit(prune(source, below), keys, used)
        case Window(source=source, name=name):
            if name not in read:
                return prune(source, read)
            own = () if relation.operand is None else (relation.operand,)
            below = _names([*own, *relation.partition, *(item.operand for item in relation.order)])
            return replace(relation, source=prune(source, (read - {name}) | below))
        case Union(sources):
            kept_names = read & set(columns_of(sources[0])) or set(list(columns_of(sources[0]))[:1])
            return Union(tuple(prune(source, kept_names) for source in sources))
        case Join(left=left, right=right, on=on):
            # SEMI and ANTI show nothing of the right side, and the same rows may stand on the right of several.
            mine = (read & set(columns_of(left))) | _names(first for first, _ in on)
            shown = read if relation.kind in ("inner", "left") else set()
            return replace(relation, left=prune(left, mine), right=prune(right, shown | _names(item for _, item in on)))


def _names(expressions: Iterable[Expression]) -> set[str]:
    return {name for expression in expressions for name in names_in(expression)}


def _renamed(relation: Relation, state: _Tidy, *, whole: bool = False) -> Relation:
    """New names from the scans upwards, left to right. `whole` keeps a projection that only renames."""
    match relation:
        case Scan(prefix=prefix, columns=columns):
            state.scans += 1
            new = "" if state.single else f"t{state.scans}."
            state.values.update({prefix + name: ColumnRef(new + name, kind) for name, kind in columns})
            return replace(relation, prefix=new)
        case Filter(source, predicate):
            below = _renamed(source, state)
            condition = state.expression(predicate)
            if isinstance(below, Filter):
                return Filter(below.source, all_of((below.predicate, condition)))
            return Filter(below, condition)
        case Project(source, columns):
            below = _renamed(source, state)
            if not whole and all(isinstance(expression, ColumnRef) for _, expression in columns):
                state.values.update({name: state.expression(expression) for name, expression in columns})
                return below
            made = [(name, state.expression(expression)) for name, expression in columns]
            return Project(
                below, tuple((state.name(name, ColumnRef(name, type_of(item))), item) for name, item in made)
            )
        case PerUnit(source, keys, aggregates):
            return _per_unit(_renamed(source, state), keys, aggregates, state)
        case Window():
            below = _renamed(relation.source, state)
            operand = None if relation.operand is None else state.expression(relation.operand)
            partition = sorted({state.expression(item) for item in relation.partition}, key=sort_key)
            order = {(key := state.expression(item.operand)): replace(item, operand=key) for item in relation.order}
            name = state.name(relation.name, ColumnRef(relation.name, relation.type))
            return replace(
                relation,
                source=below,
                name=name,
                operand=operand,
                partition=tuple(partition),
                order=tuple(order.values()),
            )
        case Union(sources):
            return Union(tuple(_renamed(source, state, whole=True) for source in sources))
        case Join(left=left, right=right, on=on):
            one, other = _renamed(left, state), _renamed(right, state)
            pairs = {(state.expression(first), state.expression(second)) for first, second in on}
            ordered = sorted(pairs, key=lambda pair: (sort_key(pair[0]), sort_key(pair[1])))
            return replace(relation, left=one, right=other, on=tuple(ordered))


def _per_unit(below: Relation, keys: _Keys, aggregates: _Aggregates, state: _Tidy) -> PerUnit:
    made_keys = sorted(((state.expression(item), name) for name, item in keys), key=lambda pair: sort_key(pair[0]))
    new_keys: dict[Expression, str] = {}
    for operand, name in made_keys:
        if operand in new_keys:
            state.values[name] = ColumnRef(new_keys[operand], type_of(operand))
        else:
            new_keys[operand] = state.name(name, ColumnRef(name, type_of(operand)))
    new = []
    for name, item in aggregates:
        over = None if item.operand is None else state.expression(item.operand)
        new.append((state.name(name, ColumnRef(name, item.type)), replace(item, operand=over)))
    return PerUnit(below, tuple((name, operand) for operand, name in new_keys.items()), tuple(new))
