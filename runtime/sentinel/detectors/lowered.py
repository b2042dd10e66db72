"""A text in one case whose characters keep their places: what is found there stands here."""

from collections.abc import Callable

__all__ = ["folded_in_place", "lowered_in_place"]


def lowered_in_place(text: str) -> str:
    """Return ``text`` in lower case, every character in its place."""
    return _in_place(text, str.lower)


def folded_in_place(text: str) -> str:
    """Return ``text`` casefolded, every character in its place."""
    return _in_place(text, str.casefold)


def _in_place(text: str, change: Callable[[str], str]) -> str:
    """Return ``text`` changed but for characters that would become several."""
    changed = change(text)
    if len(changed) == len(text):
        return changed
    return "".join(new if len(new := change(sign)) == 1 else sign for sign in text)
