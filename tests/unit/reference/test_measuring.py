"""Measuring with a model that is a plain function."""

from collections.abc import Sequence

from reference.measuring import report_examples, run
from reference.tasks import questions
from runtime.executor.prompts import ChatMessage

EXAMPLES = report_examples(120)
SOLUTIONS = {example.messages[0].content: example.target for example, _ in EXAMPLES}


def knows_all(messages: Sequence[ChatMessage]) -> str:
    return SOLUTIONS[messages[0].content]


def knows_nothing(messages: Sequence[ChatMessage]) -> str:
    return "I do not know."


def test_a_model_that_knows_all_is_always_right() -> None:
    groups = run(knows_all, EXAMPLES).groups()

    assert all(part.share == 1.0 and part.count for part in groups.values())
    assert groups["plain"].count == 120


def test_a_model_that_knows_nothing_is_never_right() -> None:
    groups = run(knows_nothing, EXAMPLES).groups()

    assert all(part.right == 0 for part in groups.values())


def test_redacted_examples_are_the_redacted_form_of_the_same_questions() -> None:
    texts = {question.redacted.text for question in questions(count=120) if question.is_personal}

    redacted = [example.question.text for example, is_redacted in EXAMPLES if is_redacted]

    assert redacted
    assert set(redacted) <= texts


def test_each_example_ticks_once() -> None:
    ticks: list[None] = []

    run(knows_nothing, EXAMPLES, lambda: ticks.append(None))

    assert len(ticks) == len(EXAMPLES)
