"""Words near a candidate that say what it is; shared by detectors of weak shapes."""

import re

__all__ = ["Context"]


class Context:
    """Asks whether one of some words stands shortly before a place.

    Args:
        words: Alternatives of a regular expression, matched in any case as whole words.
        reach_characters: How far back to look.
    """

    def __init__(self, words: str, *, reach_characters: int = 40) -> None:
        self._pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
        self._reach = reach_characters

    def is_before(self, text: str, start: int) -> bool:
        """Whether one of the words ends within reach before ``start``.

        On the same line; or on the line above when that is a label (``Phone:``) and nothing else
        stands before ``start``.
        """
        above, _, line = text[max(0, start - self._reach) : start].rpartition("\n")
        label = above.rpartition("\n")[2].rstrip()
        if not line.strip() and label.endswith(":"):
            line = label
        return self._pattern.search(line) is not None

    def is_after(self, text: str, end: int) -> bool:
        """Whether one of the words is the first after ``end``, on the same line."""
        line = text[end : end + self._reach].partition("\n")[0]
        return self._pattern.match(line.lstrip(" ,;:()-\u2013")) is not None
