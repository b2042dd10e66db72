"""Promises 2 and 5 through the real detectors, releases and vault, on questions of the demo."""

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.privacy.releases import EdgeReleases
from edge.privacy.vault import Vault
from reference.tasks import questions
from reference.tasks.identifiers import draw_email, draw_iban, draw_phone
from reference.tasks.people import draw_person
from reference.tasks.question import Question
from runtime.clock import SystemClock
from runtime.ids import PlanId, RequestId, SessionId, StepId
from runtime.labels import Label
from runtime.ports import ChatMessage, Provenance
from runtime.sentinel.categories import CONTACT, FINANCE, PERSON
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel

SENTINEL = Sentinel(default_detectors())
REMOVED = frozenset({PERSON, CONTACT, FINANCE})
QUESTIONS = list(questions(split="search", count=120, seed=7))


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[EdgeReleases]:
    with closing(Vault(tmp_path, clock=SystemClock())) as vault:
        yield EdgeReleases(SENTINEL, vault, clock=SystemClock())


def provenance(name: str) -> Provenance:
    """A request in a session of its own."""
    return Provenance(RequestId(name), SessionId(name), PlanId("p"), StepId("s"))


async def released(releases: EdgeReleases, text: str, name: str) -> str:
    """Release one text."""
    (message,), _ = await releases.release([ChatMessage("user", text)], REMOVED, provenance(name))
    return message.content


async def test_no_identifier_of_a_question_is_released_and_it_comes_back_exactly(
    releases: EdgeReleases,
) -> None:
    for question in QUESTIONS:
        left = await released(releases, question.text, question.id)

        values = {question.text[s.start : s.end] for s in question.spans if s.kind != "health"}
        assert not any(value in left for value in values)
        assert (await SENTINEL.scan(left)).label in {Label(), Label.of("health")}
        assert await releases.restore(left, provenance(question.id)) == question.text


async def test_the_released_form_is_the_one_that_the_reference_models_know(
    releases: EdgeReleases,
) -> None:
    for question in QUESTIONS:
        assert await released(releases, question.text, question.id) == question.redacted.text


async def test_questions_with_other_secrets_are_released_as_the_same_bytes(
    releases: EdgeReleases,
) -> None:
    rng = random.Random(3)
    for question in QUESTIONS:
        twin = with_other_secrets(question, rng)

        first = await released(releases, question.text, f"{question.id}-1")
        second = await released(releases, twin, f"{question.id}-2")

        assert first == second


def with_other_secrets(question: Question, rng: random.Random) -> str:
    """Write the same question about other people: same kinds, same coreference."""
    draw = {
        "person": lambda: draw_person(rng).name,
        "phone": lambda: draw_phone(rng).value,
        "iban": lambda: draw_iban(rng).value,
        "email": lambda: draw_email(rng, draw_person(rng)).value,
    }
    other: dict[str, str] = {}
    text, position = "", 0
    for span in sorted(question.spans, key=lambda span: span.start):
        value = question.text[span.start : span.end]
        if span.kind in draw:
            while value not in other or list(other.values()).count(other[value]) > 1:
                other[value] = draw[span.kind]()  # a second draw of one value would corefer
            text += question.text[position : span.start] + other[value]
            position = span.end
    return text + question.text[position:]
