"""What trained models really answered to training questions, for the roles phase.

A fuser that only ever met invented mistakes learns to spot the invention. The files are written by
`python -m reference.sample`; every model answered the same questions, so candidates can be mixed.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from reference.tasks import Question, questions

__all__ = ["POOL_SIZE", "AnswerPool", "load_answers", "pool_questions", "save_answers"]

POOL_SIZE: Final = 1500
_POOL_SEED: Final = 71
_REDACTED_SHARE: Final = 0.4
_ONE_MODEL_SHARE: Final = 0.5


@dataclass(frozen=True)
class AnswerPool:
    """Questions of the train split and what each model answered to them."""

    questions: Sequence[Question]
    answers: Mapping[str, Sequence[Sequence[str]]]
    """By model: for each question, in order, the answers drawn."""

    def draw(self, rng: random.Random, task: str) -> tuple[Question, int]:
        """Draw a question of a task, and its place in the pool."""
        place = rng.choice(self._places[task])
        return self.questions[place], place

    def candidates(self, place: int, rng: random.Random, count: int) -> list[str]:
        """Draw ``count`` answers to one question: half the time all of one model."""
        names = sorted(self.answers)
        if rng.random() < _ONE_MODEL_SHARE:
            names = [rng.choice(names)]
        return [rng.choice(self.answers[rng.choice(names)][place]) for _ in range(count)]

    @cached_property
    def _places(self) -> Mapping[str, Sequence[int]]:
        places: dict[str, list[int]] = {}
        for place, question in enumerate(self.questions):
            places.setdefault(question.task, []).append(place)
        return places


def pool_questions(count: int = POOL_SIZE) -> list[Question]:
    """Draw the pool's questions: the same ones at every call, some in their redacted form."""
    rng = random.Random("answer-pool")  # noqa: S311 - data, no secret
    drawn = questions(split="train", count=count, seed=_POOL_SEED)
    return [
        question.redacted if question.is_personal and rng.random() < _REDACTED_SHARE else question
        for question in drawn
    ]


def load_answers(folder: Path) -> AnswerPool:
    """Read every model's answers in ``folder``.

    Raises:
        FileNotFoundError: There are none.
    """
    found = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    if not found:
        raise FileNotFoundError(f"no answers in {folder}: run `python -m reference.sample` first")
    count = min(len(answers) for answers in found.values())
    return AnswerPool(pool_questions(count), found)


def save_answers(folder: Path, name: str, answers: Sequence[Sequence[str]]) -> Path:
    """Write one model's answers to the pool's questions, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(answers, ensure_ascii=False) + "\n")
    return path
