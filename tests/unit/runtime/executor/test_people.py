"""The rule ``person``: what they are shown, what comes back, and what happens where nobody is."""

from dataclasses import dataclass, field

import pytest

from runtime.executor.people import PersonAnswer, PersonQuestion
from runtime.executor.rules import ABSTAINED
from runtime.labels import Label
from runtime.testing.fakes import FakeReleases
from runtime.testing.plans import graph_of, plan_of, redact

GRAPH = graph_of(
    """near: {role: assistant, model: slm}
    person: {role: guard, rule: person}
    final: {role: fuser, rule: last}""",
    '{from: near, to: final, when: "near.tokens > 1000"}',
    "{from: near, to: person, otherwise: true}",
    "person -> final",
)


@dataclass
class Desk:
    """A person who always says the same."""

    says: PersonAnswer | None
    asked: list[PersonQuestion] = field(default_factory=list)

    async def answer(self, question: PersonQuestion) -> PersonAnswer | None:
        self.asked.append(question)
        return self.says


async def test_a_person_reads_question_and_answer_and_their_words_are_the_answer(bench) -> None:
    bench.near.answer("It is 5.", step="near")
    bench.people = Desk(PersonAnswer("It is 4.", "dr.may"))

    ran = await bench.run(plan_of(GRAPH), "What is 2 + 2?", deadline_s=100.0)

    (question,) = bench.people.asked
    assert question.content == "[question] What is 2 + 2?\n\n[not relied on] It is 5."
    assert 80.0 < question.longest_s <= 90.0
    assert ran.answer == ran.streamed == "It is 4."
    assert [step.person for step in ran.receipt.steps] == ["", "dr.may", ""]
    assert [step.calls for step in ran.receipt.steps] == [1, 0, 0]


@pytest.mark.parametrize("people", [None, Desk(None)], ids=["nobody is there", "no answer"])
async def test_without_an_answer_the_caller_is_told_so(bench, people) -> None:
    bench.near.answer("It is 5.", step="near")
    bench.people = people

    ran = await bench.run(plan_of(GRAPH))

    assert ran.answer == ABSTAINED
    assert [step.person for step in ran.receipt.steps] == ["", "", ""]


async def test_in_released_form_a_person_reads_placeholders_and_what_they_write_is_restored(
    bench,
) -> None:
    bench.releases = FakeReleases({"Anna Kowalska": "person"})
    bench.near.answer("<PERSON_1> takes 5.", step="near")
    bench.people = Desk(PersonAnswer("<PERSON_1> takes 4.", "may"))
    plan = plan_of(
        GRAPH,
        label=Label.of("person"),
        released={"near", "person", "final"},
        releases=(redact("person"),),
    )

    ran = await bench.run(plan, "How many does Anna Kowalska take?")

    (question,) = bench.people.asked
    assert "Kowalska" not in question.content
    assert ran.answer == "Anna Kowalska takes 4."
