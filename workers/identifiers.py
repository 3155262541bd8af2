"""The identifiers of the units: one for every row, integers or NFC strings."""

import pyarrow as pa
import pyarrow.compute as pc

from sandbox.terms.dataset import Type
from workers.numbers import exact_identifiers
from workers.texts import normal_text
from workers.unusable import Place

_EXPECTED = "a unit identifier in every row"


def identifiers(piece: pa.Array, type_: Type, place: Place, *, required: bool = True) -> pa.Array:
    """The identifiers of a batch: integers, or strings with a dictionary. Text may be integers in the file, not the
    other way round.

    Raises:
        FileNotUsable: a row without one, where they are `required`, or values that cannot identify.
    """
    value_type = piece.type.value_type if pa.types.is_dictionary(piece.type) else piece.type
    if pa.types.is_string(value_type) or pa.types.is_large_string(value_type) or pa.types.is_string_view(value_type):
        if type_ is not Type.STRING:
            raise place.whole.refusal("integers")
        array = normal_text(piece, place)
        empty = pc.index(array.dictionary, "").as_py()
        missing = pc.or_(pc.is_null(array), pc.equal(array.indices.fill_null(-1), empty))
    else:
        array = _integers(piece, place)
        missing = pc.is_null(array)
    first = pc.index(missing, True).as_py() if required else -1
    if first >= 0:
        raise Place(place.file, place.column, (place.row or 1) + first).refusal(_EXPECTED)
    return array


def _integers(piece: pa.Array, place: Place) -> pa.Array:
    plain = piece.dictionary_decode() if pa.types.is_dictionary(piece.type) else piece
    if pa.types.is_floating(plain.type):
        return exact_identifiers(plain, place)
    if pa.types.is_uint64(plain.type):
        return plain
    if pa.types.is_integer(plain.type) or pa.types.is_null(plain.type):
        return pc.cast(plain, pa.int64())
    raise place.whole.refusal("text or integers, which identify a unit")
