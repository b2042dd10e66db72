"""Task files are read line by line, and each problem is told with its line and field."""

from pathlib import Path

import pytest

from optimizer.evaluation.scorers import Scorer
from optimizer.evaluation.tasks import load_tasks, parse_tasks
from runtime.errors import NotImplementedYet, StudyInvalid
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


def test_a_scorer_of_a_later_version_is_said_so_with_its_line() -> None:
    line = '{"id": "b", "question": "x", "answer": "y", "scorer": "judge"}'

    with pytest.raises(NotImplementedYet, match=r"t\.jsonl:1: scorer: this version has no judge"):
        parse_tasks(line, file="t.jsonl")


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
