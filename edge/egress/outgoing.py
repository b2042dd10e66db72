"""Every string in a message that is about to leave, found by walking the message itself.

A field that a later version adds is thereby scanned from its first day; only fields listed here
are taken for names, and names may not look like text. Knows the contract; judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

__all__ = ["Outgoing", "strings_of"]

_NAMES: Final = frozenset(
    {
        "idempotency_key",
        "label.categories",
        "model",
        "provenance.graph",
        "provenance.plan_id",
        "provenance.releases.categories",
        "provenance.request_id",
        "provenance.session_id",
        "provenance.step_id",
    }
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The strings of one message."""

    names: tuple[str, ...]
    """What identifies: of models, graphs, steps, requests."""
    texts: tuple[str, ...]
    """Everything else: messages, stop strings, grammars, schemas, tools."""


def strings_of(message: Message) -> Outgoing:
    """Return every non-empty string in ``message``, each once, in its order."""
    names: dict[str, None] = {}
    texts: dict[str, None] = {}
    for path, text in _walk(message, ""):
        (names if path in _NAMES else texts)[text] = None
    return Outgoing(names=tuple(names), texts=tuple(texts))


def _walk(value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            if value:
                yield path, value
        case bytes():
            # Nothing in the contract needs bytes here; whatever they are, they are looked at.
            yield path, value.decode("utf-8", "replace")
        case Message():
            for field, inner in value.ListFields():
                yield from _walk(inner, f"{path}.{field.name}" if path else field.name)
        case Mapping():
            for key, inner in value.items():
                yield from _walk(key, path)
                yield from _walk(inner, path)
        case Iterable():
            for inner in value:
                yield from _walk(inner, path)
