"""The values of a tensor that came as numbers or strings instead of bytes."""

import array
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge.tensors.tensor import BYTES, packed
from runtime.errors import RequestInvalid

__all__ = ["FIELDS", "data_of"]

FIELDS: Final[Mapping[str, str]] = {
    "BOOL": "bool_contents",
    "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}  # fmt: skip
"""Which field of the protocol has a datatype's values; FP16 has none."""
_CODES: Final[Mapping[str, str]] = {
    "BOOL": "B", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "UINT8": "B",
    "UINT16": "H", "UINT32": "I", "UINT64": "Q", "FP32": "f", "FP64": "d",
}  # fmt: skip


def data_of(datatype: str, contents: Mapping[str, Sequence[Any]], *, name: str) -> bytes:
    """Return a tensor's values as they travel on.

    Args:
        datatype: Of the tensor.
        contents: The fields that hold any values.
        name: What an error calls it.

    Raises:
        RequestInvalid: The datatype is unknown or has no such values, they stand in another
            field, or one is outside of what the datatype holds.
    """
    field = FIELDS.get(datatype)
    if field is None:
        raise RequestInvalid(f"{name}: values of this datatype come as raw contents only")
    if contents.keys() - {field}:
        raise RequestInvalid(f"{name}: values of {datatype} belong into {field} alone")
    values = contents.get(field, ())
    if datatype == BYTES:
        return packed(list(values))
    try:
        numbers = array.array(_CODES[datatype], values)
    except OverflowError:
        raise RequestInvalid(f"{name}: a value is outside of what {datatype} holds") from None
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
