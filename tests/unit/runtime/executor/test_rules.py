"""What rules make of answers: sums are checked, schemas held, tasks divided."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.executor.rules import ABSTAINED, paragraphs_of, play_rule
from runtime.executor.sums import check_sums
from runtime.graph.rules import Rule

QUESTION = "Ms. Mercier takes 4 tablets of 8 mg. Then 13 mg are left out. How much is that?"


def verdict(answer: str, question: str = QUESTION) -> object:
    return play_rule(Rule.NUMBERS, question, [answer]).values["verdict"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("4 * 8 = 32. 32 - 13 = 19.\nAnswer: 19", "right"),
        ("4 * 8 = 31. 31 - 13 = 18.\nAnswer: 18", "wrong"),
        ("4 * 8 = 32. 32 - 13 = 19.\nAnswer: 91", "wrong"),
        ("Answer: 13", "right"),
        ("Answer: 77", "wrong"),
        ("It is green.", "unknown"),
        ("", "unknown"),
        ("11:15 - 20 min = 10:55.\nAnswer: 10:55", "right"),
        ("0:15 - 20 min = 23:55.\nAnswer: 23:55", "right"),
        ("11:15 - 20 min = 10:45.\nAnswer: 10:45", "wrong"),
        ("7 / 0 = 3.\nAnswer: 3", "wrong"),
    ],
)
def test_an_answer_is_right_when_its_sums_hold_and_its_result_follows(answer, said) -> None:
    assert verdict(answer) == said


def test_the_score_is_the_share_of_sums_that_hold() -> None:
    played = play_rule(Rule.NUMBERS, "", ["1 + 1 = 2. 2 + 2 = 5. Answer: 5"])

    assert played.values["score"] == 0.5


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from("+-*"))
def test_true_sums_hold_and_false_ones_do_not(first: int, second: int, sign: str) -> None:
    result = {"+": first + second, "-": first - second, "*": first * second}[sign]

    assert check_sums(f"So {first} {sign} {second} = {result}.").held == 1
    assert check_sums(f"So {first} {sign} {second} = {result + 1}.").held == 0


@given(st.sampled_from(Rule), st.text(), st.lists(st.text(), min_size=1, max_size=3))
def test_no_text_makes_a_rule_fail(rule: Rule, question: str, answers: list[str]) -> None:
    play_rule(rule, question, answers, json_schema='{"type": "object"}')


def test_agreement_passes_the_majority_on_with_its_share() -> None:
    played = play_rule(Rule.AGREEMENT, "", ["Answer: 3", "So it is 4. Answer: 4", "answer: 4."])

    assert played.text == "So it is 4. Answer: 4"
    assert played.values["agreement"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"dose": 3}', "right"),
        ('```json\n{"dose": 3}\n```', "right"),
        ('{"dose": "3"}', "wrong"),
        ('{"dose": 3, "note": ""}', "wrong"),
        ('{"dose": true}', "wrong"),
        ("{}", "wrong"),
        ("dose: 3", "wrong"),
        ("[" * 100_000, "wrong"),
    ],
)
def test_an_answer_is_held_against_its_schema(answer, said) -> None:
    schema = {
        "type": "object",
        "properties": {"dose": {"type": "integer", "minimum": 0}},
        "required": ["dose"],
        "additionalProperties": False,
    }

    played = play_rule(Rule.SCHEMA, "", [answer], json_schema=json.dumps(schema))

    assert played.values["verdict"] == said


def test_paragraphs_are_divided_by_what_is_private() -> None:
    played = play_rule(Rule.PARAGRAPHS, "Anna is 3.\n\nHow hot is it?", [], private=[True, False])

    assert played.values["private"] == ("Anna is 3.",)
    assert played.values["open"] == ("How hot is it?",)


def test_where_nobody_knows_what_is_private_everything_is() -> None:
    played = play_rule(Rule.PARAGRAPHS, "Anna is 3.\nHow hot is it?", [], private=[False])

    assert played.values["open"] == ()


@given(st.text())
def test_no_word_is_lost_by_dividing(text: str) -> None:
    assert " ".join(paragraphs_of(text)).split() == text.split()


def test_who_abstains_says_so() -> None:
    assert play_rule(Rule.ABSTAIN, "", ["42"]).text == ABSTAINED
