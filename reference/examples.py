"""What the models are trained on: chats with the text that the model should write next.

Three formats: plain questions, a fuser's prompt with candidate answers, and an assistant's
prompt with earlier answers. The wording of the last two is `runtime.executor.prompts.compose`,
so a model meets at run time exactly the prompts it was trained on.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

from reference.answers import AnswerPool
from reference.corruption import corrupt
from reference.tasks import TASKS, Question, Split, stream
from runtime.executor.prompts import ChatMessage, compose
from runtime.graph.roles import Role

__all__ = ["FORMATS", "Example", "Format", "Mixture", "example_of", "examples", "pool_example"]

Format = Literal["plain", "fuser", "refine"]

FORMATS: Final[tuple[Format, ...]] = ("plain", "fuser", "refine")

K = TypeVar("K", bound=str)

_REDACTED_SHARE: Final = 0.4
_POOL_SHARE: Final = 0.75
_RENUMBERED_SHARE: Final = 0.3
_RENAMED_SHARE: Final = 0.2
_SYSTEM_SHARE: Final = 0.05
_ALL_WRONG_SHARE: Final = 0.1
_CANDIDATE_COUNTS: Final = (2, 2, 2, 3, 3, 4)
_REFINE_WRONG_SHARE: Final = 0.5
_REFINE_MANY_SHARE: Final = 0.15
_PLACEHOLDER: Final = re.compile(r"<([A-Z]+)_(\d+)>")
_OTHER_NAMES: Final = {"PERSON": "NAME", "PHONE": "CONTACT", "IBAN": "ACCOUNT", "EMAIL": "CONTACT"}
_SYSTEM_TEXTS: Final = (
    "You are a helpful assistant.",
    "Show the working, then give the answer.",
    "Answer briefly.",
)


@dataclass(frozen=True, slots=True)
class Example:
    """A chat and the right answer to it."""

    question: Question
    format: Format
    messages: tuple[ChatMessage, ...]
    target: str


@dataclass(frozen=True, slots=True)
class Mixture:
    """How often each format and task is drawn; the numbers are weights."""

    formats: Mapping[Format, float]
    tasks: Mapping[str, float]


def example_of(question: Question, format_name: Format, rng: random.Random) -> Example:
    """Put a question into a format, with candidate answers drawn from `corrupt`."""
    return _worded(question, format_name, _invented(question, format_name, rng))


def pool_example(pool: AnswerPool, task: str, format_name: Format, rng: random.Random) -> Example:
    """Draw a question of the pool and put it into a format, with what models really answered."""
    question, place = pool.draw(rng, task)
    match format_name:
        case "plain":
            answers = []
        case "fuser":
            answers = pool.candidates(place, rng, rng.choice(_CANDIDATE_COUNTS))
        case "refine":
            many = rng.random() < _REFINE_MANY_SHARE
            answers = pool.candidates(place, rng, rng.randint(2, 3) if many else 1)
    return _worded(question, format_name, answers)


def _worded(question: Question, format_name: Format, answers: Sequence[str]) -> Example:
    role = Role.FUSER if format_name == "fuser" else Role.ASSISTANT
    messages = compose(role, [ChatMessage("user", question.text)], answers)
    return Example(question, format_name, messages, question.solution)


def _invented(question: Question, format_name: Format, rng: random.Random) -> list[str]:
    match format_name:
        case "plain":
            return []
        case "fuser":
            return _candidates(question, rng, rng.choice(_CANDIDATE_COUNTS))
        case "refine":
            return _earlier(question, rng)


def examples(
    mixture: Mixture, *, split: Split, seed: int, pool: AnswerPool | None = None
) -> Iterator[Example]:
    """Draw examples without end; the same seed gives the same examples.

    Args:
        mixture: How often each format and task is drawn.
        split: Which questions.
        seed: Another seed gives other examples.
        pool: Real answers; where given, most candidates are drawn from it.
    """
    rng = random.Random(f"examples/{split}/{seed}")  # noqa: S311 - data, no secret
    streams = {task: stream(split=split, seed=seed, task=task) for task in TASKS}
    draw_task = _drawer(rng, mixture.tasks)
    draw_format = _drawer(rng, mixture.formats)
    while True:
        task, format_name = draw_task(), draw_format()
        if pool is not None and format_name != "plain" and rng.random() < _POOL_SHARE:
            yield pool_example(pool, task, format_name, rng)
            continue
        question = next(streams[task])
        if question.is_personal and rng.random() < _REDACTED_SHARE:
            question = _renumbered(question.redacted, rng)
        example = example_of(question, format_name, rng)
        if rng.random() < _SYSTEM_SHARE:
            system = ChatMessage("system", rng.choice(_SYSTEM_TEXTS))
            messages = (system, *example.messages)
            example = Example(question, example.format, messages, example.target)
        yield example


def _renumbered(question: Question, rng: random.Random) -> Question:
    """Vary how placeholders are numbered and named, so that a model learns to copy any.

    A session's numbering goes on from one request to the next, and a policy may name its
    categories otherwise.
    """
    offset = rng.randint(1, 8) if rng.random() < _RENUMBERED_SHARE else 0
    is_renamed = rng.random() < _RENAMED_SHARE

    def varied(text: str) -> str:
        return _PLACEHOLDER.sub(renamed, text)

    def renamed(match: re.Match[str]) -> str:
        kind, number = match[1], int(match[2]) + offset
        if is_renamed:
            number += 4 if kind == "EMAIL" else 0
            kind = _OTHER_NAMES[kind]
        return f"<{kind}_{number}>"

    return replace(
        question,
        text=varied(question.text),
        answer=varied(question.answer),
        solution=varied(question.solution),
        spans=(),
        distractors=tuple(varied(wrong) for wrong in question.distractors),
    )


def _drawer(rng: random.Random, weights: Mapping[K, float]) -> Callable[[], K]:
    names = list(weights)
    values = [weights[name] for name in names]
    return lambda: rng.choices(names, values)[0]


def _candidates(question: Question, rng: random.Random, count: int) -> list[str]:
    right = 0 if rng.random() < _ALL_WRONG_SHARE else rng.randint(1, count)
    answers = [question.solution] * right
    answers += [corrupt(question, rng) for _ in range(count - right)]
    rng.shuffle(answers)
    return answers


def _earlier(question: Question, rng: random.Random) -> list[str]:
    if rng.random() < _REFINE_MANY_SHARE:
        return _candidates(question, rng, rng.randint(2, 3))
    if rng.random() < _REFINE_WRONG_SHARE:
        return [corrupt(question, rng)]
    return [question.solution]
