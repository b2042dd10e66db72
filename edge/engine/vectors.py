"""Vectors as the child sends them: checked, for it has run native code on a file from outside."""

import array
import base64
import binascii
import math
import sys

from edge.engine.frames import Embedded
from runtime.errors import EngineCrashed

__all__ = ["vectors_of"]


def vectors_of(embedded: Embedded, *, texts: int) -> list[list[float]]:
    """Return the vectors of a frame.

    Args:
        embedded: As received.
        texts: How many were asked for.

    Raises:
        EngineCrashed: They are not that many finite vectors of one size.
    """
    try:
        vectors = [_vector(encoded) for encoded in embedded.vectors]
    except (binascii.Error, ValueError):
        raise EngineCrashed("the model's process sent vectors that do not parse") from None
    if len(vectors) != texts or len({len(vector) for vector in vectors}) != 1:
        raise EngineCrashed("the model's process sent vectors of other number or size")
    if not all(math.isfinite(value) for vector in vectors for value in vector):
        raise EngineCrashed("the model's vectors are not finite")
    return vectors


def _vector(encoded: str) -> list[float]:
    values = array.array("f", base64.b64decode(encoded, validate=True))
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()
