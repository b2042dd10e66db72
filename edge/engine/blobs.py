"""Large values behind a frame's JSON, as they are: encoding them would hold the daemon up.

Such a body begins with a zero byte, which no JSON does; then the length of the JSON and the
number of values, each value's length, the JSON, and the values one after another.
"""

import struct
from collections.abc import Sequence
from typing import Final

__all__ = ["joined", "split"]

_MARK: Final = 0
_HEAD: Final = struct.Struct(">BIH")


def joined(text: bytes, values: Sequence[bytes]) -> bytes:
    """Return a body of a JSON text and values behind it."""
    head = _HEAD.pack(_MARK, len(text), len(values))
    lengths = struct.pack(f">{len(values)}I", *map(len, values))
    return b"".join((head, lengths, text, *values))


def split(body: bytes) -> tuple[bytes, list[bytes]]:
    """Return the JSON text of a body, and the values behind it; other bodies are JSON alone.

    Raises:
        ValueError: Its lengths do not fit it.
    """
    if body[:1] != bytes([_MARK]):
        return body, []
    try:
        _, text_bytes, count = _HEAD.unpack_from(body)
        lengths = struct.unpack_from(f">{count}I", body, _HEAD.size)
    except struct.error:
        raise ValueError("it ends within its head") from None
    at = _HEAD.size + 4 * count
    if at + text_bytes + sum(lengths) != len(body):
        raise ValueError("its lengths do not fit it")
    text, at = body[at : at + text_bytes], at + text_bytes
    values = []
    for length in lengths:
        values.append(body[at : at + length])
        at += length
    return text, values
