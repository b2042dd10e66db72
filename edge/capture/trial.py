"""Run model files side by side in processes of their own, to ask both before one is swapped.

No daemon is needed and none is disturbed; each file is loaded as the configuration would load it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from edge.capture.gate import Ask
from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.clock import SystemClock
from runtime.ids import ModelName, NodeName
from runtime.labels import Label
from runtime.ports import ChatMessage, GenerateRequest, Sampling, TextDelta

__all__ = ["OnTrial", "on_trial"]

_MAX_TOKENS: Final = 512
_NODE: Final = NodeName("trial")


@dataclass(frozen=True, slots=True)
class OnTrial:
    """A model file, and the adapter in force, if one is."""

    file: Path
    adapter: Path | None = None


@asynccontextmanager
async def on_trial(
    models: Mapping[ModelName, OnTrial], options: EngineOptions
) -> AsyncIterator[Ask]:
    """Load models; yield what asks them, greedily.

    Args:
        models: By the names under which they are asked.
        options: How the model in use is loaded; adapters are replaced.

    Raises:
        ModelInvalid: A file cannot be loaded.
    """
    async with NodeEngine(node=_NODE, clock=SystemClock()) as engine:
        for name, model in models.items():
            adapted = replace(options, adapter=model.adapter)
            await engine.load(name, model.file, options=adapted)

        async def ask(model: ModelName, messages: tuple[ChatMessage, ...], label: Label) -> str:
            request = GenerateRequest(
                model, messages, Sampling(max_tokens=_MAX_TOKENS), label=label
            )
            async with aclosing(engine.generate(request)) as chunks:
                return "".join([one.text async for one in chunks if isinstance(one, TextDelta)])

        yield ask
