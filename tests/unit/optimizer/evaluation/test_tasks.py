"""Task files are read line by line, and each problem is told with its line and field."""

import json
from pathlib import Path

import pytest

from optimizer.evaluation.tasks import load_tasks, parse_tasks
from optimizer.scoring.code.model import Case
from optimizer.scoring.model import Scorer
from runtime.errors import StudyInvalid
from runtime.labels import Label

GOOD = '{"id": "a", "question": "1 + 1?", "answer": 2, "scorer": "numeric", "label": ["person"]}'


def test_a_task_has_question_answer_scorer_and_label() -> None:
    (task,) = parse_tasks(f"\n{GOOD}\n")

    assert task.question == "1 + 1?"
    assert (task.answer, task.scorer, task.label) == ("2", Scorer.NUMERIC, Label.of("person"))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("{", "tasks.jsonl:2: is not JSON"),
        ("[1]", "tasks.jsonl:2: must be a JSON object"),
        (GOOD, "tasks.jsonl:2: id: is the id of line 1 too"),
        ('{"id": "b", "question": "x"}', "tasks.jsonl:2: answer: is required"),
        ('{"id": "b", "question": "x", "answr": "y"}', "tasks.jsonl:2: answr: is not a known key"),
        ('{"id": "b", "question": "", "answer": "y"}', "tasks.jsonl:2: question: must not be"),
        (
            '{"id": "b", "question": "x", "answer": "y", "scorer": "nearly"}',
            'tasks.jsonl:2: scorer: "nearly" is not one of exact, numeric',
        ),
        (
            '{"id": "b", "question": "x", "answer": "y", "scorer": "numeric"}',
            "tasks.jsonl:2: answer: is not a number",
        ),
    ],
)
def test_problems_name_line_and_field(second: str, message: str) -> None:
    with pytest.raises(StudyInvalid) as refused:
        parse_tasks(f"{GOOD}\n{second}\n", file="tasks.jsonl")

    assert str(refused.value).startswith(message)


CODE = {"id": "c", "question": "Square it.", "scorer": "code"}


def test_a_code_task_has_tests_or_cases_and_needs_no_answer() -> None:
    tests = ["import math", "assert math.isclose(square(2), 4)", "assert len(square(3)) == 1"]
    rows = [
        {**CODE, "code": {"tests": tests}},
        {**CODE, "id": "d", "code": {"cases": [{"stdin": "2", "stdout": "4"}]}},
        {
            **CODE,
            "id": "e",
            "code": {"entry_point": "square", "cases": [{"args": [2], "returns": None}]},
        },
    ]

    first, second, third = parse_tasks("\n".join(json.dumps(row) for row in rows))

    assert first.code is not None
    assert first.code.functions == ("square",)
    assert second.code is not None
    assert second.code.cases == (Case(stdin="2", stdout="4"),)
    assert third.code is not None
    assert third.code.cases == (Case(args=(2,), returns=None),)
    assert len({first.expectation, second.expectation, third.expectation}) == 3


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (None, "code: is required by the code scorer"),
        ({}, "code: needs `tests` or `cases`"),
        ({"tests": "assert f(("}, "code.tests: is not Python"),
        ({"tests": "assert 1"}, "code.tests: never call the answer's code"),
        ({"tests": "def check(candidate): pass"}, "code.entry_point: is needed: the tests define"),
        ({"tests": "f()", "prelude": "from"}, "code.prelude: is not Python"),
        ({"entry_point": "a b", "tests": "f()"}, "code.entry_point: must fit"),
        ({"cases": [{"stdin": "1"}]}, "code.cases.0: must have `stdin` and `stdout`, or"),
        ({"cases": [{"stdout": "1", "args": []}]}, "code.cases.0: must have"),
        ({"cases": [{"args": [1], "returns": 1}]}, "code.entry_point: is needed: a case has"),
        ({"tests": "f()", "test": "f()"}, "code.test: is not a known key; did you mean"),
    ],
)
def test_code_that_cannot_be_examined_is_refused_with_its_field(
    code: dict[str, object] | None, message: str
) -> None:
    row = CODE if code is None else {**CODE, "code": code}

    with pytest.raises(StudyInvalid) as refused:
        parse_tasks(f"{GOOD}\n{json.dumps(row)}\n", file="tasks.jsonl")

    assert str(refused.value).startswith(f"tasks.jsonl:2: {message}")


def test_only_the_code_scorer_takes_code() -> None:
    row = {"id": "b", "question": "x", "answer": "y", "code": {"tests": "f()"}}

    with pytest.raises(StudyInvalid, match="code: is for the code scorer only"):
        parse_tasks(json.dumps(row))


def test_no_error_quotes_a_question(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"id": "a", "question": "SECRET", "answer": 7, "scorer": "choose"}\n')

    with pytest.raises(StudyInvalid) as refused:
        load_tasks(path)

    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe{"])
def test_files_without_a_task_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(content)

    with pytest.raises(StudyInvalid, match=r"tasks\.jsonl"):
        load_tasks(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyInvalid, match="cannot be read: no such file"):
        load_tasks(tmp_path / "none.jsonl")
