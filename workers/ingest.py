"""Loading: the steward's plaintext files become one new version of encrypted buckets, or nothing.

Everything is written into a hidden folder beside the versions, synced, and renamed at the very end. What a crash leaves
is taken up by the next load of the same files, and removed by any other. Plaintext never reaches the store's disk.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.terms.configured_source import split_name
from sandbox.terms.dataset import Dataset, Version
from sandbox.terms.order import LoadMode, LoadOrder
from workers import durable
from workers.bucket_write import BucketWriter
from workers.courier_source import CourierLine, CourierSource
from workers.grow import check_limits, segments_before, with_segments
from workers.keyring import DataKeys
from workers.layout import check_buckets
from workers.links import in_link_order
from workers.load_journal import Journal, begun, resumed
from workers.manifest import SEGMENTS_MAX, Manifest, OpenVersion, open_version, version_folder, write_manifest
from workers.schema import TableLimits, schema_digest
from workers.sealed_parquet import ROW_GROUP
from workers.source import FileSource, Source
from workers.table_load import Progress, TableLoader
from workers.unusable import Place

FORMAT = "sandbox/load/v1"
_LOADING, _REPLACED = ".loading-", ".replaced-"


def load_version(
    order: LoadOrder, *, inbox: Path, store: Path, keys: DataKeys, progress: Progress, courier: Path | None = None
) -> Version:
    """Load what the order says. `progress` is told of tables and buckets, never of rows. `courier` is the socket of the
    process that brings rows of configured sources, where there is one.

    Raises:
        FileNotUsable: the steward's files are not as described; nothing was stored.
        DescriptionInvalid, ValueError: the order itself is wrong.
    """
    from sandbox.terms.description import parse_description

    dataset = parse_description(order.description, registered=True)
    if dataset.name != order.dataset:
        raise ValueError("the order and its description name different datasets")
    base = None
    if order.base is not None:
        if order.base.dataset != order.dataset:
            raise ValueError("the order and its base name different datasets")
        base = open_version(store, order.dataset, order.base.version, order.base.manifest, keys)
    return load_dataset(
        dataset,
        order.version,
        order.space_buckets,
        order.files,
        inbox=inbox,
        store=store,
        keys=keys,
        progress=progress,
        courier=courier,
        mode=order.mode,
        base=base,
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
    courier: Path | None = None,
    mode: LoadMode = LoadMode.WHOLE,
    base: OpenVersion | None = None,
) -> Version:
    """`load_version` of an order that is taken apart."""
    check_buckets(buckets)
    if number < 1:
        raise ValueError("versions count from 1")
    _check_files(dataset, files, mode)
    kek = keys.create_kek(dataset.name)
    if not dataset.public:
        keys.create_space_key(dataset.unit_space)
    engine = keys.create_signer().verifier.text
    target = version_folder(store, dataset.name, number)
    durable.make_folder(target.parent)
    blank = Manifest(dataset.name, number, dataset.unit_space, buckets, schema_digest(dataset), (), engine)
    before = segments_before(blank, mode, base)
    with ExitStack() as opened:
        line = CourierLine(courier, dataset.name, opened)
        sources = {table: _source(file, inbox, line) for table, file in files.items()}
        load = _identity(blank, dataset, sources, mode, base)
        journal = opened.enter_context(_journal(target.parent, kek, load))
        try:
            named = [record["name"] for record in journal.records if record["kind"] == "key"]
            if not named:
                named = [keys.create_segment_key(dataset.name, number)[0]]
                journal.append({"kind": "key", "table": "", "name": named[0]})
            kek = keys.segment_key(dataset.name, number, named[0])
            small = ROW_GROUP if base is None else ROW_GROUP // SEGMENTS_MAX
            writer = BucketWriter(blank, journal.folder, named[0], kek, mode is LoadMode.REPLACE_UNITS, small)
            loader = TableLoader(dataset, sources, writer, keys, journal, progress)
            through = {table.name: None if table.link is None else table.link.through for table in dataset.tables}
            order = [name for name in in_link_order(through) if name in files]
            manifest = replace(blank, tables=with_segments(before, [loader.load(name) for name in order]))
            if base is not None:
                check_limits(OpenVersion(manifest, store, keys, "", journal.folder), dataset, files)
            digest = write_manifest(manifest, journal.folder, keys)
            loader.finish()
            journal.remove()
            _publish(journal.folder, target)
        except BaseException:
            durable.remove_tree(journal.folder)
            raise
    return Version(dataset.name, number, digest)


def _source(name: str, inbox: Path, line: CourierLine) -> Source:
    """What a steward's name for a table's rows means: a file of the inbox, or something in a configured source."""
    found = split_name(name)
    return FileSource(inbox, name) if found is None else CourierSource(line, name, *found)


def _identity(
    blank: Manifest, dataset: Dataset, sources: Mapping[str, Source], mode: LoadMode, base: OpenVersion | None
) -> dict[str, Any] | None:
    """What a load is the same by; None where a source cannot say what it holds."""
    found = {table: source.identity() for table, source in sources.items()}
    if any(identity is None for identity in found.values()):
        return None
    limits = {table.name: TableLimits.of(table).to_json() for table in dataset.tables}
    return {
        "format": FORMAT,
        "manifest": blank.to_json(),
        "limits": limits,
        "sources": found,
        "mode": mode.value,
        "base": None if base is None else base.digest,
    }


@contextmanager
def _journal(folder: Path, kek: bytes, load: dict[str, Any] | None) -> Iterator[Journal]:
    """The journal of a load like this one that was cut short, or of a new one; other leftovers go."""
    with ExitStack() as opened:
        found = None
        for leftover in sorted(folder.glob(f"{_LOADING}*")):
            journal = None
            if load is not None and found is None and leftover.is_dir() and not leftover.is_symlink():
                journal = opened.enter_context(resumed(leftover, kek, load))
            if journal is None:
                durable.remove_tree(leftover)
            found = found or journal
        for leftover in folder.glob(f"{_REPLACED}*"):
            durable.remove_tree(leftover)
        if found is None:
            fresh = folder / f"{_LOADING}{secrets.token_hex(8)}"
            durable.make_folder(fresh)
            found = opened.enter_context(begun(fresh, kek, load))
        yield found


def _check_files(dataset: Dataset, files: Mapping[str, str], mode: LoadMode) -> None:
    for table in dataset.tables:
        if table.name not in files and mode is LoadMode.WHOLE:
            raise Place(f"table {table.name}").refusal("one file for every table of the description")
        if table.link is not None and table.name in files and table.link.through not in files:
            raise Place(f"table {table.name}").refusal(
                f"a file of {table.link.through} too, through which units are found"
            )
    if not files or not set(files) <= {table.name for table in dataset.tables}:
        raise Place("the files").refusal("files for tables of the description, and no others")


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
