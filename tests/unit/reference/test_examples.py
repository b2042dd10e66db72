"""Training formats and corrupted answers."""

import random
from itertools import islice

from reference.corruption import corrupt
from reference.examples import FORMATS, example_of, examples
from reference.models import MODELS
from reference.tasks import is_right, questions, split_of
from runtime.executor.prompts import ChatMessage, compose
from runtime.graph.roles import Role

MIXTURE = MODELS["tern-s"].mixture


def test_a_corrupted_answer_is_never_right() -> None:
    rng = random.Random(0)

    for question in questions(count=600, seed=21):
        for form in (question, question.redacted):
            assert not is_right(corrupt(form, rng), form.answer)


def test_a_corrupted_answer_of_a_redacted_question_names_nobody() -> None:
    rng = random.Random(1)

    for question in questions(count=300, seed=22):
        names = [question.text[s.start : s.end] for s in question.spans if s.kind == "person"]
        written = corrupt(question.redacted, rng)
        assert not any(name in written for name in names)


def test_a_fuser_prompt_is_what_the_executor_composes() -> None:
    question = questions(count=1, seed=23)[0]

    example = example_of(question, "fuser", random.Random(2))

    request = [ChatMessage("user", question.text)]
    frame = compose(Role.FUSER, request, ["", ""])[0].content.partition("[1]")[0]
    assert example.messages[0].content.startswith(frame)
    assert example.messages[0].content.endswith("\n\nMerge them.")
    assert example.target == question.solution


def test_every_format_is_drawn_about_as_often_as_the_mixture_says() -> None:
    drawn = [example.format for example in islice(examples(MIXTURE, split="train", seed=3), 2000)]

    for name in FORMATS:
        assert abs(drawn.count(name) / 2000 - MIXTURE.formats[name]) < 0.05


def test_training_examples_come_from_the_train_split_only() -> None:
    for example in islice(examples(MIXTURE, split="train", seed=4), 300):
        if "<" not in example.question.text:
            assert split_of(example.question) == "train"


def test_the_same_seed_gives_the_same_examples() -> None:
    first = list(islice(examples(MIXTURE, split="train", seed=5), 50))

    assert first == list(islice(examples(MIXTURE, split="train", seed=5), 50))
