"""What a task draws before it becomes a `Question`: parts with their spans, not yet joined."""

import hashlib
from dataclasses import dataclass

from reference.tasks.question import Question, Span

__all__ = ["Draft", "finish"]


@dataclass(frozen=True, slots=True)
class Draft:
    """Sentences with their spans, the working with its closing sentence, and the answer."""

    parts: tuple[tuple[str, tuple[Span, ...]], ...]
    solution: str
    answer: str
    distractors: tuple[str, ...] = ()


def finish(draft: Draft, *, task: str, level: int) -> Question:
    """Join the sentences and give the question its id, a hash of its task and text."""
    text = ""
    spans: list[Span] = []
    for part, part_spans in draft.parts:
        text += " " if text else ""
        spans += [
            Span(len(text) + span.start, len(text) + span.end, span.kind) for span in part_spans
        ]
        text += part
    digest = hashlib.sha256(f"{task}\n{text}".encode()).hexdigest()
    return Question(
        id=f"{task}-{digest[:12]}",
        task=task,
        level=level,
        text=text,
        answer=draft.answer,
        solution=f"{draft.solution}\nAnswer: {draft.answer}",
        spans=tuple(spans),
        distractors=draft.distractors,
    )
