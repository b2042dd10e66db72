"""Guess which known name a misspelt one was meant to be."""

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean", "listed"]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean "near"?`` for a close match, else the empty text."""
    matches = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f'; did you mean "{matches[0]}"?' if matches else ""


def listed(names: Iterable[str], *, at_most: int = 12) -> str:
    """Return names for a sentence, in order, the tail of a long list only counted."""
    every = list(names)
    shown = ", ".join(every[:at_most])
    return f"{shown} and {len(every) - at_most} more" if len(every) > at_most else shown
