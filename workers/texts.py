"""Strings while they are read: dictionary-encoded, NFC, none longer than a cell may be."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from workers.unusable import Place

CELL_BYTES_LIMIT = 1 << 20
_EMPTY = pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), pa.array([], pa.string()))


def normal_text(array: pa.Array, place: Place) -> pa.DictionaryArray:
    """The strings of a batch: int32 indices (NULL where the cell is NULL) into distinct NFC strings.

    Raises:
        FileNotUsable: the values are not text, not UTF-8, or one is longer than CELL_BYTES_LIMIT bytes.
    """
    if pa.types.is_null(array.type):
        array = pc.cast(array, pa.string())
    if not pa.types.is_dictionary(array.type):
        if not _is_text(array.type):
            raise place.whole.refusal("text")
        array = array.dictionary_encode()
    if not _is_text(array.type.value_type):
        raise place.whole.refusal("text")
    try:
        array.dictionary.validate(full=True)  # Parquet may call any bytes a string
        dictionary = pc.cast(array.dictionary, pa.string())
    except pa.ArrowInvalid:
        raise place.whole.refusal("UTF-8 text") from None
    if (pc.max(pc.binary_length(dictionary)).as_py() or 0) > CELL_BYTES_LIMIT:
        raise place.whole.refusal(f"texts of at most {CELL_BYTES_LIMIT} bytes")
    # Two spellings may become one string, and a writer may repeat dictionary entries: encode them anew.
    distinct = pc.utf8_normalize(dictionary, "NFC").dictionary_encode()
    indices = pc.take(distinct.indices, array.indices)
    return pa.DictionaryArray.from_arrays(pc.cast(indices, pa.int32()), distinct.dictionary)


def join_texts(pieces: Sequence[pa.DictionaryArray]) -> pa.DictionaryArray:
    """One array with one dictionary of distinct strings."""
    chunks = pa.chunked_array([_EMPTY, *pieces]).unify_dictionaries()
    joined = chunks.combine_chunks()
    return joined if isinstance(joined, pa.DictionaryArray) else joined.chunk(0)


def _is_text(type_: pa.DataType) -> bool:
    return pa.types.is_string(type_) or pa.types.is_large_string(type_)
