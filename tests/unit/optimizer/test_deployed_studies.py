"""The studies that are shipped can be read, and each can end well."""

from datetime import date
from pathlib import Path

import pytest

from optimizer.study.estimate import breaks, estimate_study
from optimizer.study.opening import open_study
from optimizer.study.searchers import searcher_names

STUDIES = Path(__file__).parents[3] / "deploy" / "studies"
FILES = sorted(STUDIES.rglob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_shipped_study_can_be_run(file: Path) -> None:
    one = open_study(file, today=date(2026, 11, 24))

    one.check_possible()

    assert one.live is not None
    estimate = estimate_study(one.study, one.live.source, one.live.space, one.live.rules)
    assert breaks(estimate.worst, one.study.caps) == []
    assert one.questions > 0
    assert one.study.searcher.name in searcher_names()


def test_there_are_the_three_budgets_the_joint_and_the_sensitive_study() -> None:
    names = {file.stem for file in FILES}

    assert {"budget-18", "budget-42", "budget-80", "joint-latency", "sensitive"} <= names


def test_a_fifth_of_the_sensitive_questions_is_sensitive() -> None:
    lines = (STUDIES / "reference" / "tasks-sensitive.jsonl").read_text().splitlines()

    share = sum('"health"' in line for line in lines) / len(lines)

    assert 0.15 <= share <= 0.3
