"""Put originals back into a text, whole or as it streams in, escaped for where they land.

One pass: what was put back is never searched again. Only placeholders in the mapping that the
caller passes, those of one request, are restored; others stay as they are and are counted.
"""

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from edge.privacy.placeholders import Grammar

__all__ = ["Into", "Restored", "StreamRestorer", "restore", "restore_json"]

Into = Literal["text", "json", "url", "html"]
"""Where values land: plain text, inside JSON string literals, inside a URL, inside HTML."""

_ESCAPES: Final[Mapping[Into, Callable[[str], str]]] = {
    "text": lambda value: value,
    "json": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "url": lambda value: quote(value, safe=""),
    "html": lambda value: html.escape(value, quote=True),
}


_JSON_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Restored:
    """A text with its originals, and what could not be restored."""

    text: str
    unknown: int = 0
    """Placeholders that were not released in this request; they stay literal."""
    changed: bool = False
    """Whether anything was put back."""


def restore(
    text: str, mapping: Mapping[str, str], grammar: Grammar, *, into: Into = "text"
) -> Restored:
    """Put originals back.

    Args:
        text: An answer, or any text that holds placeholders.
        mapping: Originals by canonical placeholder.
        grammar: The one that redaction used.
        into: How values are escaped.
    """
    restorer = StreamRestorer(mapping, grammar, into=into)
    shown = restorer.feed(text) + restorer.finish()
    return Restored(shown, restorer.unknown, changed=restorer.restored > 0)


def restore_json(text: str, mapping: Mapping[str, str], grammar: Grammar) -> Restored:
    """Put originals back into a whole JSON text, keys included; layout and numbers stay.

    Each string literal is decoded, restored and encoded again, so that a value with quotes, or
    a placeholder that was written with escapes, leaves valid JSON. A text that is not JSON is
    restored as one whose placeholders stand in string literals.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return restore(text, mapping, grammar, into="json")
    parts: list[str] = []
    position = unknown = 0
    for literal in _JSON_STRING.finditer(text):
        restored = restore(json.loads(literal[0]), mapping, grammar)
        unknown += restored.unknown
        if restored.changed:
            parts += [
                text[position : literal.start()],
                json.dumps(restored.text, ensure_ascii=False),
            ]
            position = literal.end()
    return Restored("".join([*parts, text[position:]]), unknown, changed=bool(parts))


class StreamRestorer:
    """Restores a stream; the chunk borders make no difference to what comes out.

    Holds back only what may be the beginning of a placeholder, at most
    ``Grammar.max_characters``.
    """

    def __init__(
        self, mapping: Mapping[str, str], grammar: Grammar, *, into: Into = "text"
    ) -> None:
        self._mapping = mapping
        self._grammar = grammar
        self._escape = _ESCAPES[into]
        self._context = ""
        self._held = ""
        self.unknown = 0
        """Placeholders so far that were not released in this request."""
        self.restored = 0
        """Placeholders so far that were put back."""

    def feed(self, text: str) -> str:
        """Take the next piece; return what can already be shown."""
        return self._advance(text, is_last=False)

    def finish(self) -> str:
        """Return what was held back; the stream has ended."""
        return self._advance("", is_last=True)

    def _advance(self, text: str, *, is_last: bool) -> str:
        buffer = f"{self._context}{self._held}{text}"
        position = len(self._context)
        shown: list[str] = []
        while True:
            match = self._grammar.find(buffer, position)
            decided = len(buffer) if is_last else self._grammar.undecided_from(buffer, position)
            if match is None or match.start() >= decided:
                break
            shown += [buffer[position : match.start()], self._value(match)]
            position = match.end()
        shown.append(buffer[position:decided])
        self._context = buffer[max(0, decided - 1) : decided]
        self._held = buffer[decided:]
        return "".join(shown)

    def _value(self, match: re.Match[str]) -> str:
        value = self._mapping.get(self._grammar.canonical(match))
        if value is None:
            self.unknown += 1
            return match[0]
        self.restored += 1
        return self._escape(value)
