"""What measuring keeps for counted rows beside what it reads: bytes at most, from the plan and its declared sizes alone.

Declared groups cost what they cost whatever the rows are. These grow with the rows: private groups, leaves of trees that
have rows, and distinct values. There is at most one of each for a counted row, no more leaves than groups have, and no
more private groups than the declared numbers of different values make.
"""

from sandbox.plan.measurement import Measurement
from sandbox.plan.primitives import CountDistinct, TreeCounts
from sandbox.terms.dataset import Type

TABLE_BYTES = 168
"""One entry of a hash table of words (`workers.word_table`): 24 for the words, at most twice as many as are there, four
places of 8 bytes for each of those, and half as much again while it grows."""

SET_BYTES = 640
"""One pair of a set of distinct values, or one leaf with rows: its entry and its last unit or count (32), sorted copies of
24 bytes as it is settled, merged with those of other buckets, packed and sealed."""

GROUP_BYTES = 768
"""One private group: counted rows, units, stamps (64), its key's bytes as objects in two lists and a map, its line in
copies as tallies are merged, packed and sealed."""

GROUP_SUM_BYTES = 96
"""One integer of a private group: 8 bytes, at most twice as many as are there, copied as they grow, merge and travel."""

KEY_BYTES = 64
"""One key of a private group that is a number: its bytes as an object, and joined."""

TEXT_COPIES = 8
"""Copies of a private text's bytes: the dictionary, the texts kept, joined, as keys, merged, packed and sealed."""

_UTF8_BYTES = 4


def counted_bytes(measurement: Measurement) -> int:
    """Bytes that one worker holds at most for the counted rows of a measurement; those of a plan's measurements add up."""
    rows = measurement.rows_max
    total = measurement.groups * _group_bytes(measurement) if measurement.selected else 0
    for primitive in measurement.primitives:
        if isinstance(primitive, CountDistinct):
            total += rows * SET_BYTES
        elif isinstance(primitive, TreeCounts):
            total += min(rows, measurement.groups * primitive.leaves) * SET_BYTES
    return total


def _group_bytes(measurement: Measurement) -> int:
    each = GROUP_BYTES + GROUP_SUM_BYTES * len(measurement.primitives)
    for key in measurement.keys:
        each += TABLE_BYTES + KEY_BYTES
        if key.values is None and key.type is Type.STRING:
            each += TABLE_BYTES + TEXT_COPIES * _UTF8_BYTES * key.max_length
    return each
