"""Tasks, levels and splits."""

import re

import pytest

from reference.tasks import LEVELS, TASKS, is_right, questions, split_of
from reference.tasks.catalogue import Split

OPERATION = re.compile(r"(\d+) ([*+-]) (\d+) = (\d+)\.")
COMPUTE = {"*": int.__mul__, "+": int.__add__, "-": int.__sub__}


@pytest.mark.parametrize("task", ["dosage", "ledger"])
@pytest.mark.parametrize("level", LEVELS)
def test_the_working_is_right_and_as_long_as_the_level(task: str, level: int) -> None:
    for question in questions(count=60, seed=3, task=task, level=level):
        operations = OPERATION.findall(question.solution)
        assert len(operations) == level
        for left, sign, right, result in operations:
            assert COMPUTE[sign](int(left), int(right)) == int(result)
        assert operations[-1][3] == question.answer


@pytest.mark.parametrize("task", ["dosage", "ledger"])
def test_the_working_uses_the_numbers_of_the_text_and_its_own_results(task: str) -> None:
    for question in questions(count=200, seed=4, task=task):
        known = set(re.findall(r"(?<![_\d])\d+(?![\d>])", question.redacted.text))
        for left, _, right, result in OPERATION.findall(question.solution):
            assert {left, right} <= known, question.text
            known.add(result)


@pytest.mark.parametrize("level", LEVELS)
def test_a_lookup_answers_with_the_detail_in_the_entry_asked_for(level: int) -> None:
    for question in questions(count=60, seed=5, task="contacts", level=level):
        ask = question.text[question.text.rindex(". ") + 2 :]
        detail, name = re.findall(r"(?:the|Which) (\w+) (?:of|is noted for) (.+)\?", ask)[0]
        entry = question.text[question.text.index(f"{name}: ") :]
        found = entry[entry.index(f"{detail} ") + len(detail) + 1 :]
        assert found.startswith(question.answer)
        assert question.answer not in question.distractors


def test_every_solution_scores_as_right() -> None:
    for question in questions(count=300, seed=6):
        assert is_right(question.solution, question.answer)
        assert question.solution.endswith(f"\nAnswer: {question.answer}")


def test_an_answer_about_a_person_repeats_the_name() -> None:
    for question in questions(count=300, seed=7):
        if question.is_personal:
            assert "<PERSON_" in question.redacted.solution


def test_the_same_arguments_give_the_same_questions() -> None:
    assert questions(count=50, seed=8) == questions(count=50, seed=8)
    assert questions(count=50, seed=8) != questions(count=50, seed=9)


def test_questions_are_distinct_and_cover_every_task_and_level() -> None:
    drawn = questions(count=120, seed=10)

    assert len({question.id for question in drawn}) == len(drawn)
    assert {(q.task, q.level) for q in drawn} == {(t, lv) for t in TASKS for lv in LEVELS}


def test_splits_share_no_question_not_even_redacted() -> None:
    splits: tuple[Split, ...] = ("train", "search", "report")

    texts = [{q.redacted.text for q in questions(split=s, count=400, seed=1)} for s in splits]

    assert not texts[0] & texts[1]
    assert not texts[0] & texts[2]
    assert not texts[1] & texts[2]


def test_a_redacted_question_is_in_the_split_of_the_original() -> None:
    for question in questions(count=100, seed=2):
        assert split_of(question) == split_of(question.redacted) == "report"


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(KeyError):
        questions(count=1, task="poetry")
