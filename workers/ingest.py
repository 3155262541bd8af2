"""Loading: the steward's plaintext files become one new version of encrypted buckets, or nothing.

Everything is written into a hidden folder beside the versions, synced, and renamed at the very end; what a crash leaves
is removed by the next load. Plaintext never reaches the store's disk.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

from sandbox.terms.dataset import Dataset, Version
from sandbox.terms.order import LoadOrder
from workers import durable
from workers.keyring import DataKeys
from workers.layout import check_buckets
from workers.links import in_link_order
from workers.manifest import Manifest, version_folder, write_manifest
from workers.schema import schema_digest
from workers.table_load import Progress, TableLoader
from workers.unusable import Place

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
    if not dataset.public:
        keys.create_space_key(dataset.unit_space)
    engine = keys.create_signer().verifier.text
    target = version_folder(store, dataset.name, number)
    durable.make_folder(target.parent)
    loading = target.with_name(_LOADING + secrets.token_hex(8))
    durable.make_folder(loading)
    try:
        blank = Manifest(dataset.name, number, dataset.unit_space, buckets, schema_digest(dataset), (), engine)
        loader = TableLoader(dataset, blank, inbox, loading, keys, progress)
        through = {table.name: None if table.link is None else table.link.through for table in dataset.tables}
        loaded = {name: loader.load(name, files[name]) for name in in_link_order(through)}
        tables = tuple(loaded[name] for name in sorted(loaded))
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
