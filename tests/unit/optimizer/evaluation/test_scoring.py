"""Each task is scored by its own scorer, and by nothing that the study does not allow."""

import pytest

from optimizer.evaluation.scoring import Scoring
from optimizer.evaluation.tasks import Task, parse_tasks
from optimizer.scoring.sandbox.cell import SandboxLimits
from runtime.errors import NotPermitted
from runtime.labels import PUBLIC

ROWS = """\
{"id": "n", "question": "q", "answer": 4, "scorer": "numeric"}
{"id": "r", "question": "q", "answer": "fo+ur", "scorer": "regex"}
{"id": "c", "question": "q", "scorer": "code", "code": {"tests": "assert twice(2) == 4"}}
{"id": "j", "question": "q", "scorer": "judge"}
"""
NUMERIC, REGEX, CODE, JUDGE = parse_tasks(ROWS)


@pytest.mark.parametrize(
    ("task", "answer", "right"),
    [
        (NUMERIC, "Answer: 4", 1.0),
        (NUMERIC, "Answer: 5", 0.0),
        (REGEX, "It is four.", 1.0),
        (CODE, "```python\ndef twice(x): return 2 * x\n```", 1.0),
        (CODE, "def twice(x): return x", 0.0),
        (CODE, "four", 0.0),
    ],
)
async def test_a_task_is_scored_by_its_scorer(task: Task, answer: str, right: float) -> None:
    scoring = Scoring(sandbox=SandboxLimits())

    first, again = [await scoring.score(task, answer, PUBLIC) for _ in range(2)]

    assert first == again
    assert first.right == right


@pytest.mark.parametrize("task", [CODE, JUDGE])
async def test_nothing_is_run_or_asked_that_the_study_does_not_allow(task: Task) -> None:
    with pytest.raises(NotPermitted):
        await Scoring().score(task, "def twice(x): return 2 * x", PUBLIC)


def test_a_verdict_on_code_depends_on_the_bounds_of_its_sandbox() -> None:
    short, long = (Scoring(sandbox=SandboxLimits(cpu_s=seconds)) for seconds in (1, 9))

    assert short.expectation(CODE) != long.expectation(CODE)
    assert short.expectation(NUMERIC) == long.expectation(NUMERIC) == "4"
