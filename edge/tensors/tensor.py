"""Tensors as the daemon and a child process know them: datatypes of the Open Inference Protocol.

Values travel as bytes, row by row, least significant byte first; a BYTES value has four bytes of
length before it. Plain data; no model and no transport.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Final

__all__ = [
    "BYTES",
    "MAX_TENSOR_BYTES",
    "WIDTHS",
    "Tensor",
    "TensorFacts",
    "elements_of",
    "packed",
]

MAX_TENSOR_BYTES: Final = 8 << 20
"""Of all tensors of a call, and of all of an answer."""
BYTES: Final = "BYTES"
WIDTHS: Final = {
    "BOOL": 1, "INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8, "UINT8": 1, "UINT16": 2,
    "UINT32": 4, "UINT64": 8, "FP16": 2, "FP32": 4, "FP64": 8,
}  # fmt: skip
"""Bytes of one value; those of BYTES differ."""
_LENGTH_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """What a model takes or gives."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    """-1 where any size is taken."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """The values of one input or output."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes

    @property
    def count(self) -> int:
        """How many values its shape has."""
        return prod(self.shape)


def packed(values: list[bytes]) -> bytes:
    """Return BYTES values as they travel."""
    return b"".join(len(one).to_bytes(_LENGTH_BYTES, "little") + one for one in values)


def elements_of(data: bytes) -> Iterator[bytes]:
    """Yield the values of BYTES data.

    Raises:
        ValueError: The lengths in it do not fit it.
    """
    at = 0
    while at < len(data):
        end = at + _LENGTH_BYTES
        length = int.from_bytes(data[at:end], "little")
        if end + length > len(data):
            raise ValueError("a length points beyond the data")
        yield data[end : end + length]
        at = end + length
