"""Loading: the steward's plaintext files become one new version of encrypted buckets, or nothing.

Everything is written into a hidden folder beside the versions, synced, and renamed at the very end; what a crash leaves
is removed by the next load. Plaintext never reaches the store's disk.
"""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.proof.sealing import derive
from sandbox.terms.dataset import Dataset, Table, Type, Version
from sandbox.terms.order import LoadOrder
from workers import durable
from workers.conform import conform
from workers.identifiers import identifiers
from workers.keyring import DataKeys
from workers.layout import arrange, check_buckets, dictionary_columns
from workers.manifest import (
    ROWS,
    UNITS,
    Manifest,
    ManifestFile,
    ManifestTable,
    file_name,
    version_folder,
    wrap,
    write_manifest,
)
from workers.row_order import row_order
from workers.schema import TableLimits, schema_digest, stored_columns, value_columns
from workers.sealed_parquet import DEK_BYTES, write_sealed
from workers.source import read_batches
from workers.tokens import units_of
from workers.unusable import Place

Progress = Callable[[str, int, int], None]

_LOADING, _REPLACED = ".loading-", ".replaced-"


def load_version(order: LoadOrder, *, inbox: Path, store: Path, keys: DataKeys, progress: Progress) -> Version:
    """Load what the order says. `progress` is told of tables and buckets, never of rows.

    Raises:
        FileNotUsable: the steward's files are not as described; nothing was stored.
        DescriptionInvalid, ValueError: the order itself is wrong.
    """
    from sandbox.terms.description import parse_description

    dataset = parse_description(order.description)
    if dataset.name != order.dataset:
        raise ValueError("the order and its description name different datasets")
    return load_dataset(
        dataset, order.version, order.space_buckets, order.files, inbox=inbox, store=store, keys=keys, progress=progress
    )


def load_dataset(
    dataset: Dataset,
    number: int,
    buckets: int,
    files: Mapping[str, str],
    *,
    inbox: Path,
    store: Path,
    keys: DataKeys,
    progress: Progress,
) -> Version:
    """`load_version` of an order that is taken apart."""
    check_buckets(buckets)
    if number < 1:
        raise ValueError("versions count from 1")
    _check_files(dataset, files)
    clean(store)
    keys.create_kek(dataset.name)
    keys.create_space_key(dataset.unit_space)
    engine = keys.create_signer().verifier.text
    target = version_folder(store, dataset.name, number)
    durable.make_folder(target.parent)
    loading = target.with_name(_LOADING + secrets.token_hex(8))
    durable.make_folder(loading)
    try:
        blank = Manifest(dataset.name, number, dataset.unit_space, buckets, schema_digest(dataset), (), engine)
        tables = tuple(
            _load_table(table, blank, inbox, files[table.name], loading, keys, progress)
            for table in sorted(dataset.tables, key=lambda table: table.name)
        )
        manifest = Manifest(dataset.name, number, dataset.unit_space, buckets, blank.schema, tables, engine)
        digest = write_manifest(manifest, loading, keys)
        durable.sync_folder(loading)
        _publish(loading, target)
    except BaseException:
        durable.remove_tree(loading)
        raise
    return Version(dataset.name, number, digest)


def clean(store: Path) -> None:
    """Remove what loads that were cut short left in the store."""
    for folder in store.iterdir():
        if folder.is_dir() and not folder.is_symlink():
            for leftover in [*folder.glob(f"{_LOADING}*"), *folder.glob(f"{_REPLACED}*")]:
                durable.remove_tree(leftover)


def _check_files(dataset: Dataset, files: Mapping[str, str]) -> None:
    for table in dataset.tables:
        if table.name not in files:
            raise Place(f"table {table.name}").refusal("one file for every table of the description")
    if len(files) != len(dataset.tables):
        raise Place("the files").refusal("no file for a table that the description does not have")


def _load_table(
    table: Table, manifest: Manifest, inbox: Path, file: str, folder: Path, keys: DataKeys, progress: Progress
) -> ManifestTable:
    progress(f"reading {table.name}", 0, 1)
    described = value_columns(table)
    wanted = {column.name: column.type for column in described}
    unit = table.column(table.unit)
    unit_type = Type.STRING if unit is None else unit.type
    batches, rows = [], [1]
    for batch in read_batches(inbox, file, {table.unit: unit_type, **wanted}, table.rows_max):
        batches.append(batch)
        rows.append(rows[-1] + batch.num_rows)

    def places(name: str) -> list[Place]:
        return [Place(file, name, row) for row in rows[:-1]]

    space_key = keys.space_key(manifest.unit_space)
    named = identifiers([batch.column(table.unit) for batch in batches], unit_type, places(table.unit))
    units = units_of(named, space_key)
    columns = [
        conform([batch.column(column.name) for batch in batches], column, places(column.name)) for column in described
    ]
    del batches, named
    stored = stored_columns(table)
    order_key = derive(space_key, f"sandbox/row-order/v1|{manifest.dataset}|{table.name}")
    order = row_order(units, stored, columns, order_key)
    progress(f"reading {table.name}", 1, 1)
    kek = keys.kek(manifest.dataset)
    entries: list[ManifestFile] = []
    for bucket, arranged in enumerate(arrange(units, stored, columns, order, manifest.buckets)):
        for kind, content, coded in (
            (ROWS, arranged.rows, dictionary_columns(stored)),
            (UNITS, arranged.units, []),
        ):
            identity, dek = secrets.token_hex(16), secrets.token_bytes(DEK_BYTES)
            aad = manifest.aad(table.name, bucket, kind, identity)
            path = folder / file_name(table.name, bucket, kind)
            footer = write_sealed(path, dek, aad.encode(), content, coded)
            entries.append(ManifestFile(bucket, kind, identity, wrap(kek, dek, aad), footer))
        progress(f"writing {table.name}", bucket + 1, manifest.buckets)
    return ManifestTable(table.name, stored, tuple(entries), TableLimits.of(table))


def _publish(loading: Path, target: Path) -> None:
    """Give the folder its name. What stands there was never recorded, or the number would have been given on."""
    if target.exists() or target.is_symlink():
        replaced = target.with_name(_REPLACED + secrets.token_hex(8))
        target.rename(replaced)
        loading.rename(target)
        durable.sync_folder(target.parent)
        durable.remove_tree(replaced)
    else:
        loading.rename(target)
        durable.sync_folder(target.parent)
