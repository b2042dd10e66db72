"""Whether a file is a whole ONNX graph, judged by its outermost layer alone.

An ONNX file is one protobuf message. Walking its outermost fields, without their content, finds
what is cut, doubled or something else, and costs a few reads. What the graph computes is found
out by the process that loads it. Layout: https://onnx.ai/onnx/repo-docs/IR.html, ``ModelProto``.
"""

import mmap
from pathlib import Path
from typing import Final

from runtime.errors import ModelInvalid

__all__ = ["check_onnx_structure"]

_IR_VERSION: Final = 1
_GRAPH: Final = 7
_MOST_FIELDS: Final = 100_000
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


def check_onnx_structure(path: Path) -> None:
    """Refuse what is no whole ONNX file.

    Raises:
        ModelInvalid: It is missing, empty, cut, or another kind of file; one line.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            fields = _fields_of(data)
    except (OSError, ValueError):  # an empty file cannot be mapped
        raise ModelInvalid(f"{path}: is missing, empty or cannot be read") from None
    except _Broken as error:
        raise ModelInvalid(f"{path}: {error}") from None
    if not {_IR_VERSION, _GRAPH} <= fields:
        raise ModelInvalid(f"{path}: is no ONNX model, or was cut before its graph")


class _Broken(Exception):
    """The file contradicts itself; the text is the reason."""


def _fields_of(data: mmap.mmap) -> set[int]:
    """Return the numbers of the outermost fields."""
    found: set[int] = set()
    at = 0
    for _ in range(_MOST_FIELDS):
        if at == len(data):
            return found
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        found.add(number)
        at = _behind_value(data, at, kind)
        if at > len(data):
            raise _Broken("truncated: a part of the model runs behind the end of the file")
    raise _Broken("is no ONNX model: it has far too many parts")


def _behind_value(data: mmap.mmap, at: int, kind: int) -> int:
    if kind == _VARINT:
        return _varint(data, at)[1]
    if kind == _BYTES:
        length_bytes, at = _varint(data, at)
        return at + length_bytes
    if kind in (_FIXED_32, _FIXED_64):
        return at + (4 if kind == _FIXED_32 else 8)
    raise _Broken("is no ONNX model")


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """Return a number and where it ends."""
    value = 0
    for place in range(10):
        if at + place >= len(data):
            raise _Broken("truncated: it ends within a number")
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise _Broken("is no ONNX model")
