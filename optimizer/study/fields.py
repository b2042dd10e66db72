"""Fields of a journal's lines, read with the type that they must have.

Every function raises ``KeyError`` where the field is missing and ``TypeError`` where it is another.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["items", "number", "numbers", "text", "whole", "wholes"]


def text(data: Mapping[str, object], key: str) -> str:
    """Return a text."""
    value = data[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is not a text")
    return value


def whole(data: Mapping[str, object], key: str) -> int:
    """Return a whole number."""
    value = data[key]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{key} is not a whole number")
    return value


def number(data: Mapping[str, object], key: str) -> float:
    """Return a number."""
    value = data[key]
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{key} is not a number")
    return float(value)


def items(data: Mapping[str, object], key: str) -> list[object]:
    """Return a list of anything."""
    value = data[key]
    if not isinstance(value, list):
        raise TypeError(f"{key} is not a list")
    return value


def wholes(data: Mapping[str, object], key: str) -> tuple[int, ...]:
    """Return a list of whole numbers."""
    return tuple(whole({key: item}, key) for item in items(data, key))


def numbers(data: Mapping[str, object], key: str) -> tuple[float, ...]:
    """Return a list of numbers."""
    return tuple(number({key: item}, key) for item in items(data, key))
