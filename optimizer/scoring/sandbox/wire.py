"""Plain values as one line of JSON between processes that do not trust one another.

Knows numbers, texts, bytes and the built-in collections; never objects, never code. What comes in
is data whatever it says. Standard library only: this file runs inside the sandbox as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

__all__ = [
    "LONGEST_LINE",
    "CannotCross",
    "decode",
    "decode_json",
    "encode",
    "read_line",
    "to_line",
]

LONGEST_LINE: Final = 2**20
"""Bytes of one message."""
_DEEPEST: Final = 64
_LONGEST_NUMBER: Final = 4_000
"""Digits; beyond it Python itself refuses to read a number."""


class CannotCross(Exception):
    """A value is no plain data, or too large to be passed on."""


def encode(value: object, depth: int = 0) -> object:
    """Return a value as JSON can hold it, so that :func:`decode` gives it back.

    Raises:
        CannotCross: It holds something else than plain data.
    """
    if depth > _DEEPEST:
        raise CannotCross("nested too deep")
    if value is None:
        return None
    # Exact types: a subclass may behave otherwise, and another process would not know how.
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        raise CannotCross("not plain data")
    return encoder(value, depth + 1)


def decode(value: Any) -> Any:
    """Return what :func:`encode` was given.

    Raises:
        CannotCross: It is no such form.
    """
    try:
        return _decode(value)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise CannotCross("not in the agreed form") from None


def decode_json(value: Any) -> Any:
    """Return what :func:`encode` was given where JSON itself could hold it; tuples become lists.

    Never hashes what the sender chose but texts, so no choice of it can make this slow.

    Raises:
        CannotCross: It is anything else.
    """
    if isinstance(value, list):
        return [decode_json(one) for one in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"float": str(text)}:
            return float(text)
        case {"tuple": list(items)}:
            return [decode_json(one) for one in items]
        case {"dict": list(pairs)} if all(isinstance(key, str) for key, _ in pairs):
            return {key: decode_json(item) for key, item in pairs}
    raise CannotCross("nothing that JSON holds")


def to_line(message: object) -> bytes:
    """Return a message as one line.

    Raises:
        CannotCross: It is longer than a line may be.
    """
    try:
        line = json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    except (ValueError, RecursionError):
        raise CannotCross("not plain data") from None
    if len(line) > LONGEST_LINE:
        raise CannotCross("too large")
    return line


def read_line(line: bytes) -> dict[str, Any]:
    """Return a line's message.

    Raises:
        CannotCross: It is not one.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise CannotCross("not a message") from None
    if not isinstance(message, dict):
        raise CannotCross("not a message")
    return message


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(one) for one in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    return _DECODERS[kind](content)


def _whole(value: Any, _depth: int) -> object:
    if value.bit_length() > _LONGEST_NUMBER * 3:
        raise CannotCross("a number of too many digits")
    return value


def _items(value: Any, depth: int) -> list[object]:
    return [encode(one, depth) for one in value]


def _pairs(value: Any, depth: int) -> list[object]:
    return [[encode(key, depth), encode(one, depth)] for key, one in value.items()]


_ENCODERS: Final[MappingProxyType[type, Callable[[Any, int], object]]] = MappingProxyType(
    {
        bool: lambda value, _: value,
        int: _whole,
        str: lambda value, _: value,
        float: lambda value, _: {"float": repr(value)},
        complex: lambda value, _: {"complex": [repr(value.real), repr(value.imag)]},
        bytes: lambda value, _: {"bytes": value.hex()},
        list: _items,
        tuple: lambda value, depth: {"tuple": _items(value, depth)},
        set: lambda value, depth: {"set": sorted(_items(value, depth), key=json.dumps)},
        frozenset: lambda value, depth: {"frozenset": sorted(_items(value, depth), key=json.dumps)},
        dict: lambda value, depth: {"dict": _pairs(value, depth)},
    }
)
_DECODERS: Final[MappingProxyType[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "float": float,
        "complex": lambda parts: complex(float(parts[0]), float(parts[1])),
        "bytes": bytes.fromhex,
        "dict": lambda pairs: {_decode(key): _decode(value) for key, value in pairs},
        "set": lambda items: {_decode(one) for one in items},
        "frozenset": lambda items: frozenset(_decode(one) for one in items),
        "tuple": lambda items: tuple(_decode(one) for one in items),
    }
)
