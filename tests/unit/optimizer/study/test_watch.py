"""Fresh questions speak for or against a graph; questions of the search do not count as fresh."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from optimizer.evaluation.graph_shapes import SpaceLimits
from optimizer.evaluation.model import Answered, outcomes_of
from optimizer.evaluation.tasks import Task
from optimizer.scoring.model import Scorer
from optimizer.search.model import Candidate, CandidateKey, Constraint, Measure
from optimizer.study.archive import Measured, measured_of
from optimizer.study.keeping import Keeping
from optimizer.study.model import Caps, LiveSource, SearcherChoice, Study
from optimizer.study.watch import OneGraph, fresh_study, verdict_of
from runtime.errors import StudyInvalid
from runtime.labels import PUBLIC
from runtime.testing.plans import CATALOG, POLICY

CANDIDATE = Candidate(CandidateKey("one"), (0,))
KEEPING = Keeping((Constraint(Measure.CLOUD_SHARE, 0.3),), confidence=0.95, questions=100)


def task(name: str) -> Task:
    return Task(name, f"what is {name}?", name, Scorer.EXACT, PUBLIC)


def study_of(*tasks: Task) -> tuple[Study, LiveSource]:
    limits = SpaceLimits(("slm",), ("slm",), ("assistant",), 0, 1, 1, 50, 0.0)
    source = LiveSource(tasks, CATALOG, POLICY, "policy", limits, "127.0.0.1:1", None, 60.0, 0, {})
    study = Study(
        name="one",
        file=Path("study.yaml"),
        hash="hash",
        outcomes_hash="outcomes",
        source=source,
        caps=Caps(),
        constraints=(),
        confidence=0.95,
        objectives=("accuracy",),
        searcher=SearcherChoice("random", {}),
        trials=9,
        batch=3,
        seed=1,
        workers=2,
        warm_start=None,
    )
    return study, source


def measured(right: int, of: int, *, exposed: int = 0) -> Measured:
    answers: Mapping[int, Answered] = {
        question: Answered(float(question < right), question < exposed, 0.0, 0.0, 0.1)
        for question in range(of)
    }
    return measured_of(1, CANDIDATE, answers, keeping=KEEPING)


def test_questions_of_the_search_are_left_out() -> None:
    study, source = study_of(task("a"), task("b"))
    same_text = replace(task("c"), question=task("a").question)

    fresh = fresh_study(study, source, [task("a"), task("d"), same_text])

    assert isinstance(fresh.source, LiveSource)
    assert [one.id for one in fresh.source.tasks] == ["d"]
    assert fresh.hash != study.hash
    assert fresh.trials == 1


def test_only_questions_of_the_search_are_refused() -> None:
    study, source = study_of(task("a"), task("b"))

    with pytest.raises(StudyInvalid, match="only questions that the study was searched on"):
        fresh_study(study, source, [task("b")])


@pytest.mark.parametrize(
    ("now", "count", "words"),
    [
        (measured(80, 100), 0, ""),
        (measured(75, 100), 0, ""),
        (measured(50, 100), 1, "right 50.0% against 80.0%"),
        (measured(80, 100, exposed=40), 1, "cloud_share 0.4 on fresh questions"),
        (measured(40, 100, exposed=40), 2, "right 40.0%"),
    ],
)
def test_a_graph_is_searched_again_for_reasons_that_chance_does_not_explain(
    now: Measured, count: int, words: str
) -> None:
    verdict = verdict_of(measured(80, 100), now, confidence=0.95)

    assert len(verdict.reasons) == count
    assert words in " ".join(verdict.reasons)


def test_one_graph_is_asked_everything_once() -> None:
    searcher = OneGraph(CANDIDATE, questions=3)

    (trial,) = searcher.ask(5)
    searcher.tell(trial, outcomes_of([]))

    assert trial.questions == (0, 1, 2)
    assert searcher.ask() == ()
    assert searcher.recommend() is None
