"""Two models write one answer: toy ones, that go on with what was begun and check drafts."""

import math
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import (
    BackendUnavailable,
    CloudAway,
    ContentRefused,
    ContextOverflow,
    GateRefused,
    LeewardError,
    NotFound,
    PolicyViolation,
    RequestInvalid,
    StreamBroken,
)
from runtime.executor.events import AnswerDelta, DraftCount
from runtime.executor.limits import Limits
from runtime.executor.pace import Pace
from runtime.graph.document import dump_graph, graph_from_data
from runtime.graph.model import Graph
from runtime.labels import Label, Level
from runtime.planner.model import Drafter
from runtime.ports import (
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    SamplingOverrides,
    TextDelta,
    TokenLogprob,
    Usage,
)
from runtime.testing.fakes import ManualClock
from runtime.testing.plans import CATALOG, EDGE, LLM, POLICY, SLM, graph_of, plan_of
from runtime.testing.requests import asked, planned
from tests.unit.runtime.executor.conftest import Bench, Ran

WORDS = ("the ", "cat ", "sat ", "on ", "a ", "mat ")


@dataclass
class Writer:
    """Writes one text, word by word, from wherever it was begun; lost where it was begun otherwise.

    Each word is a token. A model that checks takes over as much of a draft as is its own text.
    """

    words: tuple[str, ...]
    unsure_at: frozenset[int] = frozenset()
    """Places of words that it finds unlikely."""
    is_able: bool = True
    """Whether it knows what was begun, and checks drafts."""
    refuses: Callable[[GenerateRequest], LeewardError | None] = lambda _: None
    clock: ManualClock | None = None
    call_s: float = 0.0
    token_s: float = 0.0
    requests: list[GenerateRequest] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.words)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        error = self.refuses(request)
        if error is not None:
            raise error
        self._pass(self.call_s)
        begun = request.begun if self.is_able else ""
        place, said = self._place(begun), 0
        draft = request.draft if self.is_able else ""
        agreed = ""
        while place < len(self.words) and draft.startswith(agreed + self.words[place]):
            agreed += self.words[place]
            place, said = place + 1, said + 1
        if agreed:
            yield TextDelta(agreed, said)
        written = 0
        while place < len(self.words) and written < request.sampling.max_tokens:
            self._pass(self.token_s)
            logprob = math.log(0.2 if place in self.unsure_at else 0.9)
            logprobs = (TokenLogprob(self.words[place], logprob),) * bool(request.sampling.logprobs)
            yield TextDelta(self.words[place], 1, logprobs)
            place, written = place + 1, written + 1
        finish = FinishReason.STOP if place == len(self.words) else FinishReason.LENGTH
        usage = Usage(prompt_tokens=10, completion_tokens=written)
        yield Completion(finish, usage, continued=self.is_able and request.continues)

    def _place(self, begun: str) -> int:
        text, place = "", 0
        while text != begun and place < len(self.words):
            text += self.words[place]
            place += 1
        return place

    def _pass(self, seconds: float) -> None:
        if self.clock is not None and seconds:
            self.clock.advance(seconds)


def graph(**draft: object) -> Graph:
    data = dump_graph(graph_of("only: {role: assistant, model: llm}"))
    data["steps"]["only"]["draft"] = {"model": "slm", **draft}  # type: ignore[index]
    return graph_from_data(data)


async def run(near: Writer, far: Writer, drafted: Graph, **more: object) -> Ran:
    bench = Bench(near, far)  # type: ignore[arg-type]
    return await bench.run(plan_of(drafted, cloud=["only"]), **more)


def remembering(near: Writer, far: Writer, **more: object) -> Bench:
    """A bench whose runs share an executor, and with it what was measured."""
    bench = Bench(near, far, **more)  # type: ignore[arg-type]
    executor = bench.executor()
    bench.executor = lambda: executor  # type: ignore[method-assign]
    return bench


def step(ran: Ran):
    (line,) = ran.receipt.steps
    return line


texts = st.lists(st.sampled_from(WORDS), max_size=14).map(tuple)


@given(near=texts, far=texts, tokens=st.integers(1, 6), at_most=st.integers(1, 9))
async def test_the_answer_is_the_large_models_own_whatever_is_guessed(
    near: tuple[str, ...], far: tuple[str, ...], tokens: int, at_most: int
) -> None:
    large = Writer(far)

    ran = await run(Writer(near), large, graph(tokens=tokens, at_most=at_most, always=True))

    assert ran.answer == ran.streamed == large.text
    assert len(large.requests) <= at_most + 1
    assert step(ran).calls == len(large.requests)
    assert step(ran).usage.prompt_tokens == 10 * len(large.requests)


@given(near=texts, far=texts, unsure=st.frozensets(st.integers(0, 13)), at_most=st.integers(1, 5))
async def test_the_large_model_is_asked_where_the_small_one_is_unsure_and_no_oftener(
    near: tuple[str, ...], far: tuple[str, ...], unsure: frozenset[int], at_most: int
) -> None:
    large = Writer(far)

    ran = await run(
        Writer(near, unsure_at=unsure), large, graph(keep_above=0.5, tokens=2, at_most=at_most)
    )

    assert ran.answer == ran.streamed
    assert len(large.requests) <= at_most
    if not unsure:
        assert ran.answer == "".join(near)
        assert not large.requests


async def test_a_right_draft_saves_the_large_models_steps() -> None:
    words = WORDS * 4
    large = Writer(words)

    ran = await run(Writer(words), large, graph(tokens=8, always=True))

    assert ran.answer == large.text
    assert sum(len(one.draft) > 0 for one in large.requests) >= 2
    assert step(ran).usage.completion_tokens < len(words)
    assert step(ran).drafted == DraftCount(SLM, len(words) - 2, len(words) - 2)


async def test_no_limit_of_tokens_is_passed() -> None:
    words = WORDS * 40

    ran = await run(
        Writer(words), Writer(words), graph(always=True), overrides=SamplingOverrides(max_tokens=50)
    )

    assert ran.answer == "".join(words[:50])


async def test_where_it_is_unsure_the_large_model_writes_and_the_small_one_goes_on() -> None:
    near = Writer(("the ", "dog ", "ate ", "a ", "mat "), unsure_at=frozenset({1}))
    far = Writer(("the ", "cat ", "sat ", "on ", "a ", "mat "))

    ran = await run(near, far, graph(keep_above=0.5, tokens=1))

    # Begun otherwise than it would have, the toy has nothing to add.
    assert ran.answer == "the cat "
    assert [one.begun for one in far.requests] == ["the "]
    assert step(ran).drafted == DraftCount(SLM, 2, 1)
    assert step(ran).usage.completion_tokens == 1


@pytest.mark.parametrize(
    "drawn",
    [
        SamplingOverrides(temperature=0.7),
        SamplingOverrides(stop=("mat",)),
        SamplingOverrides(json_schema="{}"),
        SamplingOverrides(repeat_penalty=1.2),
    ],
)
async def test_what_is_not_the_likeliest_text_is_the_large_models_alone(
    drawn: SamplingOverrides,
) -> None:
    near, far = Writer(WORDS), Writer(WORDS)

    ran = await run(near, far, graph(always=True), overrides=drawn)

    assert ran.answer == far.text
    assert not near.requests
    assert [one.draft for one in far.requests] == [""]


async def test_where_guards_judge_answers_the_large_model_is_alone() -> None:
    near, far = Writer(WORDS), Writer(WORDS)
    bench = Bench(near, far, limits=Limits(shares_answers=False))  # type: ignore[arg-type]

    ran = await bench.run(plan_of(graph(always=True), cloud=["only"]))

    assert ran.answer == far.text
    assert not near.requests
    assert [one.continues for one in far.requests] == [False]


async def test_a_draft_that_may_not_leave_is_dropped_and_the_answer_goes_on() -> None:
    far = Writer(WORDS * 2)
    far.refuses = lambda one: GateRefused("found") if one.begun and one.draft else None

    ran = await run(Writer(WORDS * 2), far, graph(tokens=3, always=True))

    assert ran.answer == far.text
    assert far.requests[-1].begun
    assert not far.requests[-1].draft


@pytest.mark.parametrize(
    "refusal", [GateRefused("found"), ContentRefused("found"), ContextOverflow("full")]
)
async def test_an_answer_that_cannot_go_back_is_asked_for_from_its_beginning(
    refusal: LeewardError,
) -> None:
    far = Writer(WORDS * 2)
    far.refuses = lambda one: refusal if one.begun else None

    ran = await run(Writer(WORDS * 2), far, graph(tokens=3, always=True))

    assert ran.answer == ran.streamed == far.text
    assert not far.requests[-1].continues


async def test_a_large_model_that_changes_its_mind_breaks_the_answer() -> None:
    far = Writer(WORDS * 2)

    def refuses(one: GenerateRequest) -> LeewardError | None:
        if one.begun:
            far.words = ("something ", "else ")
            return GateRefused("found")
        return None

    far.refuses = refuses

    with pytest.raises(StreamBroken, match="broke off"):
        await run(Writer(WORDS * 2), far, graph(tokens=3, always=True))


@pytest.mark.parametrize("keep_above", [None, 0.5])
async def test_a_node_that_knows_nothing_of_drafts_answers_alone(keep_above: float | None) -> None:
    far = Writer(WORDS, is_able=False)
    near = Writer(WORDS, unsure_at=frozenset({2}))

    ran = await run(near, far, graph(always=True, keep_above=keep_above))

    assert ran.answer == ran.streamed == far.text


async def test_a_refusal_of_drafts_is_remembered() -> None:
    near, far = Writer(WORDS), Writer(WORDS)
    far.refuses = lambda one: RequestInvalid("no", field="draft") if one.draft else None
    bench = remembering(near, far)

    for _ in range(2):
        ran = await bench.run(plan_of(graph(always=True), cloud=["only"]))
        assert ran.answer == far.text

    assert [bool(one.draft) for one in far.requests] == [True, False, False]


async def test_a_small_model_without_a_word_says_nothing_of_the_large_one() -> None:
    near, far = Writer(()), Writer(WORDS)
    bench = remembering(near, far)

    first = await bench.run(plan_of(graph(always=True), cloud=["only"]))
    near.words = WORDS
    second = await bench.run(plan_of(graph(always=True), cloud=["only"]))

    assert first.answer == second.answer == far.text
    assert [bool(one.draft) for one in far.requests] == [False, True]


async def test_a_call_that_is_refused_for_itself_says_nothing_of_drafts() -> None:
    near, far = Writer(WORDS), Writer(WORDS)
    far.refuses = lambda one: RequestInvalid("too long") if one.draft else None
    bench = remembering(near, far)

    for _ in range(2):
        ran = await bench.run(plan_of(graph(always=True), cloud=["only"]))
        assert ran.answer == far.text

    assert [bool(one.draft) for one in far.requests] == [True, False, True, False]


async def test_what_may_not_leave_is_finished_on_the_device() -> None:
    near = Writer(WORDS, unsure_at=frozenset({1, 3}))
    far = Writer(WORDS, refuses=lambda _: GateRefused("found"))

    ran = await run(near, far, graph(keep_above=0.5))

    assert ran.answer == near.text
    assert len(far.requests) == 1
    assert not ran.receipt.left_the_edge


@pytest.mark.parametrize("keep_above", [None, 0.5])
async def test_a_small_model_that_is_gone_leaves_it_to_the_large_one(
    keep_above: float | None,
) -> None:
    near = Writer(WORDS, refuses=lambda _: BackendUnavailable("gone"))

    ran = await run(near, Writer(WORDS), graph(always=True, keep_above=keep_above))

    assert ran.answer == "".join(WORDS)


async def test_a_cloud_that_is_away_leaves_the_step_to_its_fallback() -> None:
    near, far = Writer(WORDS), Writer(WORDS, refuses=lambda _: CloudAway("away"))
    bench = Bench(near, far)  # type: ignore[arg-type]

    ran = await bench.run(plan_of(graph(always=True), cloud=["only"], has_fallback=True))

    assert ran.answer == near.text


EDGE_SEES_LESS = replace(POLICY, clearance={"edge": Level.PUBLIC, "cloud": Level.INTERNAL})


async def test_a_drafter_that_may_not_read_what_the_step_reads_is_not_asked() -> None:
    near = Writer(WORDS)
    bench = Bench(near, Writer(WORDS), policy=EDGE_SEES_LESS)  # type: ignore[arg-type]

    with pytest.raises(PolicyViolation):
        await bench.run(plan_of(graph(always=True), cloud=["only"], label=Label.of("project_name")))

    assert not near.requests


def test_a_drafter_that_may_not_read_the_request_is_not_planned() -> None:
    request = asked(graph(), "project_name", catalog=CATALOG, policy=EDGE_SEES_LESS)

    assert planned(request).steps[0].drafter is None


async def test_a_draft_is_used_where_the_link_is_fast_and_the_large_model_slow() -> None:
    clock = ManualClock()
    words = WORDS * 6
    near = Writer(words, clock=clock, token_s=0.001)
    far = Writer(words, clock=clock, call_s=0.02, token_s=0.05)
    bench = remembering(near, far, clock=clock)

    calls = [step(await bench.run(plan_of(graph(), cloud=["only"]))).calls for _ in range(3)]

    assert calls[0] == 1  # the large model alone, for something to compare with
    assert calls[1] > 1
    assert calls[2] > 1


async def test_a_draft_is_left_where_the_round_trip_is_longer_than_what_it_saves() -> None:
    clock = ManualClock()
    words = WORDS * 6
    near = Writer(words, clock=clock, token_s=0.005)
    far = Writer(words, clock=clock, call_s=0.4, token_s=0.006)
    bench = remembering(near, far, clock=clock)

    calls = [step(await bench.run(plan_of(graph(), cloud=["only"]))).calls for _ in range(6)]

    assert calls[0] == 1
    assert calls[1] > 1  # tried
    assert calls[2:] == [1, 1, 1, 1]


def test_a_draft_is_shorter_where_fewer_of_its_tokens_are_right() -> None:
    def length(right: int) -> int:
        pace = Pace()
        pace.note_alone(100, 5.0)
        pace.note_draft(16, 0.08)
        for _ in range(20):
            pace.note_check(guessed=16, right=right, took_s=0.05)
        return pace.draft_tokens(16, is_always=True, is_first=True)

    assert length(1) < length(4) < length(16) == 16


async def test_parts_have_keys_of_their_own_that_say_what_was_asked() -> None:
    first, second, other = (Writer(WORDS * 2) for _ in range(3))

    for far in (first, second):
        await run(Writer(WORDS * 2), far, graph(tokens=3, always=True))
    await run(Writer(("a ", *WORDS)), other, graph(tokens=3, always=True))

    keys = [one.idempotency_key for one in first.requests]
    assert keys == [one.idempotency_key for one in second.requests]
    assert len(set(keys)) == len(keys) > 2
    assert other.requests[0].idempotency_key not in keys


async def test_the_answer_is_shown_as_it_comes() -> None:
    ran = await run(Writer(WORDS * 3), Writer(WORDS * 3), graph(tokens=4, always=True))

    assert len(ran.of(AnswerDelta)) > 2


def test_the_plan_names_who_drafts_and_counts_what_it_may_cost() -> None:
    drafted = planned(asked(graph(at_most=4), catalog=CATALOG, policy=POLICY))
    plain = planned(
        asked(graph_of("only: {role: assistant, model: llm}"), catalog=CATALOG, policy=POLICY)
    )

    assert drafted.steps[0].drafter == Drafter(SLM, EDGE)
    assert drafted.steps[0].model == LLM
    assert plain.steps[0].drafter is None
    assert drafted.estimated_cost_usd > 2 * plain.estimated_cost_usd


def test_a_draft_that_could_cost_more_than_is_left_moves_the_step_to_the_edge() -> None:
    plain = graph_of("only: {role: assistant, model: llm}")
    left_usd = planned(asked(plain, catalog=CATALOG, policy=POLICY)).estimated_cost_usd * 1.5

    moved = planned(asked(graph(), catalog=CATALOG, policy=POLICY, budget_usd=left_usd))

    assert moved.steps[0].model == SLM
    assert moved.steps[0].drafter is None


def test_a_drafter_that_is_no_model_of_the_edge_is_refused() -> None:
    data = dump_graph(graph())
    data["steps"]["only"] |= {"model": "slm", "draft": {"model": "llm"}}  # type: ignore[index]

    with pytest.raises(NotFound, match="no edge model"):
        planned(asked(graph_from_data(data), catalog=CATALOG, policy=POLICY))
