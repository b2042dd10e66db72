"""The pool of real answers that the roles phase trains on."""

import random
from pathlib import Path

import pytest

from reference.answers import AnswerPool, load_answers, pool_questions, save_answers
from reference.examples import pool_example
from reference.tasks import TASKS, split_of

QUESTIONS = pool_questions(60)
POOL = AnswerPool(
    QUESTIONS,
    {
        name: [[f"{name} says {place}", f"{name} adds {place}"] for place in range(60)]
        for name in ("tern-x", "gannet-x")
    },
)


def test_the_pool_holds_training_questions_only() -> None:
    raw = [question for question in QUESTIONS if "<" not in question.text]

    assert raw
    assert all(split_of(question) == "train" for question in raw)


def test_the_pool_is_the_same_at_every_call() -> None:
    assert pool_questions(60) == QUESTIONS


def test_candidates_answer_the_question_they_stand_beside() -> None:
    rng = random.Random(0)

    for task in TASKS:
        for _ in range(20):
            question, place = POOL.draw(rng, task)
            assert QUESTIONS[place] == question
            drawn = POOL.candidates(place, rng, 3)
            assert len(drawn) == 3
            assert all(text.endswith(f" {place}") for text in drawn)


def test_an_example_of_the_pool_shows_real_answers_and_wants_the_right_one() -> None:
    example = pool_example(POOL, "ledger", "fuser", random.Random(1))

    assert "says" in example.messages[0].content or "adds" in example.messages[0].content
    assert example.target == example.question.solution


def test_saved_answers_come_back(tmp_path: Path) -> None:
    for name, answers in POOL.answers.items():
        save_answers(tmp_path, name, answers)

    assert load_answers(tmp_path) == POOL


def test_without_answers_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"reference\.sample"):
        load_answers(tmp_path)
