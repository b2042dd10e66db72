"""The named tasks, and questions of a split.

A question's split follows from the hash of its *redacted* text, so a question and its redacted
form, and the same problem told about somebody else, are always in the same split: nothing that
is reported was trained on, not even under another name.
"""

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final, Literal

from reference.tasks.contacts import draw_lookup
from reference.tasks.draft import Draft, finish
from reference.tasks.problems import draw_problem
from reference.tasks.question import Question
from reference.tasks.rota import draw_rota
from reference.tasks.stories import DOSAGE, LEDGER

__all__ = ["LEVELS", "TASKS", "Split", "questions", "split_of", "stream"]

Split = Literal["train", "search", "report"]

LEVELS: Final = (1, 2, 3, 4)
"""Number of written operations (dosage, ledger, rota) or of register entries (contacts)."""

TASKS: Final[Mapping[str, Callable[[random.Random, int], Draft]]] = MappingProxyType(
    {
        "dosage": lambda rng, level: draw_problem(rng, DOSAGE, level),
        "ledger": lambda rng, level: draw_problem(rng, LEDGER, level),
        "rota": draw_rota,
        "contacts": draw_lookup,
    }
)

_SEARCH_PERCENT: Final = 10
_REPORT_PERCENT: Final = 10


def split_of(question: Question) -> Split:
    """Which split a question belongs to; the same for a question and its redacted form."""
    text = question.redacted.text if question.is_personal else question.text
    percent = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % 100
    if percent < _REPORT_PERCENT:
        return "report"
    return "search" if percent < _REPORT_PERCENT + _SEARCH_PERCENT else "train"


def questions(
    *,
    split: Split = "report",
    count: int,
    seed: int = 0,
    task: str | None = None,
    level: int | None = None,
) -> list[Question]:
    """Generate distinct questions of a split; the same arguments give the same questions.

    Args:
        split: Which split.
        count: How many.
        seed: Another seed gives other questions of the same split.
        task: Only this task; every task in turn where None.
        level: Only this level; every level in turn where None.

    Raises:
        KeyError: No task has this name.
    """
    found: dict[str, Question] = {}
    for question in stream(split=split, seed=seed, task=task, level=level):
        found.setdefault(question.id, question)
        if len(found) == count:
            break
    return list(islice(found.values(), count))


def stream(
    *, split: Split, seed: int, task: str | None = None, level: int | None = None
) -> Iterator[Question]:
    """Generate questions of a split without end; repeats are possible."""
    rng = random.Random(f"{split}/{seed}/{task}/{level}")  # noqa: S311 - data, no secret
    tasks = [task] if task is not None else sorted(TASKS)
    levels = [level] if level is not None else list(LEVELS)
    cells = [(name, number) for number in levels for name in tasks]
    while True:
        for name, number in cells:
            yield _draw_in_split(rng, split, name, number)


def _draw_in_split(rng: random.Random, split: Split, task: str, level: int) -> Question:
    while True:
        question = finish(TASKS[task](rng, level), task=task, level=level)
        if split_of(question) == split:
            return question
