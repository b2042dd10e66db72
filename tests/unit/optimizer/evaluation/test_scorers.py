"""Scorers judge as their names say, on answers as models write them."""

import pytest

from optimizer.evaluation.scorers import Scorer, expectation_problem, score
from runtime.errors import NotImplementedYet


@pytest.mark.parametrize(
    ("scorer", "answer", "expected", "right"),
    [
        (Scorer.EXACT, "Working.\nAnswer: 12 boxes.", "12 Boxes", 1.0),
        (Scorer.EXACT, "Answer: 12", "21", 0.0),
        (Scorer.NUMERIC, "It is 3 x 4, so Answer: $1,250.50", "1250.5", 1.0),
        (Scorer.NUMERIC, "first 7 then 8", "8.0", 1.0),
        (Scorer.NUMERIC, "Answer: 0.30000000000000004", "0.3", 0.0),
        (Scorer.NUMERIC, "Answer: 1e-3", "0.001", 1.0),
        (Scorer.NUMERIC, "Answer: many", "3", 0.0),
        (Scorer.NUMERIC, "Answer: 1e999999999", "3", 0.0),
        (Scorer.NUMERIC, "Answer: -5", "5", 0.0),
        (Scorer.CHOICE, "I think (B) because A is wrong", "b", 1.0),
        (Scorer.CHOICE, "Answer: C", "B", 0.0),
        (Scorer.CHOICE, "Answer: b.", "B", 1.0),
        (Scorer.CHOICE, "C: twelve", "C", 1.0),
        (Scorer.CHOICE, "Answer: 12", "12", 1.0),
        (Scorer.CHOICE, "I would take option d here", "D", 1.0),
        (Scorer.CHOICE, "A cat", "A", 0.0),
        (Scorer.CHOICE, "no option", "B", 0.0),
        (Scorer.REGEX, "see ticket AB-123 there", r"[A-Z]{2}-\d+", 1.0),
        (Scorer.REGEX, "nothing", r"[A-Z]{2}-\d+", 0.0),
    ],
)
def test_answers_are_judged(scorer: Scorer, answer: str, expected: str, right: float) -> None:
    assert score(scorer, answer, expected) == right


@pytest.mark.parametrize("scorer", [Scorer.CODE, Scorer.JUDGE])
def test_what_needs_a_sandbox_or_a_judge_is_not_in_this_version(scorer: Scorer) -> None:
    with pytest.raises(NotImplementedYet, match=f"no {scorer.value} scorer"):
        score(scorer, "print(1)", "1")


@pytest.mark.parametrize(
    ("scorer", "expected", "problem"),
    [
        (Scorer.NUMERIC, "twelve", "not a number"),
        (Scorer.CHOICE, "none of these", "one letter"),
        (Scorer.REGEX, "(", "regular expression"),
        (Scorer.EXACT, "anything", None),
    ],
)
def test_expectations_that_nothing_meets_are_found(
    scorer: Scorer, expected: str, problem: str | None
) -> None:
    found = expectation_problem(scorer, expected)

    assert (found is None) == (problem is None)
    assert problem is None or problem in str(found)
