"""The form of a prompt as numbers: how long, how written, what it offers to choose from.

Nothing here knows a subject. A router that has learned from form alone keeps its worth on subjects
that it never saw, because hard questions look alike everywhere: answers that differ by a word,
judgements on two statements at once, sums to be worked out. ``docs/routing.md`` has the figures.
"""

from __future__ import annotations

from typing import Final

from runtime.routing.form_options import form_of_options
from runtime.routing.form_size import form_of_size
from runtime.routing.form_wording import form_of_wording
from runtime.routing.parts import parts_of

__all__ = ["FORM_NAMES", "form_of"]


def form_of(prompt: str) -> list[float]:
    """Return the features of a prompt, in the order of ``FORM_NAMES``."""
    return list(_named(prompt).values())


def _named(prompt: str) -> dict[str, float]:
    parts = parts_of(prompt)
    return form_of_size(parts) | form_of_wording(parts) | form_of_options(parts)


FORM_NAMES: Final = tuple(_named(""))
