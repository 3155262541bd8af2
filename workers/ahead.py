"""Working ahead: the next piece is made while the last one is used."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

_END = object()


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items in the same order; one of them is in the making, on another thread, while the caller has the last."""
    with ThreadPoolExecutor(1, "ahead") as maker:
        coming = maker.submit(next, items, _END)
        while True:
            item = coming.result()
            if item is _END:
                return
            coming = maker.submit(next, items, _END)
            yield item  # type: ignore[misc]
