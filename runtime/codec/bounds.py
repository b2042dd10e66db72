"""What a message may hold: sizes, counts, characters, and the checks that enforce them.

Every check raises :class:`RequestInvalid` with the path of the field and never quotes a value.
Knows no message and no type of ours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sized
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from runtime.errors import RequestInvalid
from runtime.ids import Category
from runtime.ports import TOOL_CHOICES

__all__ = [
    "MAX_CATEGORIES",
    "MAX_CHAT_TURNS",
    "MAX_CONTENT_CHARS",
    "MAX_EDGES",
    "MAX_GRAMMAR_CHARS",
    "MAX_NAME_CHARS",
    "MAX_PEM_BYTES",
    "MAX_REASON_CHARS",
    "MAX_RECORDS",
    "MAX_STEPS",
    "MAX_STOP_TEXTS",
    "MAX_TEXTS",
    "MAX_TOOLS",
    "MAX_VECTOR_VALUES",
    "categories",
    "count",
    "digest",
    "encodable",
    "log_probability",
    "name",
    "number",
    "optional_name",
    "pem",
    "short_text",
    "sized",
    "text",
    "tool_name",
    "whole",
]

P = ParamSpec("P")
T = TypeVar("T")

MAX_NAME_CHARS: Final = 256
"""Longest name or identifier."""
MAX_CONTENT_CHARS: Final = 4_000_000
"""Longest text of one chat turn, answer or embedded text."""
MAX_REASON_CHARS: Final = 1_000
"""Longest sentence for a person."""
MAX_GRAMMAR_CHARS: Final = 100_000
"""Longest grammar or JSON schema."""
MAX_CHAT_TURNS: Final = 2_048
"""Most turns of a chat."""
MAX_TEXTS: Final = 2_048
"""Most texts of one embedding call."""
MAX_VECTOR_VALUES: Final = 65_536
"""Most dimensions of an embedding."""
MAX_STEPS: Final = 256
"""Most steps of a graph, a plan or a receipt."""
MAX_EDGES: Final = 4_096
"""Most edges of a graph."""
MAX_CATEGORIES: Final = 64
"""Most categories of a label."""
MAX_TOOLS: Final = 128
"""Most tools of a call, and most calls of tools in one turn."""
MAX_STOP_TEXTS: Final = 16
"""Most stop texts of a call."""
MAX_PEM_BYTES: Final = 64 * 1024
"""Longest chain, bundle or signing request."""
MAX_RECORDS: Final = 4_096
"""Most releases, repairs, positions or log-probabilities in one message."""

_LOG_PROBABILITY_ROUNDING: Final = 1e-3
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CATEGORY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def name(value: str, field: str) -> str:
    """Return a required name or identifier: not empty, bounded, printable."""
    if not value:
        raise RequestInvalid("must not be empty", field=field)
    return optional_name(value, field)


def optional_name(value: str, field: str) -> str:
    """Return a name or identifier that may be empty."""
    if len(value) > MAX_NAME_CHARS:
        raise RequestInvalid(f"longer than {MAX_NAME_CHARS} characters", field=field)
    if not value.isprintable():
        raise RequestInvalid("holds unprintable characters", field=field)
    return value


def text(value: str, field: str, *, at_most_chars: int = MAX_CONTENT_CHARS) -> str:
    """Return a text of bounded length, whatever it says."""
    if len(value) > at_most_chars:
        raise RequestInvalid(f"longer than {at_most_chars} characters", field=field)
    return value


def short_text(value: str, field: str) -> str:
    """Return a short text that is not empty and may hold any character, such as a stop text."""
    if not 1 <= len(value) <= MAX_NAME_CHARS:
        raise RequestInvalid(f"must have 1 to {MAX_NAME_CHARS} characters", field=field)
    return value


def tool_name(value: str, field: str) -> str:
    """Return the name of a tool, as providers take it; not one of the words for a choice."""
    if not _TOOL_NAME.fullmatch(value):
        raise RequestInvalid("must be 1 to 64 letters, digits, - and _", field=field)
    if value in TOOL_CHOICES:
        raise RequestInvalid("is a word with a meaning of its own", field=field)
    return value


def count(items: Sized, field: str, *, at_most: int, at_least: int = 0) -> None:
    """Refuse a list that is too long or too short."""
    if not at_least <= len(items) <= at_most:
        raise RequestInvalid(f"must hold {at_least} to {at_most} items", field=field)


def number(value: float, field: str, *, low: float = 0.0, high: float = math.inf) -> float:
    """Return a finite number between ``low`` and ``high``, both included."""
    if not math.isfinite(value) or not low <= value <= high:
        raise RequestInvalid(f"must be a finite number of {low:g} to {high:g}", field=field)
    return value


def log_probability(value: float, field: str) -> float:
    """Return a logarithm of a probability: at most 0 but for rounding; minus infinity is one."""
    if math.isnan(value) or value > _LOG_PROBABILITY_ROUNDING:
        raise RequestInvalid("must be the logarithm of a probability", field=field)
    return value


def whole(value: int, field: str, *, low: int = 0, high: int = 2**63 - 1) -> int:
    """Return a whole number between ``low`` and ``high``, both included."""
    if not low <= value <= high:
        raise RequestInvalid(f"must be a whole number of {low} to {high}", field=field)
    return value


def digest(value: bytes, field: str, *, size_bytes: int = 32) -> bytes:
    """Return a digest, MAC or nonce of exactly the expected size."""
    if len(value) != size_bytes:
        raise RequestInvalid(f"must be {size_bytes} bytes", field=field)
    return value


def sized(value: bytes, field: str, *, at_most_bytes: int) -> bytes:
    """Return bytes that are there, and not too many."""
    if not 1 <= len(value) <= at_most_bytes:
        raise RequestInvalid(f"must be 1 to {at_most_bytes} bytes", field=field)
    return value


def pem(value: bytes, field: str) -> bytes:
    """Return something that may be PEM."""
    return sized(value, field, at_most_bytes=MAX_PEM_BYTES)


def categories(names: Iterable[str], field: str) -> tuple[Category, ...]:
    """Return category names, sorted, each once; a name is letters, digits, ``_``, ``.``, ``-``."""
    unique = sorted(set(names))
    count(unique, field, at_most=MAX_CATEGORIES)
    for item in unique:
        if not _CATEGORY.fullmatch(item):
            raise RequestInvalid("is not a category name", field=field)
    return tuple(Category(item) for item in unique)


def encodable() -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Turn what protobuf cannot carry (a lone surrogate, a number too large) into a named error.

    A plain decorator: as a context manager it cost more than encoding a token does.
    """

    def decorate(encode: Callable[P, T]) -> Callable[P, T]:
        @wraps(encode)
        def encode_or_refuse(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return encode(*args, **kwargs)
            except (ValueError, TypeError):
                # The cause's text would quote the value.
                raise RequestInvalid("holds a value that the wire cannot carry") from None

        return encode_or_refuse

    return decorate
