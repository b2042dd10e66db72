"""Deadlines, cancellation, retries, fallbacks and broken streams: never a hang, never an orphan."""

import asyncio
from contextlib import aclosing

import pytest

from runtime.errors import (
    BackendUnavailable,
    BudgetExhausted,
    Cancelled,
    CapacityExhausted,
    CloudAway,
    ContentRefused,
    ContextOverflow,
    DeadlineExceeded,
    EngineCrashed,
    GateRefused,
    LedgerUnavailable,
    LeewardError,
    PriceMissing,
    StreamBroken,
    UpstreamUnavailable,
)
from runtime.executor.events import AnswerDelta, StepFellBack, StepStarted
from runtime.executor.limits import Limits
from runtime.ports import ChatMessage, Completion, FinishReason, TextDelta
from runtime.testing.fakes import Script
from runtime.testing.plans import EDGE, SLM, graph_of, plan_of

ONE = graph_of("only: {role: assistant}")
CHAIN = graph_of("draft: {role: assistant}\nfinal: {role: assistant}", "draft -> final")
PAIR = graph_of(
    "a: {role: assistant}\nb: {role: assistant}\nfinal: {role: fuser}", "[a, b] -> final"
)


def never() -> Script:
    return Script("late", wait_for=asyncio.Event())


@pytest.fixture(autouse=True)
async def no_task_outlives_its_run():
    yield
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_failure_that_may_pass_is_retried_once(bench) -> None:
    bench.near.answer(EngineCrashed("gone"), "ok")

    ran = await bench.run(plan_of(ONE))

    assert ran.answer == "ok"
    assert len(bench.near.requests) == 2
    assert bench.near.requests[0].idempotency_key == bench.near.requests[1].idempotency_key
    assert ran.receipt.steps[0].calls == 2
    assert 0.025 <= bench.clock.monotonic_s() <= 0.075


async def test_a_second_failure_is_the_callers(bench) -> None:
    bench.near.answer(EngineCrashed("gone"))

    with pytest.raises(EngineCrashed):
        await bench.run(plan_of(ONE))

    assert len(bench.near.requests) == 2


async def test_a_full_node_is_given_the_time_it_asked_for(bench) -> None:
    bench.near.answer(CapacityExhausted("full", retry_after_s=2.0), "ok")

    await bench.run(plan_of(ONE))

    assert bench.clock.monotonic_s() >= 2.0


async def test_no_retry_is_waited_for_beyond_the_deadline(bench) -> None:
    bench.near.answer(CapacityExhausted("full", retry_after_s=90.0), "ok")

    with pytest.raises(CapacityExhausted):
        await bench.run(plan_of(ONE))

    assert len(bench.near.requests) == 1


@pytest.mark.parametrize("error", [ContextOverflow("long"), ZeroDivisionError("bug")])
async def test_a_failure_that_will_not_pass_is_not_retried(bench, error: Exception) -> None:
    bench.near.answer(error)

    with pytest.raises(type(error)):
        await bench.run(plan_of(ONE))

    assert len(bench.near.requests) == 1


async def test_nothing_is_retried_after_the_first_token(bench) -> None:
    bench.near.answer(Script("one two", fails_after=1, error=EngineCrashed("gone")), step="draft")

    with pytest.raises(EngineCrashed):
        await bench.run(plan_of(CHAIN))

    assert len(bench.near.requests) == 1


@pytest.mark.parametrize(
    ("error", "has_left"),
    [
        (UpstreamUnavailable("503"), True),
        (BackendUnavailable("away"), True),
        (CloudAway("away"), False),
        (GateRefused("found a name"), False),
        (ContentRefused("found a name"), True),
        (BudgetExhausted("used up", budget="monthly"), True),
        (PriceMissing("no price"), True),
    ],
)
async def test_a_failed_cloud_step_falls_back_to_its_edge_model(
    bench, error: LeewardError, has_left: bool
) -> None:
    bench.far.answer(error)
    bench.near.answer("from the edge")

    ran = await bench.run(plan_of(ONE, cloud={"only"}, has_fallback=True))

    assert ran.of(StepFellBack) == [StepFellBack("only", type(error).__name__, EDGE, SLM)]
    assert ran.answer == "from the edge"
    line = ran.receipt.steps[0]
    assert (line.node, line.zone, line.fell_back_from) == (EDGE, "edge", "cloud-1")
    assert ran.receipt.left_the_edge is has_left


async def test_what_the_gate_refuses_is_not_tried_twice(bench) -> None:
    bench.far.answer(GateRefused("found a name"))

    with pytest.raises(GateRefused):
        await bench.run(plan_of(ONE, cloud={"only"}))

    assert len(bench.far.requests) == 1


async def test_a_ledger_that_cannot_record_ends_the_run(bench) -> None:
    bench.far.answer(LedgerUnavailable("disk full"))

    with pytest.raises(LedgerUnavailable):
        await bench.run(plan_of(ONE, cloud={"only"}, has_fallback=True))

    assert bench.near.requests == []


async def test_a_passage_that_failed_later_still_counts_in_the_receipt(bench) -> None:
    recorded = UpstreamUnavailable("503")
    recorded.ledger_position, recorded.payload_bytes = 41, 300
    bench.far.answer(recorded)

    ran = await bench.run(plan_of(ONE, cloud={"only"}, has_fallback=True))

    assert ran.receipt.left_the_edge
    assert set(ran.receipt.steps[0].ledger_positions) == {41}
    assert ran.receipt.steps[0].left_bytes == 300 * len(ran.receipt.steps[0].ledger_positions) > 0


async def test_a_step_that_is_not_the_sink_may_fall_back_after_its_first_token(bench) -> None:
    bench.far.answer(Script("one two", fails_after=1, error=UpstreamUnavailable("cut")))
    bench.near.answer("whole", step="draft")

    ran = await bench.run(plan_of(CHAIN, cloud={"draft"}, has_fallback=True))

    assert [event.step for event in ran.of(StepFellBack)] == ["draft"]
    assert ran.receipt.steps[0].first_token_s == 0.0


async def test_an_answer_that_was_begun_breaks_off_instead_of_starting_anew(bench) -> None:
    bench.far.answer(Script("one two three", fails_after=2, error=UpstreamUnavailable("cut")))
    seen = []

    with pytest.raises(StreamBroken) as broken:
        await bench.run_into(seen, plan_of(ONE, cloud={"only"}, has_fallback=True))

    assert broken.value.received_tokens == 2
    assert [event.text for event in seen if isinstance(event, AnswerDelta)] == ["one", " two"]
    assert bench.near.requests == []


@pytest.mark.parametrize("tokens", ["", "one two"])
async def test_a_stream_without_its_completion_is_broken(bench, tokens: str) -> None:
    bench.near.answer(Script(tokens, is_complete=False))

    with pytest.raises(StreamBroken):
        await bench.run(plan_of(ONE))


async def test_a_stream_that_goes_on_past_its_completion_is_broken(bench) -> None:
    class Chatty:
        async def generate(self, request):
            yield Completion(FinishReason.STOP)
            yield TextDelta("more")

    bench.near = Chatty()

    with pytest.raises(StreamBroken):
        await bench.run(plan_of(ONE))


async def test_an_answer_beyond_the_limit_is_cut_off(bench) -> None:
    bench.limits = Limits(answer_chars=10)
    bench.near.answer("a" * 11)

    with pytest.raises(StreamBroken):
        await bench.run(plan_of(ONE))


@pytest.mark.parametrize("limits", [Limits(first_token_timeout_s=0.02)])
async def test_a_silent_node_is_given_up_and_the_fallback_takes_over(bench, limits: Limits) -> None:
    bench.limits = limits
    bench.far.answer(never())

    ran = await bench.run(plan_of(ONE, cloud={"only"}, has_fallback=True))

    assert [event.error for event in ran.of(StepFellBack)] == ["StreamBroken"]
    assert len(bench.far.requests) == 1
    assert bench.far.running == 0


async def test_a_node_that_falls_silent_in_the_middle_breaks_the_stream(bench) -> None:
    bench.limits = Limits(idle_timeout_s=0.02)
    bench.near.answer(Script("one two", token_s=60.0))

    with pytest.raises(StreamBroken) as broken:
        await bench.run(plan_of(ONE))

    assert broken.value.received_tokens == 1


async def test_waiting_for_a_silent_cloud_leaves_half_of_the_time_to_the_fallback(bench) -> None:
    bench.far.answer(never())

    ran = await bench.run(plan_of(ONE, cloud={"only"}, has_fallback=True), deadline_s=0.1)

    assert ran.answer == "ok"


async def test_a_step_beyond_its_own_limit_falls_back(bench) -> None:
    bench.limits = Limits(step_timeout_s=0.02)
    bench.far.answer(never())

    ran = await bench.run(plan_of(ONE, cloud={"only"}, has_fallback=True))

    assert [event.error for event in ran.of(StepFellBack)] == ["DeadlineExceeded"]


async def test_the_deadline_ends_everything(bench) -> None:
    bench.near.answer(never(), step="a")
    bench.near.answer(never(), step="b")

    with pytest.raises(DeadlineExceeded):
        await bench.run(plan_of(PAIR), deadline_s=0.02)

    assert (bench.near.running, bench.near.cancelled) == (0, 2)


async def test_every_call_is_told_how_much_time_is_left(bench) -> None:
    bench.near.answer(Script("x", first_token_s=20.0), step="draft")
    bench.near._sleep = bench.clock.sleep
    bench.limits = Limits(step_timeout_s=50.0)

    await bench.run(plan_of(CHAIN), deadline_s=60.0)

    assert [request.timeout_s for request in bench.near.requests] == [50.0, 40.0]


async def test_no_call_starts_when_no_time_is_left(bench) -> None:
    bench.near.answer(Script("x", first_token_s=61.0), step="draft")
    bench.near._sleep = bench.clock.sleep

    with pytest.raises(DeadlineExceeded):
        await bench.run(plan_of(CHAIN), deadline_s=60.0)

    assert len(bench.near.requests) == 1


async def test_closing_the_events_cancels_every_call(bench) -> None:
    bench.near.answer(never())

    async with aclosing(bench.start(plan_of(PAIR))) as events:
        async for event in events:
            if isinstance(event, StepStarted):
                await bench.near.wait_running(2)
                break

    assert (bench.near.running, bench.near.cancelled) == (0, 2)


async def test_cancelling_the_caller_cancels_every_call(bench) -> None:
    bench.near.answer(never())
    running = asyncio.create_task(bench.run(plan_of(PAIR)))
    await bench.near.wait_running(2)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert (bench.near.running, bench.near.cancelled) == (0, 2)


async def test_one_failed_step_cancels_its_siblings(bench) -> None:
    b_runs = asyncio.Event()
    failing = Script("x", wait_for=b_runs, fails_after=0, error=ContextOverflow("long"))

    def start_b(request):
        b_runs.set()
        return never()

    bench.near.answer(failing, step="a")
    bench.near.answer(start_b, step="b")

    with pytest.raises(ContextOverflow):
        await bench.run(plan_of(PAIR))

    assert (bench.near.running, bench.near.cancelled) == (0, 1)


async def test_one_failed_sample_fails_the_step_and_cancels_the_others(bench) -> None:
    graph = graph_of("only: {role: assistant, samples: 3}")
    bench.near.answer(never(), ContextOverflow("long"), never())

    with pytest.raises(ContextOverflow):
        await bench.run(plan_of(graph))

    assert bench.near.running == 0


async def test_a_call_that_its_node_cancels_is_a_failure_of_the_node(bench) -> None:
    bench.near.answer(asyncio.CancelledError(), "ok")

    ran = await bench.run(plan_of(ONE))

    assert ran.answer == "ok"


async def test_a_run_whose_own_task_is_cancelled_does_not_hang(bench) -> None:
    bench.near.answer(never())
    events = bench.start(plan_of(ONE))
    await anext(events)
    (driver,) = [task for task in asyncio.all_tasks() if task.get_name() == "run request-1"]

    driver.cancel()
    with pytest.raises(Cancelled):
        async for _ in events:
            pass


async def test_a_node_that_is_not_connected_is_unavailable(bench) -> None:
    executor = bench.executor()
    executor._caller._models = {EDGE: bench.near}

    ran = [
        event
        async for event in executor.run(
            plan_of(ONE, cloud={"only"}, has_fallback=True),
            [ChatMessage("user", "hello")],
            request_id="r",
            session_id="s",
            deadline_s=5.0,
        )
    ]

    assert any(isinstance(event, StepFellBack) for event in ran)


async def test_a_slow_reader_holds_the_model_back_without_losing_anything(bench) -> None:
    bench.limits = Limits(event_capacity=4, idle_timeout_s=0.03)
    pulled = 0

    class Eager:
        async def generate(self, request):
            nonlocal pulled
            for index in range(100):
                pulled += 1
                yield TextDelta(f"{index} ")
            yield Completion(FinishReason.STOP)

    bench.near = Eager()
    texts = []
    most_ahead = 0

    async for event in bench.start(plan_of(ONE)):
        if isinstance(event, AnswerDelta):
            texts.append(event.text)
            most_ahead = max(most_ahead, pulled - len(texts))
            if len(texts) == 10:
                await asyncio.sleep(0.06)  # longer than the idle limit: the reader's fault

    assert "".join(texts) == "".join(f"{index} " for index in range(100))
    assert most_ahead <= 6


async def test_closing_while_a_step_waits_for_room_stops_it(bench) -> None:
    bench.limits = Limits(event_capacity=1)
    bench.near.answer("a b c d e f")

    async with aclosing(bench.start(plan_of(ONE))) as events:
        await anext(events)
        for _ in range(20):
            await asyncio.sleep(0)

    assert bench.near.running == 0


async def test_calls_in_flight_are_bounded(bench) -> None:
    bench.limits = Limits(parallel_calls=2)
    bench.near.answer(Script("x", first_token_s=0.001))

    await bench.run(plan_of(graph_of("only: {role: assistant, samples: 9}")))

    assert bench.near.most_running == 2
