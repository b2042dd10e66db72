"""A receipt as plain data, for JSON: labels as sorted lists, enumerations as their values."""

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from runtime.executor.events import Receipt
from runtime.labels import Label

__all__ = ["receipt_to_data"]


def receipt_to_data(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt as mappings, lists, text and numbers."""
    return {item.name: _plain(getattr(receipt, item.name)) for item in fields(receipt)}


def _plain(value: object) -> Any:
    if isinstance(value, Label):
        return list(value.names())
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value
