"""From token bytes to text that may be shown: whole characters, and nothing of a stop string.

Knows bytes and strings only; no tokens, no model.
"""

import codecs
from collections.abc import Sequence

__all__ = ["StopScanner", "Utf8Stream", "unfinished_characters"]


class Utf8Stream:
    """Decodes bytes that may be cut anywhere; an unfinished character is held back."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, data: bytes) -> str:
        """Return the characters that ``data`` completes."""
        return self._decoder.decode(data)

    def finish(self) -> str:
        """Return what is left; a character cut by the end becomes U+FFFD."""
        return self._decoder.decode(b"", final=True)


class StopScanner:
    """Cuts a stream at the first stop string, whatever the borders of its pieces.

    Args:
        stops: The stop strings, none of them empty.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.has_stopped = False

    def feed(self, text: str) -> str:
        """Return what can be shown now; after a stop string, nothing more."""
        if self.has_stopped:
            return ""
        if not self._stops:
            return text
        text = self._held + text
        at = min((found for stop in self._stops if (found := text.find(stop)) >= 0), default=-1)
        if at >= 0:
            self.has_stopped, self._held = True, ""
            return text[:at]
        keep = unfinished_characters(text, self._stops)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """Return what was held back for a stop string that did not come."""
        held, self._held = self._held, ""
        return held


def unfinished_characters(text: str, words: Sequence[str]) -> int:
    """Return the length of the longest end of ``text`` with which one of ``words`` could begin."""
    longest = min(len(text), max(map(len, words)) - 1)
    for length in range(longest, 0, -1):
        tail = text[len(text) - length :]
        if any(word.startswith(tail) for word in words):
            return length
    return 0
