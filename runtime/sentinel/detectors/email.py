"""E-mail addresses."""

import re
from typing import Final

from runtime.sentinel.categories import CONTACT
from runtime.sentinel.span import Span

__all__ = ["EmailDetector"]

_LOCAL_CHARACTERS: Final = frozenset("._%+-'!#$&*/=?^`{|}~")
_MAX_LOCAL_CHARACTERS: Final = 64
_DOMAIN: Final = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![^\W_])"
    r"|\[?\d{1,3}(?:\.\d{1,3}){3}\]?"
    r"|localhost\b"
)
_SPELLED: Final = re.compile(
    r"(?<![\w.])[\w.+-]{1,64} ?[\[({] ?at ?[\])}] ?[\w-]{1,63}"
    r"(?: ?(?:\.|[\[({] ?dot ?[\])}]) ?[\w-]{1,63}){1,4}",
    re.IGNORECASE,
)
_BRACKETED_AT: Final = re.compile(r"[\[({] ?at ?[\])}]", re.IGNORECASE)


class EmailDetector:
    """Finds e-mail addresses, also ones written with ``[at]`` and ``[dot]``."""

    name = "email"
    kinds = frozenset({"email"})

    def detect(self, text: str) -> list[Span]:
        """Return the addresses in ``text``."""
        spans: list[Span] = []
        at = text.find("@")
        while at >= 0:
            domain = _DOMAIN.match(text, at + 1)
            start = _local_start(text, at)
            if domain is not None and start < at:
                spans.append(Span(start, domain.end(), "email", CONTACT, 1.0, self.name))
            at = text.find("@", at + 1)
        if _BRACKETED_AT.search(text):
            spans += [
                Span(*match.span(), "email", CONTACT, 0.8, self.name)
                for match in _SPELLED.finditer(text)
            ]
        return spans


def _local_start(text: str, at: int) -> int:
    """Return where the part before ``at`` begins; ``at`` when there is none."""
    start = at
    lowest = max(0, at - _MAX_LOCAL_CHARACTERS)
    while start > lowest and (text[start - 1].isalnum() or text[start - 1] in _LOCAL_CHARACTERS):
        start -= 1
    while start < at and text[start] in "'`{|/=*":
        start += 1  # quoting around the address rather than a part of it
    return start
