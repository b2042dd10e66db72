"""An LLM agent at a scripted server, and what that server can be told to say."""

import json
from dataclasses import replace
from typing import Any

import pytest

from optimizer.agents.failures import AgentFailed
from optimizer.agents.llm_agent import AgentSettings, LLMAgent
from optimizer.agents.openai_chat import Endpoint, OpenAIChat
from optimizer.agents.replies import Checks
from optimizer.agents.spend import AgentCaps, AgentPrice, SpendMeter
from optimizer.agents.transcript import (
    Exchange,
    MemoryTranscript,
)
from runtime.clock import SystemClock
from runtime.testing.scripted_provider import Provider, Script
from tests.unit.optimizer.agents.house import (
    REVISION,
    SPACE,
    UnitCosts,
)

__all__ = [
    "CHECKS",
    "CYCLIC",
    "GOOD",
    "GOOD_CHOICES",
    "PRICE",
    "SETTINGS",
    "WRONG_ID",
    "Desk",
    "Pauses",
    "answering",
    "reply_text",
]

CHECKS = Checks(SPACE, UnitCosts(SPACE))
SETTINGS = AgentSettings(model="deep-one", max_tokens=200)
PRICE = AgentPrice(1.0, 10.0)
GOOD_CHOICES = {
    **{f"role:{step}": "assistant" for step in "abc"},
    **{f"model:{step}": "slm-3b" for step in "abc"},
}


def reply_text(**changes: Any) -> str:
    """A revision that can be used, with changes."""
    return json.dumps(
        {
            "edges": ["a->sink", "b->sink"],
            "choices": GOOD_CHOICES,
            "probabilities": [{"decision": "a->sink", "option": "present", "probability": 0.3}],
            "reason": "Width did well.",
        }
        | changes
    )


def answering(text: str, **changes: Any) -> Script:
    """A script that streams ``text`` in pieces."""
    pieces = tuple(text[start : start + 40] for start in range(0, len(text), 40))
    return Script(pieces=pieces, **changes)


GOOD = answering(reply_text())
CYCLIC = answering(reply_text(edges=["a->b", "b->a", "b->sink"]))
WRONG_ID = answering(reply_text(edges=["a->sink", "ghost->sink"]))


class Pauses:
    """Remembers what it was asked to wait, and does not."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked_s.append(seconds)


class Desk:
    """An LLM agent at a scripted provider, with everything it writes down."""

    def __init__(self, provider: Provider, **changes: Any) -> None:
        self.provider = provider
        self.endpoint = Endpoint(
            provider.base_url,
            "key",
            timeout_s=changes.pop("timeout_s", 5.0),
            idle_timeout_s=changes.pop("idle_timeout_s", 5.0),
        )
        caps = changes.pop("caps", AgentCaps())
        self.transcript = changes.pop("transcript", None) or MemoryTranscript()
        self.settings = replace(SETTINGS, **changes)
        self.meter = SpendMeter(PRICE, caps)
        self.pauses = Pauses()
        self.chat = OpenAIChat(self.endpoint, SystemClock())
        self.agent = LLMAgent(
            self.chat,
            settings=self.settings,
            checks=CHECKS,
            meter=self.meter,
            transcript=self.transcript,
            pause=self.pauses,
        )

    @property
    def exchanges(self) -> list[Exchange]:
        return self.transcript.exchanges

    async def failure(self) -> AgentFailed:
        with pytest.raises(AgentFailed) as failed:
            await self.agent.revise(REVISION)
        return failed.value
