"""What a measurement becomes: a line of noisy integers for each group. No row and no exact sum is in it any more."""

from dataclasses import dataclass

from sandbox.terms.dataset import KeyValue


@dataclass(frozen=True, slots=True)
class NoisyTable:
    """One measurement after the noise.

    `lines` are the values of the group keys, one tuple a group: all products of public keys in their order (the last key
    turns fastest; one empty tuple where there are no keys), or the groups selected by their noisy number of units, in the
    order of their values (`sandbox.privacy.selection.line_order`). `vectors` hold for each primitive of the measurement,
    in its order, `width(primitive)` integers for each line, those of the first line first.
    """

    lines: tuple[tuple[KeyValue, ...], ...]
    vectors: tuple[tuple[int, ...], ...]
