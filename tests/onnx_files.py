"""Write small ONNX files by hand: graphs for tests, without a package that writes graphs.

An ONNX file is one protobuf message; the numbers below are those of ``onnx.proto3``.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["TYPES", "Graph", "Node", "ValueType", "write_onnx"]

TYPES: Final = {
    "FP32": 1, "UINT8": 2, "INT8": 3, "UINT16": 4, "INT16": 5, "INT32": 6, "INT64": 7,
    "BYTES": 8, "BOOL": 9, "FP16": 10, "FP64": 11, "UINT32": 12, "UINT64": 13, "BF16": 16,
}  # fmt: skip
_VARINT, _BYTES, _FIXED32 = 0, 2, 5
_NUMPY: Final = {np.dtype(np.float32): 1, np.dtype(np.int64): 7, np.dtype(np.bool_): 9}
_OPSET: Final = 21
_IR_VERSION: Final = 10

Attribute = int | float | str | Sequence[int] | npt.NDArray[Any]


@dataclass(frozen=True)
class Node:
    """One operator."""

    operator: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: dict[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True)
class ValueType:
    """One input or output of a graph; a text is a size that is free."""

    name: str
    datatype: str
    shape: Sequence[int | str]


@dataclass(frozen=True)
class Graph:
    """A graph."""

    nodes: Sequence[Node]
    inputs: Sequence[ValueType]
    outputs: Sequence[ValueType]
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


def write_onnx(path: Path, graph: Graph) -> Path:
    """Write a graph to a file and return it."""
    body = b"".join(_message(1, _node(node)) for node in graph.nodes)
    body += _message(2, b"test")
    body += b"".join(_message(5, _tensor(array, name)) for name, array in graph.constants.items())
    body += b"".join(_message(11, _value(one)) for one in graph.inputs)
    body += b"".join(_message(12, _value(one)) for one in graph.outputs)
    model = _number(1, _IR_VERSION) + _message(7, body) + _message(8, _number(2, _OPSET))
    for key, value in graph.metadata.items():
        model += _message(14, _message(1, key.encode()) + _message(2, value.encode()))
    path.write_bytes(model)
    return path


def _node(node: Node) -> bytes:
    parts = [_message(1, name.encode()) for name in node.inputs]
    parts += [_message(2, name.encode()) for name in node.outputs]
    parts.append(_message(4, node.operator.encode()))
    parts += [_message(5, _attribute(name, value)) for name, value in node.attributes.items()]
    return b"".join(parts)


def _attribute(name: str, value: Attribute) -> bytes:
    head = _message(1, name.encode())
    match value:
        case int():
            return head + _number(3, value) + _number(20, 2)
        case float():
            return head + _key(2, _FIXED32) + struct.pack("<f", value) + _number(20, 1)
        case str():
            return head + _message(4, value.encode()) + _number(20, 3)
        case np.ndarray():
            return head + _message(5, _tensor(value, "")) + _number(20, 4)
        case _:
            return head + b"".join(_number(8, one) for one in value) + _number(20, 7)


def _tensor(array: npt.NDArray[Any], name: str) -> bytes:
    dims = b"".join(_number(1, size) for size in array.shape)
    return (
        dims + _number(2, _NUMPY[array.dtype]) + _message(8, name.encode())
        + _message(9, np.ascontiguousarray(array).tobytes())
    )  # fmt: skip


def _value(value: ValueType) -> bytes:
    sizes = b"".join(
        _message(1, _number(1, size) if isinstance(size, int) else _message(2, size.encode()))
        for size in value.shape
    )
    tensor = _number(1, TYPES[value.datatype]) + _message(2, sizes)
    return _message(1, value.name.encode()) + _message(2, _message(1, tensor))


def _message(number: int, body: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(body)) + body


def _number(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _varint(value % (1 << 64))


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
