"""Text rules judge as their names say, on answers as models write them."""

import pytest

from optimizer.scoring.choices import is_same_choice
from optimizer.scoring.expectations import expectation_problem
from optimizer.scoring.model import Scorer
from optimizer.scoring.numbers import is_same_number
from optimizer.scoring.patterns import is_found
from optimizer.scoring.texts import is_exact


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ("Working.\nAnswer: 12 boxes.", "12 Boxes", True),
        ("Answer: 12", "21", False),
        ('Answer: "Paris"', "paris", True),
        ("**Answer:** Paris!", "Paris", True),
        ("Answer: **Paris**.", "Paris", True),
        ("Answer: New\n York", "new york", True),
        ("cafe\u0301", "caf\xe9", True),
        ("\ufb01ve", "five", True),
        ("so \\boxed{x + 1}", "x + 1", True),
        ("#### 7", "7", True),
        ("Paris, France", "Paris", False),
        ("Answer: not Paris", "Paris", False),
        ("", "Paris", False),
    ],
)
def test_an_exact_answer_is_the_expected_text(answer: str, expected: str, right: bool) -> None:
    assert is_exact(answer, expected) is right


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ("It is 3 x 4, so Answer: $1,250.50", "1250.5", True),
        ("first 7 then 8", "8.0", True),
        ("#### 1,234", "1234", True),
        ("so \\boxed{42}.", "42", True),
        ("Answer: **18**.", "18", True),
        ("Answer: 42 (6 x 7 makes 42, not 48)", "42", True),
        ("Answer: (42)", "42", True),
        ("Answer: 0.30000000000000004", "0.3", False),
        ("Answer: 1e-3", "0.001", True),
        ("Answer: 5 x 10^3", "5000", True),
        ("Answer: 5 \xd7 10\xb3", "5000", True),
        ("Answer: 3/4", "0.75", True),
        ("Answer: 1/4", "3/4", False),
        ("\\boxed{-\\frac{3}{4}}", "-0.75", True),
        ("Answer: 5 m2", "5", True),
        ("Answer: 5 m^2", "5", True),
        ("Answer: 12kg", "12", True),
        ("Answer: 50%", "50", True),
        ("Answer: -$5", "-5", True),
        ("Answer: \u22127", "-7", True),
        ("pages 10-12", "12", True),
        ("Answer: 1\u202f250\u202f000", "1250000", True),
        ("Answer: 1'250", "1250", True),
        ("\\$1{,}250", "1250", True),
        ("Answer: 1,2,3", "3", True),
        ("Answer: -5", "5", False),
        ("Answer: many", "3", False),
        ("made of H2O", "2", False),
        ("Answer: 1e999999999", "3", False),
        ("Answer: 10/0", "10", False),
        ("9" * 5000, "9", False),
    ],
)
def test_a_numeric_answer_is_the_expected_number(answer: str, expected: str, right: bool) -> None:
    assert is_same_number(answer, expected) is right


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ("I think (B) because A is wrong", "b", True),
        ("Answer: b.", "B", True),
        ("C: twelve", "C", True),
        ("B) Paris", "(B)", True),
        ("B\nBecause it is.", "B", True),
        ("**B**", "B", True),
        ("\\boxed{\\text{B}}", "B", True),
        ("Answer: 12", "12", True),
        ("I would take option d here", "D", True),
        ("The correct choice is: B", "B", True),
        ("The answer is (C), not (A).", "C", True),
        ("Option A is wrong; option B is right", "B", True),
        ("B is correct", "B", True),
        ("It must be C since it rains", "C", True),
        ("Answer: A", "A", True),
        ("Answer: C", "B", False),
        ("either B or C", "B", False),
        ("The answer is not B", "B", False),
        ("A cat", "A", False),
        ("no option", "B", False),
        ("", "B", False),
    ],
)
def test_a_choice_is_the_expected_option(answer: str, expected: str, right: bool) -> None:
    assert is_same_choice(answer, expected) is right


@pytest.mark.parametrize(
    ("answer", "pattern", "right"),
    [
        ("see ticket AB-123 there", r"[A-Z]{2}-\d+", True),
        ("nothing", r"[A-Z]{2}-\d+", False),
        ("a" * 40 + "!", r"(a|aa)+$", False),
    ],
)
async def test_a_pattern_is_searched_for_within_a_bounded_time(
    answer: str, pattern: str, right: bool
) -> None:
    assert await is_found(pattern, answer) is right


@pytest.mark.parametrize(
    ("scorer", "expected", "problem"),
    [
        (Scorer.EXACT, "'.'", "holds nothing"),
        (Scorer.NUMERIC, "twelve", "not a number"),
        (Scorer.CHOICE, "none of these", "one letter"),
        (Scorer.REGEX, "(", "regular expression"),
        (Scorer.REGEX, "a{99999999999999999999}", "regular expression"),
        (Scorer.REGEX, ".*", "matches an empty answer"),
    ],
)
def test_expectations_that_nothing_or_everything_meets_are_found(
    scorer: Scorer, expected: str, problem: str
) -> None:
    assert problem in str(expectation_problem(scorer, expected))


@pytest.mark.parametrize(
    ("scorer", "expected"),
    [
        (Scorer.EXACT, "anything"),
        (Scorer.NUMERIC, "1,000.5"),
        (Scorer.CHOICE, "(c)"),
        (Scorer.REGEX, r"\d+"),
    ],
)
def test_expectations_that_can_be_met_are_taken(scorer: Scorer, expected: str) -> None:
    assert expectation_problem(scorer, expected) is None
