"""Which of a file's columns are the described ones."""

from collections.abc import Mapping, Sequence

from sandbox.terms.dataset import Type
from workers.unusable import Place

COLUMNS_LIMIT = 4096


def match_columns(names: Sequence[str], wanted: Mapping[str, Type], place: Place) -> dict[str, int]:
    """The position in the file of each wanted column; names match without regard to case.

    Raises:
        FileNotUsable: a wanted column is missing or there twice, or the file has more columns than anyone reads.
    """
    if len(names) > COLUMNS_LIMIT:
        raise place.refusal(f"at most {COLUMNS_LIMIT} columns")
    found: dict[str, int] = {}
    for position, name in enumerate(names):
        folded = name.strip().lower()
        if folded not in wanted:
            continue
        if folded in found:
            raise Place(place.file, folded).refusal("a column of this name only once")
        found[folded] = position
    for name in wanted:
        if name not in found:
            raise Place(place.file, name).refusal("a column of this name, which the description declares")
    return {name: found[name] for name in wanted}
