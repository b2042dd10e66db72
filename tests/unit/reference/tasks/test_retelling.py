"""Questions about somebody, told about nobody."""

import re

import pytest

from reference.tasks import Question, questions
from reference.tasks.retelling import retold

PERSONAL = [one for one in questions(split="train", count=160, seed=5) if one.is_personal]
SUMS = [one for one in PERSONAL if one.task != "contacts"]
NUMBER = re.compile(r"\d+")


DOSE = (
    "Ms. Luca Hughes takes 12 mg of iron. Ordered by Dr. Amara Wolf. An extra dose of 6 mg is"
    " added. This is repeated 5 times. How much is that for Luca Hughes?"
)
BULBS = (
    "A shelf holds 12 bulbs. Then 6 bulbs arrive. The stock grows 5 times as large."
    " How many bulbs are there now?"
)
SHIFT = (
    "Nurse Tomasz Pearce starts at 11:25. The pharmacy takes 4 hours. Phone: +44 7700 900191. Then"
    " come 5 visits of 20 minutes each. When is Tomasz Pearce done?"
)
PUMP = (
    "The pump starts at 11:25. It then runs for 4 hours. Then come 5 stops of 20 minutes each."
    " When is it done?"
)
REGISTER = (
    "Ana Holt: email a.holt@example.org, room 25. Meera Mazur: email m@example.org, room 6. What is"
    " the room of Meera Mazur?"
)
SHELVES = "lamp: shelf 25. chair: shelf 6. What is the shelf of chair?"


@pytest.mark.parametrize(
    ("text", "wanted"), [(DOSE, BULBS), (SHIFT, PUMP), (REGISTER, SHELVES)], ids=lambda one: one[:9]
)
def test_the_sums_stay_and_the_people_go(text: str, wanted: str) -> None:
    assert retold(text) == wanted


@pytest.mark.parametrize(
    "text", ["Ana Wolf: phone +44 7700 900191. Which phone is noted for Ana Wolf?", "Who are you?"]
)
def test_what_only_somebodys_data_answers_is_not_retold(text: str) -> None:
    assert retold(text) is None


@pytest.mark.parametrize("question", PERSONAL, ids=lambda one: one.id)
def test_nobodys_data_is_left(question: Question) -> None:
    told = retold(question.text) or ""

    assert not [s for s in question.spans if question.text[s.start : s.end] in told]


@pytest.mark.parametrize("question", SUMS, ids=lambda one: one.id)
def test_every_sum_has_all_its_numbers(question: Question) -> None:
    told = retold(question.text)
    working = NUMBER.findall(question.solution.partition("Answer:")[0])

    assert told is not None
    assert set(NUMBER.findall(told)) <= {*working, *NUMBER.findall(question.text)}
    assert set(NUMBER.findall(told)) >= {
        number for number in NUMBER.findall(_without_asides(question)) if number in working
    }


def _without_asides(question: Question) -> str:
    text = question.text
    for span in sorted(question.spans, key=lambda one: -one.start):
        text = text[: span.start] + text[span.end :]
    return text
