"""An engine with one model, and calls of it: what tests of the engine begin with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.clock import SystemClock
from runtime.ids import ModelName, NodeName
from runtime.ports import ChatMessage, Completion, GenerateRequest, Sampling, TextDelta

__all__ = ["ask_of", "collect", "finish", "said", "serving_model"]


@asynccontextmanager
async def serving_model(
    name: ModelName, path: Path, options: EngineOptions
) -> AsyncIterator[NodeEngine]:
    """Serve a model in a process of its own until the block ends."""
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=options) as engine:
        await engine.load(name, path)
        yield engine


def ask_of(
    name: ModelName, content: str, *, timeout_s: float = 60.0, priority: int = 0, **sampling: Any
) -> GenerateRequest:
    """Return a call whose chat is one turn."""
    messages = (ChatMessage("user", content),)
    return GenerateRequest(
        name, messages, Sampling(**sampling), timeout_s=timeout_s, priority=priority
    )


async def said(
    engine: NodeEngine, request: GenerateRequest, *, caller: str = ""
) -> tuple[list[TextDelta], Completion]:
    """Have a call answered; return its pieces and its end."""
    *items, last = [item async for item in engine.generate(request, caller=caller)]
    assert isinstance(last, Completion)
    deltas = [item for item in items if isinstance(item, TextDelta)]
    assert len(deltas) == len(items)
    return deltas, last


async def collect(
    engine: NodeEngine, request: GenerateRequest
) -> tuple[str, Completion, list[TextDelta]]:
    """Have a call answered; return its whole text, its end and its pieces."""
    deltas, last = await said(engine, request)
    return "".join(delta.text for delta in deltas), last, deltas


async def finish(engine: NodeEngine, request: GenerateRequest) -> Completion:
    """Have a call answered; return its end."""
    return (await said(engine, request))[1]
