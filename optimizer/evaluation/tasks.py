"""The task file: JSON lines with one question each, checked line by line.

Knows the file's form; what a right answer is, ``optimizer.scoring`` knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pydantic import Field, JsonValue

from optimizer.scoring.code.model import Case, CodeTests
from optimizer.scoring.expectations import code_problem, expectation_problem, functions_used
from optimizer.scoring.model import Scorer
from runtime.documents.canonical import canonical_json
from runtime.documents.document import Document
from runtime.documents.names import CategoryName
from runtime.documents.os_reason import os_reason
from runtime.documents.shape import Shape, read_shape
from runtime.errors import StudyInvalid
from runtime.labels import Label

__all__ = ["MAX_TASKS", "Task", "load_tasks", "parse_tasks"]

MAX_TASKS: Final = 100_000
_MAX_BYTES: Final = 256 * 1024 * 1024
_LINE: Final = "task/v1"


_LONGEST_CODE: Final = 100_000
_NO_REFERENCE: Final = frozenset({Scorer.CODE, Scorer.JUDGE})


class _CaseShape(Shape):
    stdin: str | None = Field(default=None, max_length=_LONGEST_CODE)
    """What the program reads; with ``stdout``."""
    stdout: str | None = Field(default=None, max_length=_LONGEST_CODE)
    """What it must print."""
    args: list[JsonValue] | None = Field(default=None, max_length=64)
    """What ``entry_point`` is called with; with ``returns``."""
    returns: JsonValue = None
    """What it must return."""


class _CodeShape(Shape):
    entry_point: str = Field(default="", pattern=r"^([A-Za-z_]\w*)?$", max_length=200)
    """The function that is called."""
    prelude: str = Field(default="", max_length=_LONGEST_CODE)
    """Python before the answer's code."""
    tests: str | list[str] = ""
    """Python that raises when the code is wrong; a list is lines of it."""
    cases: list[_CaseShape] = Field(default_factory=list, max_length=200)
    """Inputs with what must come of them."""


class _TaskShape(Shape):
    leeward: str
    id: str = Field(min_length=1, max_length=200)
    """Names the question in reports; unique in the file."""
    question: str = Field(min_length=1, max_length=100_000)
    answer: str | None = Field(default=None, min_length=1, max_length=20_000)
    """What is right: a text, a number, an option or a pattern, as the scorer says; for a judge, a
    good answer to compare with, if there is one; not for code."""
    scorer: Scorer = Scorer.EXACT
    code: _CodeShape | None = None
    """What code is tried on; for the code scorer."""
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
    code: CodeTests | None = None
    """Of the code scorer."""

    @property
    def expectation(self) -> str:
        """Everything of the task that a verdict depends on, besides question and scorer."""
        if self.code is None:
            return self.answer
        return canonical_json(asdict(self.code)).decode()


def load_tasks(path: Path) -> tuple[Task, ...]:
    """Read a task file.

    Raises:
        StudyInvalid: Names file, line and field of the first problem.
    """
    try:
        raw = path.read_bytes()
    except OSError as failure:
        raise StudyInvalid(f"cannot be read: {os_reason(failure)}", file=str(path)) from None
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
    problem = _problem(shape)
    if problem is not None:
        field, reason = problem
        raise StudyInvalid(reason, file=file, line=line, field=field)
    return Task(
        shape.id,
        shape.question,
        shape.answer or "",
        shape.scorer,
        Label.of(*shape.label),
        _tests(shape.code),
    )


def _problem(shape: _TaskShape) -> tuple[str, str] | None:
    """Return the field that cannot be used and why, or ``None``."""
    if shape.answer is None and shape.scorer not in _NO_REFERENCE:
        return "answer", "is required"
    if (shape.code is not None) != (shape.scorer is Scorer.CODE):
        needs = shape.code is None
        return "code", "is required by the code scorer" if needs else "is for the code scorer only"
    if shape.code is not None:
        return _code_problem(shape.code)
    reason = expectation_problem(shape.scorer, shape.answer or "")
    return None if reason is None else ("answer", reason)


def _code_problem(shape: _CodeShape) -> tuple[str, str] | None:
    for place, case in enumerate(shape.cases):
        is_program = case.stdout is not None
        has_result = "returns" in case.model_fields_set
        is_call = case.args is not None and has_result and case.stdin is None
        if is_program == is_call or (is_program and (case.args is not None or has_result)):
            reason = "must have `stdin` and `stdout`, or `args` and `returns`"
            return f"code.cases.{place}", reason
    tests = _tests(shape)
    assert tests is not None  # noqa: S101 - there is a shape
    problem = code_problem(tests)
    return None if problem is None else (f"code.{problem[0]}".rstrip("."), problem[1])


def _tests(shape: _CodeShape | None) -> CodeTests | None:
    if shape is None:
        return None
    tests = shape.tests if isinstance(shape.tests, str) else "\n".join(shape.tests)
    cases = [
        Case(
            stdin=case.stdin or "",
            stdout=case.stdout,
            args=tuple(case.args or ()),
            returns=case.returns,
        )
        for case in shape.cases
    ]
    return CodeTests(
        entry_point=shape.entry_point,
        prelude=shape.prelude,
        tests=tests,
        functions=functions_used(tests),
        cases=tuple(cases),
    )
