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
        """Whether one of the words ends within reach before ``start``, on the same line."""
        window = text[max(0, start - self._reach) : start]
        return self._pattern.search(window.rpartition("\n")[2]) is not None
