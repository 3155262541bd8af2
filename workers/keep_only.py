"""Erasing: of a dataset, whatever no kept version consists of. Keys go first: then the rest is noise already.

A segment stays while a kept version lists it, whichever version's load wrote it. What killed loads left goes too, with what
they spilled. A kill at any place leaves the kept versions whole, and the same call again does the rest.
"""

from collections.abc import Sequence
from pathlib import Path

from workers import durable
from workers.keyring import DataKeys
from workers.manifest import OpenVersion, manifest_names


def keep_only(store: Path, keys: DataKeys, dataset: str, versions: Sequence[OpenVersion]) -> None:
    """Erase all keys and files of `dataset` but those of these versions of it.

    Raises:
        ValueError: a version of another dataset.
    """
    listed: set[tuple[int, str]] = set()
    names: dict[str, set[str]] = {}
    for version in versions:
        manifest = version.manifest
        if manifest.dataset != dataset:
            raise ValueError("a version of another dataset")
        names.setdefault(str(manifest.version), set()).update(manifest_names(version.digest))
        for table, segment in manifest.segments:
            listed.add((segment.version, segment.key))
            names.setdefault(str(segment.version), set()).update(file.name(table) for file in segment.files)
    for place in sorted(keys.segment_keys(dataset) - listed):
        keys.erase_segment_key(dataset, *place)
    folder = store / dataset
    if not folder.is_dir() or folder.is_symlink():
        return
    for found in sorted(folder.iterdir()):
        if found.name not in names or found.is_symlink() or not found.is_dir():
            durable.remove_tree(found)
            continue
        for file in sorted(found.iterdir()):
            if file.name not in names[found.name]:
                durable.remove_tree(file)
        durable.sync_folder(found)
    durable.sync_folder(folder)
