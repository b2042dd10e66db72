"""Rules in a running graph: no call, the right edges, the restored answer, the parts alone."""

import pytest

from runtime.labels import Label
from runtime.patterns.book import pattern_of
from runtime.testing.fakes import FakeReleases, Script
from runtime.testing.plans import graph_of, plan_of, redact

NAME = "Anna Kowalska"
SUMS = graph_of(
    """near: {role: assistant, model: slm}
    check: {role: verifier, rule: numbers, outputs: {verdict: [right, wrong, unknown]}}
    far: {role: assistant, model: llm}
    final: {role: fuser, rule: last}""",
    "near -> check",
    '{from: check, to: final, when: "check.verdict == right"}',
    "{from: check, to: far, otherwise: true}",
    "far -> final",
)


@pytest.fixture
def bench(bench):
    bench.releases = FakeReleases({NAME: "person"})
    return bench


async def test_a_right_sum_is_answered_without_the_cloud(bench) -> None:
    bench.near.answer("2 + 2 = 4.\nAnswer: 4", step="near")

    ran = await bench.run(plan_of(SUMS, cloud={"far"}))

    assert ran.answer == ran.streamed == "2 + 2 = 4.\nAnswer: 4"
    assert not bench.far.requests
    assert [step.calls for step in ran.receipt.steps] == [1, 0, 0]


async def test_a_wrong_sum_is_brought_before_the_large_model(bench, text_read) -> None:
    bench.near.answer("2 + 2 = 5.\nAnswer: 5", step="near")
    bench.far.answer("2 + 2 = 4.\nAnswer: 4", step="far")

    ran = await bench.run(plan_of(SUMS, cloud={"far"}))

    assert ran.answer == "2 + 2 = 4.\nAnswer: 4"
    assert "Earlier answer:\n2 + 2 = 5." in text_read("far")


async def test_a_rule_that_answers_in_released_form_is_restored(bench) -> None:
    plan = plan_of(
        SUMS,
        label=Label.of("person"),
        cloud={"far"},
        released={"near", "check", "far", "final"},
        releases=(redact("person"),),
    )
    bench.near.answer("<PERSON_1> takes 2 + 2 = 4.\nAnswer: 4", step="near")

    ran = await bench.run(plan, f"How much does {NAME} take?")

    assert ran.answer == ran.streamed == f"{NAME} takes 2 + 2 = 4.\nAnswer: 4"


async def test_the_cloud_reads_only_lines_in_which_nothing_sensitive_stands(bench) -> None:
    plan = plan_of(
        pattern_of("split").graph,
        label=Label.of("person"),
        cloud={"far"},
        released={"divide", "far"},
        releases=(redact("person"),),
    )
    bench.far.answer("Answer: 4", step="far")
    bench.near.answer("Answer: 40", step="near")

    ran = await bench.run(plan, f"How old is {NAME}?\nWhat is 2 + 2?")

    (sent,) = bench.far.requests
    (kept,) = bench.near.requests
    assert [turn.content for turn in sent.messages] == ["What is 2 + 2?"]
    assert [turn.content for turn in kept.messages] == [f"How old is {NAME}?"]
    assert ran.answer == "Answer: 4\n\nAnswer: 40"


async def test_nothing_is_sent_where_every_line_is_private(bench) -> None:
    plan = plan_of(
        pattern_of("split").graph,
        label=Label.of("person"),
        cloud={"far"},
        released={"divide", "far"},
        releases=(redact("person"),),
    )
    bench.near.answer("Answer: 40", step="near")

    ran = await bench.run(plan, f"How old is {NAME}?")

    assert not bench.far.requests
    assert ran.answer == "Answer: 40"


async def test_a_hint_tells_how_sure_its_model_was(bench, text_read) -> None:
    bench.near.answer(Script("Four.", logprob=-0.1), step="hint")

    await bench.run(plan_of(pattern_of("hint-then-answer").graph, cloud={"answer"}))

    assert "Guidance, 90% sure:\nFour." in text_read("answer")


VOTE = graph_of(
    """first: {role: assistant, model: slm, samples: 3}
    second: {role: assistant, model: slm, samples: 2}
    vote: {role: verifier, rule: vote}
    far: {role: assistant, model: llm}
    final: {role: fuser, rule: last}""",
    "[first, second] -> vote",
    '{from: vote, to: far, when: "vote.agreement < 0.6"}',
    "{from: vote, to: final, otherwise: true}",
    "far -> final",
)


async def test_every_sample_has_a_voice_in_a_vote_of_two_models(bench) -> None:
    bench.near.answer("Answer: 4", "Answer: 5", "Answer: 5", step="first")
    bench.near.answer("It is 4. Answer: 4", "Answer: 4", step="second")

    ran = await bench.run(plan_of(VOTE, cloud={"far"}))

    assert ran.answer == "Answer: 4"
    assert not bench.far.requests


async def test_a_vote_without_enough_agreement_asks_the_cloud(bench, text_read) -> None:
    bench.near.answer("Answer: 4", "Answer: 5", "Answer: 6", step="first")
    bench.near.answer("Answer: 4", "Answer: 7", step="second")
    bench.far.answer("Answer: 8", step="far")

    ran = await bench.run(plan_of(VOTE, cloud={"far"}))

    assert ran.answer == "Answer: 8"
    assert "Earlier answer:\nAnswer: 4" in text_read("far")


async def test_a_vote_in_released_form_passes_on_what_the_caller_may_read(bench) -> None:
    plan = plan_of(
        VOTE,
        label=Label.of("person"),
        cloud={"far"},
        released={"first", "second", "vote", "far", "final"},
        releases=(redact("person"),),
    )
    bench.near.answer("<PERSON_1> 4", "<PERSON_1> 4", "5", step="first")
    bench.near.answer("<PERSON_1> 4", "6", step="second")

    ran = await bench.run(plan, f"How much does {NAME} take?")

    assert ran.answer == f"{NAME} 4"
