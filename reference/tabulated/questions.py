"""The questions of the benchmark: half from the ``search`` split, half from ``report``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice
from typing import Final

from reference.tasks import LEVELS, TASKS, Question, Split, stream

__all__ = ["SEED", "digest_of", "draw_questions"]

SEED: Final = 2026
_SPLITS: Final[tuple[Split, ...]] = ("search", "report")
_DRAWS: Final = 5_000
"""How long an unseen problem is looked for."""


def draw_questions(count: int, *, seed: int = SEED) -> tuple[Question, ...]:
    """Draw questions, the search half first; every task and level equally often in each half.

    Args:
        count: How many; a multiple of twice the number of tasks and levels.
        seed: Another seed draws others.

    Raises:
        ValueError: The count does not divide evenly, or there are not so many.
    """
    cells = [
        (split, task, level) for split in _SPLITS for level in LEVELS for task in sorted(TASKS)
    ]
    if count % len(cells):
        raise ValueError(f"the number of questions must be a multiple of {len(cells)}")
    chosen: list[Question] = []
    for split, task, level in cells:
        chosen += _draw(split, task, level, count=count // len(cells), seed=seed)
    return tuple(chosen)


def digest_of(questions: Sequence[Question]) -> str:
    """Return a SHA-256 over texts, answers and spans: what the table's figures are about."""
    digest = hashlib.sha256()
    for question in questions:
        spans = [(span.start, span.end, span.kind) for span in question.spans]
        digest.update(repr((question.id, question.text, question.answer, spans)).encode())
    return digest.hexdigest()


def _draw(split: Split, task: str, level: int, *, count: int, seed: int) -> list[Question]:
    """Draw questions whose redacted texts differ, so that no two share a call of a model."""
    found: dict[str, Question] = {}
    drawn = islice(stream(split=split, seed=seed, task=task, level=level), _DRAWS)
    for question in drawn:
        found.setdefault(question.redacted.text, question)
        if len(found) == count:
            return list(found.values())
    raise ValueError(f"{task}, level {level} has fewer than {count} different problems")
