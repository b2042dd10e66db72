"""The task file: JSON lines with one question each, checked line by line.

Knows the file's form; what a right answer is, ``scorers`` knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field

from optimizer.evaluation.scorers import SERVED, Scorer, expectation_problem
from runtime.documents.document import Document, dotted
from runtime.documents.names import CategoryName
from runtime.documents.shape import Shape, read_shape
from runtime.errors import NotImplementedYet, StudyInvalid
from runtime.labels import Label

__all__ = ["MAX_TASKS", "Task", "load_tasks", "parse_tasks"]

MAX_TASKS: Final = 100_000
_MAX_BYTES: Final = 256 * 1024 * 1024
_LINE: Final = "task/v1"


class _TaskShape(Shape):
    leeward: str
    id: str = Field(min_length=1, max_length=200)
    """Names the question in reports; unique in the file."""
    question: str = Field(min_length=1, max_length=100_000)
    answer: str = Field(min_length=1, max_length=20_000)
    """What is right: a text, a number, an option or a pattern, as the scorer says."""
    scorer: Scorer = Scorer.EXACT
    label: list[CategoryName] = Field(default_factory=list, max_length=64)
    """Categories known to be in the question; they only add to what the edge detects."""


@dataclass(frozen=True, slots=True)
class Task:
    """One question with its right answer. Neither text is ever logged or journaled."""

    id: str
    question: str
    answer: str
    scorer: Scorer
    label: Label


def load_tasks(path: Path) -> tuple[Task, ...]:
    """Read a task file.

    Raises:
        StudyInvalid: Names file, line and field of the first problem.
        NotImplementedYet: A scorer is not in this version.
    """
    try:
        raw = path.read_bytes()
    except OSError as failure:
        reason = (failure.strerror or type(failure).__name__).lower()
        raise StudyInvalid(f"cannot be read: {reason}", file=str(path)) from None
    if len(raw) > _MAX_BYTES:
        raise StudyInvalid(f"is larger than {_MAX_BYTES // 2**20} MiB", file=str(path))
    try:
        return parse_tasks(raw.decode("utf-8-sig"), file=str(path))
    except UnicodeDecodeError as failure:
        line = raw.count(b"\n", 0, failure.start) + 1
        raise StudyInvalid("is not UTF-8 text", file=str(path), line=line) from None


def parse_tasks(text: str, *, file: str = "") -> tuple[Task, ...]:
    """Read tasks from JSON lines; blank lines are skipped.

    Raises:
        StudyInvalid: Names line and field of the first problem.
        NotImplementedYet: A scorer is not in this version.
    """
    seen: dict[str, int] = {}
    tasks: list[Task] = []
    for line, data in _objects(text, file):
        task = _task(data, file=file, line=line)
        if task.id in seen:
            reason = f"is the id of line {seen[task.id]} too; ids must be unique"
            raise StudyInvalid(reason, file=file, line=line, field="id")
        seen[task.id] = line
        tasks.append(task)
        if len(tasks) > MAX_TASKS:
            raise StudyInvalid(f"holds more than {MAX_TASKS} tasks", file=file, line=line)
    if not tasks:
        raise StudyInvalid("holds no task", file=file)
    return tuple(tasks)


def _objects(text: str, file: str) -> Iterator[tuple[int, dict[str, object]]]:
    # Only "\n" ends a line: JSON text may hold other separators unescaped.
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            data = json.loads(content)
        except (ValueError, RecursionError):
            raise StudyInvalid("is not JSON", file=file, line=line) from None
        if not isinstance(data, dict):
            raise StudyInvalid("must be a JSON object", file=file, line=line)
        yield line, data


def _task(data: dict[str, object], *, file: str, line: int) -> Task:
    # The answer may be written as a number; everything else is as strict as any document.
    answer = data.get("answer")
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        data = {**data, "answer": repr(answer)}
    document = Document({"leeward": _LINE, **data}, StudyInvalid, file, {(): line})
    shape = read_shape(document, _TaskShape, version=_LINE)
    if shape.scorer not in SERVED:
        place = f"{file}:{line}" if file else f"line {line}"
        raise NotImplementedYet(f"{place}: scorer: this version has no {shape.scorer.value} scorer")
    problem = expectation_problem(shape.scorer, shape.answer)
    if problem is not None:
        raise StudyInvalid(problem, file=file, line=line, field=dotted(("answer",)))
    return Task(shape.id, shape.question, shape.answer, shape.scorer, Label.of(*shape.label))
