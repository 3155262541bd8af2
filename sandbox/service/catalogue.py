"""What there is, for those who may know: the datasets in a person's sight, and the public catalogue (登记) that grants
are requested from. The catalogue says what was registered, never what was loaded, granted or asked.
"""

from typing import Any

from policies.roles import Action
from sandbox.service.access import datasets_of, own_standings, require
from sandbox.service.amounts import number_text
from sandbox.service.catalogue_views import OfferSummary, OfferView
from sandbox.service.enclave import Enclave
from sandbox.service.views import DatasetSummary, DatasetView
from sandbox.terms.dataset import Column, ColumnRole, Dataset, Table, Type, UnitLink
from sandbox.terms.loss import decimal_text
from sandbox.terms.moments import date_text, timestamp_text
from sandbox.terms.people import Person
from sandbox.terms.refusal import Fault, NotFound


def visible(enclave: Enclave, actor: Person) -> list[DatasetSummary]:
    """The datasets that the actor may know of, by name."""
    require(enclave, actor, Action.LIST_DATASETS)
    found = datasets_of(enclave, actor, own_standings(enclave, actor))
    return [_summary(enclave, dataset) for dataset in sorted(found, key=lambda dataset: dataset.name)]


def view(enclave: Enclave, actor: Person, name: str) -> DatasetView:
    """One dataset's description. Raises NotFound for unknown and not visible alike."""
    require(enclave, actor, Action.VIEW_DATASET)
    for dataset in datasets_of(enclave, actor, own_standings(enclave, actor)):
        if dataset.name == name:
            return dataset_view(enclave, dataset)
    raise NotFound


def offered(enclave: Enclave, actor: Person) -> list[OfferSummary]:
    """Every registered dataset, by name: what grants can be requested for."""
    require(enclave, actor, Action.LIST_DATASETS)
    return [OfferSummary(dataset) for dataset in sorted(enclave.ledger.datasets(), key=lambda dataset: dataset.name)]


def offer(enclave: Enclave, actor: Person, name: str) -> OfferView:
    """One registered dataset's public description, without its withheld columns. Raises NotFound."""
    require(enclave, actor, Action.VIEW_DATASET)
    found = enclave.ledger.dataset(name)
    if found is None:
        raise NotFound("The catalogue has no such dataset.")
    dataset = found[0]
    tables = tuple(_table(table, withheld=False) for table in dataset.tables)
    return OfferView(OfferSummary(dataset), tables, _space(enclave, dataset), decimal_text(dataset.epsilon))


def dataset_view(enclave: Enclave, dataset: Dataset) -> DatasetView:
    """The view of a registered dataset."""
    version = enclave.ledger.version(dataset.name)
    return DatasetView(
        summary=_summary(enclave, dataset),
        tables=tuple(_table(table) for table in dataset.tables),
        version=version.number if version is not None else None,
        space=_space(enclave, dataset),
        epsilon=decimal_text(dataset.epsilon),
    )


def _space(enclave: Enclave, dataset: Dataset) -> dict[str, str] | None:
    """The unit space; None for a public dataset."""
    if dataset.public:
        return None
    space = enclave.ledger.space(dataset.unit_space)
    if space is None:
        raise Fault
    return {
        "name": space.name,
        "mode": space.mode.value,
        "epsilon": decimal_text(space.epsilon),
        "delta": decimal_text(space.delta),
    }


def _summary(enclave: Enclave, dataset: Dataset) -> DatasetSummary:
    return DatasetSummary(
        name=dataset.name,
        title=dataset.title,
        grade=dataset.grade.value,
        steward=dataset.steward,
        unit_space=dataset.unit_space,
        loaded=enclave.ledger.version(dataset.name) is not None,
    )


def _table(table: Table, *, withheld: bool = True) -> dict[str, Any]:
    return {
        "name": table.name,
        "unit": table.unit,
        "link": None if table.link is None else _link(table.link),
        "key": list(table.key),
        "rows_max": table.rows_max,
        "max_rows_per_unit": table.max_rows_per_unit,
        "max_groups_per_unit": table.max_groups_per_unit,
        "columns": [_column(column) for column in table.columns if withheld or column.role is not ColumnRole.WITHHELD],
    }


def _link(link: UnitLink) -> dict[str, str]:
    return {"through": link.through, "column": link.column, "key": link.key}


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type.value,
        "role": column.role.value,
        "keys": list(column.keys) if column.keys is not None else None,
        "bounds": _bounds(column),
        "granularity": number_text(column.granularity) if column.granularity is not None else None,
        "max_length": column.max_length,
        "distinct_max": column.distinct_max,
        "grade": None if column.grade is None else column.grade.value,
    }


def _bounds(column: Column) -> list[str] | None:
    """Both bounds as text: decimals for numbers, ISO 8601 for dates and times."""
    if column.low is None or column.high is None:
        return None
    match column.type:
        case Type.DATE:
            return [date_text(int(column.low)), date_text(int(column.high))]
        case Type.TIMESTAMP:
            return [timestamp_text(int(column.low)), timestamp_text(int(column.high))]
        case _:
            return [number_text(column.low), number_text(column.high)]
