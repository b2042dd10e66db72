"""Scheduling: which steps run, when, on what, and what the caller is told."""

import asyncio

import pytest

from runtime.errors import RequestInvalid
from runtime.executor.events import (
    AnswerDelta,
    RunPlanned,
    StepDelta,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from runtime.executor.executor import Executor
from runtime.ids import RequestId, SessionId
from runtime.ports import ChatMessage, SamplingOverrides, Usage
from runtime.testing.fakes import Script
from runtime.testing.plans import graph_of, plan_of

DRAFTED = graph_of("draft: {role: assistant}\nfinal: {role: assistant}", "draft -> final")
PARALLEL = graph_of(
    "a: {role: assistant}\nb: {role: assistant}\nfinal: {role: fuser}", "[a, b] -> final"
)
GUARDED = graph_of(
    """
    near: {role: assistant, outputs: {score: number}}
    far: {role: assistant}
    spare: {role: assistant}
    after: {role: assistant}
    final: {role: fuser}
    """,
    "near -> final",
    '{from: near, to: far, when: "near.score < 0.5"}',
    "{from: near, to: spare, otherwise: true}",
    "far -> after",
    "[after, spare] -> final",
)


async def test_one_step_streams_its_answer_and_ends_with_a_receipt(bench) -> None:
    bench.near.answer("2 + 2 = 4")

    ran = await bench.run(plan_of(graph_of("only: {role: assistant}")))

    assert ran.names() == [
        "RunPlanned",
        "StepStarted",
        *["AnswerDelta"] * 5,
        "StepFinished",
        "AnswerFinished",
        "RunFinished",
    ]
    assert ran.answer == ran.streamed == "2 + 2 = 4"
    assert ran.of(RunPlanned)[0].plan.graph.name == "test"


async def test_a_step_reads_its_predecessors_answer_in_its_roles_words(bench, text_read) -> None:
    bench.near.answer("3", step="draft")
    bench.near.answer("4", step="final")

    ran = await bench.run(plan_of(DRAFTED))

    assert text_read("final") == "What is 2 + 2?\n\nEarlier answer:\n3\n\nImprove it."
    assert [delta.text for delta in ran.of(StepDelta)] == ["3"]
    assert ran.answer == "4"


async def test_ready_steps_run_at_the_same_time(bench) -> None:
    both_started = asyncio.Barrier(2)

    class Meeting(asyncio.Event):
        async def wait(self) -> bool:
            await both_started.wait()
            return True

    bench.near.answer(Script("1", wait_for=Meeting()), step="a")
    bench.near.answer(Script("2", wait_for=Meeting()), step="b")

    ran = await bench.run(plan_of(PARALLEL))

    assert bench.near.most_running == 2
    assert ran.answer == "ok"


async def test_a_fuser_reads_answers_in_edge_order_not_in_order_of_arrival(
    bench, text_read
) -> None:
    b_done = asyncio.Event()
    bench.near.answer(Script("first", wait_for=b_done), step="a")

    def finish_b(request):
        b_done.set()
        return "second"

    bench.near.answer(finish_b, step="b")

    await bench.run(plan_of(PARALLEL))

    assert "[1] first\n[2] second" in text_read("final")


async def test_branches_that_do_not_fire_are_skipped_with_all_that_hangs_on_them(
    bench, text_read
) -> None:
    bench.near.answer("score: 0.9", step="near")
    bench.near.answer("spare answer", step="spare")

    ran = await bench.run(plan_of(GUARDED))

    assert [event.step for event in ran.of(StepSkipped)] == ["far", "after"]
    assert {event.step for event in ran.of(StepStarted)} == {"near", "spare", "final"}
    assert "[1] score: 0.9\n[2] spare answer" in text_read("final")
    assert [line.step for line in ran.receipt.steps] == ["near", "spare", "final"]


@pytest.mark.parametrize("text", ["score: 0.1", '{"score": 0.499}'])
async def test_a_condition_that_holds_fires_its_branch_only(bench, text: str) -> None:
    bench.near.answer(text, step="near")

    ran = await bench.run(plan_of(GUARDED))

    assert [event.step for event in ran.of(StepSkipped)] == ["spare"]


async def test_an_unreadable_output_takes_the_otherwise_branch(bench) -> None:
    bench.near.answer("I cannot say", step="near")

    ran = await bench.run(plan_of(GUARDED))

    assert [event.step for event in ran.of(StepSkipped)] == ["far", "after"]


async def test_samples_are_drawn_with_different_seeds_and_the_majority_answers(bench) -> None:
    graph = graph_of("only: {role: assistant, samples: 3, sampling: {temperature: 1.0, seed: 7}}")
    bench.near.answer("Answer: 5", "Answer: 4", "so\nAnswer: 4")

    ran = await bench.run(plan_of(graph))

    assert sorted(request.sampling.seed for request in bench.near.requests) == [7, 8, 9]
    assert len({request.idempotency_key for request in bench.near.requests}) == 3
    assert ran.answer == "Answer: 4"
    assert [delta.text for delta in ran.of(AnswerDelta)] == ["Answer: 4"]
    assert ran.receipt.steps[0].calls == 3
    assert ran.receipt.usage.completion_tokens == 6


async def test_samples_without_a_seed_get_seeds_that_follow_from_the_request(bench) -> None:
    plan = plan_of(graph_of("only: {role: assistant, samples: 4}"))

    await bench.run(plan)
    await bench.run(plan)
    await bench.run(plan, request_id=RequestId("another"))

    seeds = [request.sampling.seed for request in bench.near.requests]
    assert len(set(seeds[:4])) == 4
    assert seeds[:4] == seeds[4:8]
    assert seeds[:4] != seeds[8:]


@pytest.mark.parametrize(
    ("answers", "is_unsure"), [(["4", "4", "5"], True), (["4", "4", "4"], False)]
)
async def test_agreement_decides_whether_the_far_model_is_asked(
    bench, answers: list[str], is_unsure: bool
) -> None:
    graph = graph_of(
        "near: {role: assistant, samples: 3}\nfar: {role: assistant}\nfinal: {role: fuser}",
        "near -> final",
        '{from: near, to: far, when: "near.agreement < 0.7"}',
        "far -> final",
    )
    bench.near.answer(*answers, step="near")

    await bench.run(plan_of(graph, cloud={"far"}))

    assert len(bench.far.requests) == is_unsure


CONFIDENT = graph_of(
    "near: {role: assistant}\nfar: {role: assistant}\nfinal: {role: fuser}",
    "near -> final",
    '{from: near, to: far, when: "near.confidence < 0.5"}',
    "far -> final",
)


@pytest.mark.parametrize(("logprob", "asked"), [(-0.1, 0), (-2.0, 1)])
async def test_confidence_is_the_mean_probability_of_the_answers_tokens(
    bench, logprob: float, asked: int
) -> None:
    bench.near.answer(Script("maybe four", logprob=logprob), step="near")

    await bench.run(plan_of(CONFIDENT, cloud={"far"}))

    assert len(bench.far.requests) == asked


async def test_logprobs_are_asked_for_only_where_a_condition_reads_confidence(bench) -> None:
    await bench.run(plan_of(CONFIDENT))

    wanted = {
        request.provenance.step_id: request.sampling.logprobs for request in bench.near.requests
    }
    assert wanted == {"near": 1, "final": 0}


MAPPED = graph_of(
    """
    split: {role: divider, outputs: {parts: list}}
    solve: {role: assistant, map: {over: split.parts, max_items: 3}}
    final: {role: fuser}
    """,
    "split -> solve -> final",
)


async def test_a_mapped_step_runs_once_per_item_and_hands_on_all_answers(bench, text_read) -> None:
    bench.near.answer("1. red\n2. green", step="split")
    bench.near.answer(
        lambda request: f"did {request.messages[-1].content.split(':')[1].split()[0]}",
        step="solve",
    )

    ran = await bench.run(plan_of(MAPPED))

    assert text_read("solve") == "What is 2 + 2?\n\nPart 2 of 2:\ngreen\n\nAnswer this part."
    assert "[1] did red\n[2] did green" in text_read("final")
    solve = next(event for event in ran.of(StepFinished) if event.step == "solve")
    assert solve.text == "did red\n\ndid green"
    assert solve.receipt.calls == 2


@pytest.mark.parametrize(
    ("text", "calls"), [("- a\n- b\n- c\n- d", 3), ('{"parts": []}', 0), ("no list here", 1)]
)
async def test_mapping_is_bounded_and_an_unreadable_list_counts_as_one_item(
    bench, text: str, calls: int
) -> None:
    bench.near.answer(text, step="split")

    ran = await bench.run(plan_of(MAPPED))

    lines = {line.step: line for line in ran.receipt.steps}
    assert lines["solve"].calls == calls


async def test_an_instruction_goes_before_the_chat(bench) -> None:
    graph = graph_of("only: {role: guide, instruction: Be brief.}")

    await bench.run(plan_of(graph))

    assert [turn.role for turn in bench.near.requests[0].messages] == ["system", "user"]
    assert bench.near.requests[0].messages[0].content == "Be brief."


async def test_overrides_change_only_what_the_caller_set(bench) -> None:
    graph = graph_of("only: {role: assistant, sampling: {temperature: 0.5, stop: [END]}}")

    await bench.run(plan_of(graph), overrides=SamplingOverrides(max_tokens=9))

    sampling = bench.near.requests[0].sampling
    assert (sampling.temperature, sampling.stop, sampling.max_tokens) == (0.5, ("END",), 9)


async def test_the_receipt_sums_what_the_calls_report_and_prices_the_rest(bench) -> None:
    usage = Usage(prompt_tokens=1000, completion_tokens=100)
    bench.far.answer(Script("a", usage=usage, ledger_position=17), step="a")
    bench.far.answer(Script("b", usage=Usage(10, 10, cost_usd=0.5), model="llm-9b"), step="b")

    ran = await bench.run(plan_of(PARALLEL, cloud={"a", "b"}))

    lines = {line.step: line for line in ran.receipt.steps}
    assert lines["a"].usage.cost_usd == pytest.approx(0.002)
    assert lines["a"].ledger_positions == (17,)
    assert lines["b"].usage.cost_usd == 0.5
    assert lines["b"].model == "llm-9b"
    assert lines["final"].usage.cost_usd == 0.0
    assert ran.receipt.cost_usd == pytest.approx(0.502)
    assert ran.receipt.left_the_edge


async def test_a_run_on_the_edge_says_that_nothing_left(bench) -> None:
    ran = await bench.run(plan_of(DRAFTED))

    assert not ran.receipt.left_the_edge
    assert bench.far.requests == []


async def test_latencies_are_read_from_the_clock(bench) -> None:
    script = Script("one two", first_token_s=0.5, token_s=0.25)
    bench.near.answer(script)
    bench.near._sleep = bench.clock.sleep

    ran = await bench.run(plan_of(graph_of("only: {role: assistant}")))

    line = ran.receipt.steps[0]
    assert (line.first_token_s, line.latency_s) == (0.5, 0.75)
    assert ran.receipt.latency_s == 0.75


async def test_a_chat_without_a_user_turn_is_refused(bench) -> None:
    executor: Executor = bench.executor()
    events = executor.run(
        plan_of(DRAFTED),
        [ChatMessage("system", "hello")],
        request_id=RequestId("r"),
        session_id=SessionId("s"),
        deadline_s=1.0,
    )

    with pytest.raises(RequestInvalid):
        await anext(events)


async def test_a_wide_graph_of_many_steps_runs_every_step_once(bench) -> None:
    names = [f"s{index}" for index in range(40)]
    steps = "\n".join(f"{name}: {{role: assistant}}" for name in names)
    graph = graph_of(f"{steps}\nfinal: {{role: fuser}}", f"[{', '.join(names)}] -> final")

    ran = await bench.run(plan_of(graph))

    assert len(bench.near.requests) == 41
    assert sorted(line.step for line in ran.receipt.steps) == sorted([*names, "final"])
