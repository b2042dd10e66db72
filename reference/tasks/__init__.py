"""Generated questions with exact answers, for training and measuring the reference models."""

from reference.tasks.catalogue import LEVELS, TASKS, Split, questions, split_of, stream
from reference.tasks.question import Question, Span, placeholders, redact, restore
from reference.tasks.rota import clock_text
from reference.tasks.scoring import extract_answer, is_right

__all__ = [
    "LEVELS",
    "TASKS",
    "Question",
    "Span",
    "Split",
    "clock_text",
    "extract_answer",
    "is_right",
    "placeholders",
    "questions",
    "redact",
    "restore",
    "split_of",
    "stream",
]
