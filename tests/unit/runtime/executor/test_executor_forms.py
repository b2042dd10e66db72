"""Which form of the request each step reads, what is restored for whom, and with what label."""

import pytest

from runtime.errors import PolicyViolation, UpstreamUnavailable
from runtime.executor.events import AnswerDelta, AnswerFinished, ReleaseApplied, StepStarted
from runtime.flow.model import PlannedRelease
from runtime.ids import Category, StepId
from runtime.labels import PUBLIC, Label, Level
from runtime.policy.model import Policy, ReleaseKind, ReleaseRule
from runtime.ports import ReleaseRecord
from runtime.testing.fakes import FakeReleases, Script
from runtime.testing.plans import EDGE, POLICY, graph_of, plan_of, redact

NAME = "Anna Kowalska"
QUESTION = f"How old is {NAME}?"
PERSON = Label.of("person")
ONE = graph_of("only: {role: assistant}")
CHAIN = graph_of("draft: {role: assistant}\nfinal: {role: assistant}", "draft -> final")


@pytest.fixture
def bench(bench):
    bench.releases = FakeReleases({NAME: "person"})
    return bench


async def test_the_cloud_sees_placeholders_and_the_caller_sees_names(bench) -> None:
    plan = plan_of(
        ONE, label=PERSON, cloud={"only"}, released={"only"}, releases=(redact("person"),)
    )
    bench.far.answer(Script(pieces=("<PER", "SON_1>", " is 40.")))

    ran = await bench.run(plan, QUESTION)

    assert bench.far.requests[0].messages[0].content == "How old is <PERSON_1>?"
    assert bench.far.requests[0].label == PUBLIC
    assert ran.answer == ran.streamed == f"{NAME} is 40."
    assert ran.of(AnswerFinished)[0].label == PERSON


async def test_the_request_is_released_once_and_before_any_step_starts(bench) -> None:
    plan = plan_of(
        CHAIN,
        label=PERSON,
        cloud={"draft"},
        released={"draft", "final"},
        releases=(redact("person"),),
    )

    ran = await bench.run(plan, QUESTION)

    record = ReleaseRecord("redact", (Category("person"),), 1)
    assert bench.releases.released == [("redact", frozenset({"person"}))]
    assert ran.names()[:3] == ["RunPlanned", "ReleaseApplied", "StepStarted"]
    assert ran.of(ReleaseApplied) == [ReleaseApplied(record)]
    assert ran.receipt.releases == (record,)
    assert bench.far.requests[0].provenance.releases == (record,)
    assert [line.releases for line in ran.receipt.steps] == [(record,), (record,)]


async def test_nothing_is_released_when_every_step_reads_the_raw_request(bench) -> None:
    ran = await bench.run(plan_of(CHAIN, label=PERSON, releases=(redact("person"),)), QUESTION)

    assert bench.releases.released == []
    assert ran.receipt.releases == ()
    assert bench.near.requests[0].messages[0].content == QUESTION


async def test_a_step_on_the_raw_form_reads_its_predecessors_restored(bench, text_read) -> None:
    plan = plan_of(
        CHAIN, label=PERSON, cloud={"draft"}, released={"draft"}, releases=(redact("person"),)
    )
    bench.far.answer("<PERSON_1> is 40.")

    await bench.run(plan, QUESTION)

    assert f"{NAME} is 40." in text_read("final")
    assert "<PERSON_1>" not in text_read("final")


async def test_a_step_on_the_released_form_reads_answers_as_they_came(bench, text_read) -> None:
    plan = plan_of(
        CHAIN,
        label=PERSON,
        cloud={"final"},
        released={"draft", "final"},
        releases=(redact("person"),),
    )
    bench.near.answer("<PERSON_1> is 40.")

    await bench.run(plan, QUESTION)

    assert "<PERSON_1> is 40." in text_read("final")
    assert NAME not in bench.far.texts_seen()


async def test_items_of_a_mapped_list_are_restored_for_raw_readers(bench, text_read) -> None:
    graph = graph_of(
        """
        split: {role: divider, outputs: {parts: list}}
        solve: {role: assistant, map: {over: split.parts, max_items: 3}}
        """,
        "split -> solve",
    )
    plan = plan_of(
        graph, label=PERSON, cloud={"split"}, released={"split"}, releases=(redact("person"),)
    )
    bench.far.answer("- ask <PERSON_1>")

    await bench.run(plan, QUESTION)

    assert f"Part 1 of 1:\nask {NAME}" in text_read("solve")


async def test_a_voted_answer_is_restored_whole(bench) -> None:
    graph = graph_of("only: {role: assistant, samples: 2}")
    plan = plan_of(
        graph, label=PERSON, cloud={"only"}, released={"only"}, releases=(redact("person"),)
    )
    bench.far.answer("Answer: <PERSON_1>")

    ran = await bench.run(plan, QUESTION)

    assert [delta.text for delta in ran.of(AnswerDelta)] == [f"Answer: {NAME}"]
    assert ran.answer == f"Answer: {NAME}"


async def test_text_held_back_by_the_restorer_is_shown_at_the_end(bench) -> None:
    plan = plan_of(
        ONE, label=PERSON, cloud={"only"}, released={"only"}, releases=(redact("person"),)
    )
    bench.far.answer("1 < 2 and <PERSON")

    ran = await bench.run(plan, QUESTION)

    assert ran.answer == ran.streamed == "1 < 2 and <PERSON"


async def test_events_and_receipt_carry_what_each_node_received(bench) -> None:
    plan = plan_of(
        CHAIN, label=PERSON, cloud={"draft"}, released={"draft"}, releases=(redact("person"),)
    )

    ran = await bench.run(plan, QUESTION)

    assert [event.label for event in ran.of(StepStarted)] == [PUBLIC, PERSON]
    assert [line.label for line in ran.receipt.steps] == [PUBLIC, PERSON]
    assert ran.receipt.label == PERSON


@pytest.mark.parametrize(
    ("label", "releases"),
    [
        (PERSON, ()),  # never released
        (Label.of("person", "secret"), (redact("person"),)),  # something is left
        (Label.of("secret"), (redact("secret"),)),  # the policy allows no such release
        (Label.of("never_heard_of"), ()),  # unknown to the policy
        (Label.of("unsure"), (redact("unsure"),)),  # what nobody is sure of cannot be removed
    ],
)
async def test_a_wrong_plan_is_stopped_before_anything_reaches_the_cloud(
    bench, label: Label, releases: tuple[PlannedRelease, ...]
) -> None:
    plan = plan_of(ONE, label=label, cloud={"only"}, released={"only"}, releases=releases)

    with pytest.raises(PolicyViolation):
        await bench.run(plan, QUESTION)

    assert bench.far.requests == []


async def test_a_raw_answer_cannot_reach_the_cloud_through_a_released_step(bench) -> None:
    plan = plan_of(
        CHAIN, label=PERSON, cloud={"final"}, released={"final"}, releases=(redact("person"),)
    )

    with pytest.raises(PolicyViolation):
        await bench.run(plan, QUESTION)

    assert bench.far.requests == []


async def test_an_allowed_model_written_release_is_told_and_recorded(bench) -> None:
    rule = ReleaseRule(frozenset({Category("person")}), "cloud", ReleaseKind.MODEL_WRITTEN)
    bench.policy = type(POLICY)(POLICY.categories, POLICY.clearance, (*POLICY.releases, rule))
    written = PlannedRelease(
        ReleaseKind.MODEL_WRITTEN, frozenset({Category("person")}), StepId("draft")
    )
    plan = plan_of(
        CHAIN,
        label=PERSON,
        cloud={"final"},
        released={"final"},
        releases=(redact("person"), written),
    )

    ran = await bench.run(plan, QUESTION)

    record = ReleaseRecord("model_written", (Category("person"),))
    assert ReleaseApplied(record, StepId("draft")) in ran.events
    assert record in ran.receipt.releases
    assert record in bench.far.requests[0].provenance.releases


async def test_a_branch_decided_from_labelled_data_cannot_guard_a_cloud_call(bench) -> None:
    graph = graph_of(
        """
        near: {role: router, outputs: {route: [stay, go]}}
        far: {role: assistant}
        final: {role: fuser}
        """,
        '{from: near, to: far, when: "near.route == go"}',
        "near -> final",
        "far -> final",
    )
    plan = plan_of(
        graph, label=PERSON, cloud={"far"}, released={"far"}, releases=(redact("person"),)
    )
    bench.near.answer("route: go", step="near")

    with pytest.raises(PolicyViolation):
        await bench.run(plan, QUESTION)

    assert bench.far.requests == []


async def test_a_fallback_that_may_not_see_the_request_is_not_asked(bench) -> None:
    clearance = {**POLICY.clearance, EDGE: Level.PUBLIC}
    bench.policy = Policy(POLICY.categories, clearance, POLICY.releases)
    bench.far.answer(UpstreamUnavailable("503"))
    plan = plan_of(ONE, label=Label.of("project_name"), cloud={"only"}, has_fallback=True)

    with pytest.raises(PolicyViolation):
        await bench.run(plan, QUESTION)

    assert bench.near.requests == []


async def test_what_a_raw_step_wrote_is_never_taken_for_a_placeholder(bench, text_read) -> None:
    graph = graph_of(
        "a: {role: assistant}\nb: {role: assistant}\nfinal: {role: fuser}", "[a, b] -> final"
    )
    plan = plan_of(graph, label=PERSON, cloud={"b"}, released={"b"}, releases=(redact("person"),))
    bench.near.answer("it prints <PERSON_1>", step="a")
    bench.far.answer("<PERSON_1> is 40")

    await bench.run(plan, QUESTION)

    assert f"[1] it prints <PERSON_1>\n[2] {NAME} is 40" in text_read("final")
