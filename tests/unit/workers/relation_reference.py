"""What a relation is, one unit at a time and one row at a time: rows are dictionaries, nothing is clever."""

from functools import cmp_to_key
from itertools import pairwise
from math import inf, isnan

from sandbox.plan.evaluate import evaluate
from sandbox.plan.relations import Filter, Join, PerUnit, Project, Scan, Union, UnitAggregate, Window, columns_of

LARGEST = 1.7976931348623157e308


def reference_rows(relation, unit, public):
    """The rows of one unit. `unit` and `public` hold rows, by stored column names, for each (dataset, table)."""
    match relation:
        case Scan(dataset, table, prefix, columns):
            rows = (
                public[dataset, table] if relation.public else unit.get((dataset, table), [])[: relation.rows_per_unit]
            )
            return [{prefix + name: row[name] for name, _ in columns} for row in rows]
        case Filter(source, predicate):
            return [row for row in reference_rows(source, unit, public) if evaluate(predicate, row) is True]
        case Project(source, columns):
            return [
                {name: evaluate(expression, row) for name, expression in columns}
                for row in reference_rows(source, unit, public)
            ]
        case PerUnit(source, keys, aggregates):
            groups = {}
            for row in reference_rows(source, unit, public):
                values = {name: evaluate(expression, row) for name, expression in keys}
                groups.setdefault(tuple(values.values()), (values, []))[1].append(row)
            return [
                values | {name: aggregate_of(aggregate, rows) for name, aggregate in aggregates}
                for values, rows in groups.values()
            ]
        case Union(sources):
            return [row for source in sources for row in reference_rows(source, unit, public)]
        case Window(source=source):
            return window_rows(relation, reference_rows(source, unit, public))
        case Join(left, right):
            return joined_rows(relation, reference_rows(left, unit, public), reference_rows(right, unit, public))


def joined_rows(join, left, right):
    nothing = dict.fromkeys(columns_of(join.right))
    found = []
    for row in left:
        matches = [other for other in right if matching(join.on, row, other)]
        if join.unique:
            matches = matches[:1]
        match join.kind:
            case "semi" | "anti":
                if bool(matches) == (join.kind == "semi"):
                    found.append(row)
            case "left":
                found += [row | other for other in matches or [nothing]]
            case _:
                found += [row | other for other in matches]
    return found if join.kind in ("semi", "anti") or not join.rows_per_unit else found[: join.rows_per_unit]


def matching(on, row, other):
    for one, two in on:
        first, second = evaluate(one, row), evaluate(two, other)
        if first is None or second is None or first != second:
            return False
    return True


def aggregate_of(aggregate, rows):
    if aggregate.operand is None:
        return len(rows)
    values = [value for row in rows if (value := evaluate(aggregate.operand, row)) is not None]
    match aggregate.function:
        case "count":
            return len(values)
        case "count_distinct":
            return len(set(values))
        case "sum" if all(isinstance(value, int) for value in values):
            return sum(values) if values and abs(sum(values)) <= 2**62 else None
        case "sum":
            return number(added(values)) if values else None
        case "avg":
            return number(added(values) / len(values)) if values else None
        case "min" | "max" if values:
            return min(values) if aggregate.function == "min" else max(values)
        case "first" if values:
            return values[0]
    return None


def added(values):
    total = 0.0
    for value in values:
        total += float(value)
    return total


def number(value):
    return None if isnan(value) else LARGEST if value == inf else -LARGEST if value == -inf else value


def window_rows(window, rows):
    parts = {}
    for place, row in enumerate(rows):
        parts.setdefault(tuple(evaluate(item, row) for item in window.partition), []).append(place)
    values = [None] * len(rows)
    for places in parts.values():
        ordered = sorted(places, key=cmp_to_key(lambda one, two: compared(window.order, rows[one], rows[two])))
        for at, place in enumerate(ordered):
            values[place] = window_value(window, rows, ordered, at)
    return [row | {window.name: value} for row, value in zip(rows, values, strict=True)]


def compared(orders, one, two):
    """-1, 0 or 1: which row comes first; sorting is stable."""
    for item in orders:
        first, second = evaluate(item.operand, one), evaluate(item.operand, two)
        if first is None or second is None:
            if (first is None) != (second is None):
                return -1 if (first is None) == item.nulls_first else 1
        elif first != second:
            return -1 if (first < second) != item.descending else 1
    return 0


def window_value(window, rows, ordered, at):
    here = rows[ordered[at]]
    peers = [place for place in ordered if compared(window.order, rows[place], here) == 0]
    first, last = ordered.index(peers[0]), ordered.index(peers[-1])
    match window.function:
        case "row_number":
            return at + 1
        case "rank":
            return first + 1
        case "dense_rank":
            return 1 + sum(compared(window.order, rows[a], rows[b]) != 0 for a, b in pairwise(ordered[: at + 1]))
        case "first_value":
            return evaluate(window.operand, rows[ordered[0]])
        case "last_value":
            return evaluate(window.operand, rows[ordered[last]])
        case "lag" | "lead":
            there = at + (window.offset if window.function == "lead" else -window.offset)
            return evaluate(window.operand, rows[ordered[there]]) if 0 <= there < len(ordered) else None
    frame = [rows[place] for place in ordered[: last + 1]]
    return aggregate_of(UnitAggregate(window.function, window.operand, window.type), frame)
