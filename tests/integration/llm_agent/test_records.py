"""What the LLM agent's prompts and records hold."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optimizer.agents.briefing import scored as summarise
from optimizer.agents.failures import TranscriptMismatch
from optimizer.agents.llm_agent import AgentSettings, LLMAgent
from optimizer.agents.model import FailureKind
from optimizer.agents.openai_chat import OpenAIChat
from optimizer.agents.recorded import RecordedChat
from optimizer.agents.spend import AgentCaps, SpendMeter
from optimizer.agents.transcript import (
    Exchange,
    MemoryTranscript,
    TranscriptFile,
    exchange_line,
    read_transcript,
)
from optimizer.search.model import Outcomes
from runtime.clock import SystemClock
from runtime.testing.scripted_provider import Provider, Script
from tests.integration.llm_agent.desk import (
    CHECKS,
    GOOD,
    PRICE,
    SETTINGS,
    Desk,
    Pauses,
    answering,
    reply_text,
)
from tests.unit.optimizer.agents.house import (
    CHAIN,
    INIT,
    REVISION,
    SPACE,
    choices,
)

# Privacy.


async def test_no_question_or_answer_of_a_search_reaches_the_endpoint(
    desk: Desk, provider: Provider
) -> None:
    questions = [f"Does Anna Kowalska, case {n}, take warfarin?" for n in range(20)]
    answers = ["yes, 5 mg" if n % 3 else "no" for n in range(20)]
    right = np.array([float(answer == "yes, 5 mg") for answer in answers])
    outcomes = Outcomes(
        questions=np.arange(len(questions)),
        right=right,
        exposed=np.zeros(20, dtype=np.bool_),
        cost_usd=np.zeros(20),
        flops=np.ones(20),
        latency_s=np.ones(20),
    )
    last = summarise(SPACE, SPACE.candidate(CHAIN), outcomes)
    provider.queue = [answering(f"Anna? {questions[0]}")]

    await desk.agent.revise(replace(REVISION, last=last, history=(last,)))

    sent = json.dumps(provider.calls)
    for canary in ("Anna", "Kowalska", "warfarin", "5 mg"):
        assert canary not in sent


async def test_neither_logs_nor_failures_nor_representations_hold_text_or_key(
    desk: Desk, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.script = answering("my SECRETIVE answer")

    failed = await desk.failure()

    assert "SECRETIVE" not in f"{failed} {failed.rejections} {caplog.text}"
    assert "'key'" not in repr(desk.endpoint)


# Records.


async def record(desk: Desk, provider: Provider) -> tuple[Exchange, ...]:
    """A conversation with a bit of everything."""
    provider.queue = [
        answering('{"picks": ["v3", "v4"], "reason": "x"}'),
        Script(status=429),
        answering("no", usage=None),
        GOOD,
        answering(reply_text(), cut_before=2),
        GOOD,
    ]
    await desk.agent.initialise(INIT)
    await desk.agent.revise(REVISION)
    await desk.agent.revise(REVISION)
    return tuple(desk.exchanges)


def replaying(exchanges: tuple[Exchange, ...], settings: AgentSettings = SETTINGS) -> LLMAgent:
    """An agent that answers from a record and has no endpoint."""
    return LLMAgent(
        RecordedChat(exchanges),
        settings=settings,
        checks=CHECKS,
        meter=SpendMeter(PRICE, AgentCaps()),
        transcript=MemoryTranscript(),
        pause=Pauses(),
    )


async def test_a_recorded_conversation_replays_byte_for_byte(
    desk: Desk, provider: Provider
) -> None:
    exchanges = await record(desk, provider)
    live_calls = len(provider.calls)
    again, meter = MemoryTranscript(), SpendMeter(PRICE, AgentCaps())
    agent = LLMAgent(
        RecordedChat(exchanges),
        settings=SETTINGS,
        checks=CHECKS,
        meter=meter,
        transcript=again,
        pause=Pauses(),
    )

    await agent.initialise(INIT)
    await agent.revise(REVISION)
    last = await agent.revise(REVISION)

    assert last.choices == choices("a->sink", "b->sink", models=("slm-3b",) * 3)
    assert b"".join(map(exchange_line, again.exchanges)) == b"".join(map(exchange_line, exchanges))
    assert meter.spent == desk.meter.spent
    assert len(provider.calls) == live_calls


async def test_a_replay_refuses_another_prompt_and_more_than_was_recorded(
    desk: Desk, provider: Provider
) -> None:
    await desk.agent.revise(REVISION)
    exchanges = tuple(desk.exchanges)

    with pytest.raises(TranscriptMismatch, match="another prompt"):
        await replaying(exchanges).revise(replace(REVISION, history=()))
    with pytest.raises(TranscriptMismatch, match="another prompt"):
        await replaying(exchanges, replace(SETTINGS, temperature=0.2)).revise(REVISION)
    agent = replaying(exchanges)
    await agent.revise(REVISION)
    with pytest.raises(TranscriptMismatch, match="ends after 1"):
        await agent.revise(REVISION)


async def test_after_a_crash_what_was_paid_for_is_not_asked_again(
    provider: Provider, tmp_path: Path
) -> None:
    path = tmp_path / "agent.jsonl"
    first = TranscriptFile(path)
    desk = Desk(provider, transcript=first)
    await desk.agent.revise(REVISION)
    provider.script = answering(reply_text(), stall_before=1)
    provider.asked.clear()
    killed = asyncio.create_task(desk.agent.revise(replace(REVISION, history=())))
    await provider.asked.wait()
    at_the_crash = path.read_bytes()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    await desk.agent.close()
    first.close_file()
    path.write_bytes(at_the_crash)
    provider.script = GOOD

    again = TranscriptFile(path)
    meter = SpendMeter(PRICE, AgentCaps())
    agent = LLMAgent(
        RecordedChat(read_transcript(path), then=OpenAIChat(desk.endpoint, SystemClock())),
        settings=SETTINGS,
        checks=CHECKS,
        meter=meter,
        transcript=again,
        pause=Pauses(),
    )
    await agent.revise(REVISION)
    await agent.revise(replace(REVISION, history=()))
    await agent.close()
    again.close_file()

    assert len(provider.calls) == 3
    kinds = [exchange.failure for exchange in read_transcript(path)]
    assert kinds == [None, FailureKind.LOST, None]
    assert meter.spent.calls == 3
    assert meter.spent.estimated_calls == 1
    assert path.read_bytes().startswith(at_the_crash)
