"""Does a state work? Its new models are loaded and asked before anybody depends on them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from edge.residency.place import ModelPlan
from runtime.errors import LeewardError, RequestInvalid
from runtime.fleet.state import CheckShape
from runtime.ids import ModelName
from runtime.ports import ChatMessage, Chunk, Embeddings, GenerateRequest, Sampling, TextDelta

__all__ = ["Answering", "changed_plans", "judge", "probe"]

_PROBE: Final = "Hello"
_TIMEOUT_S: Final = 60.0
_CALLER: Final = "fleet"


class Answering(Protocol):
    """Models that can be asked."""

    def generate(
        self, request: GenerateRequest, *, caller: str = ""
    ) -> AsyncGenerator[Chunk, None]:
        """Stream an answer."""
        ...

    async def embed(
        self, model: ModelName, texts: Sequence[str], *, timeout_s: float = 60.0, caller: str = ""
    ) -> Embeddings:
        """Turn texts into vectors."""
        ...


def changed_plans(
    before: Mapping[ModelName, ModelPlan], after: Mapping[ModelName, ModelPlan]
) -> dict[ModelName, ModelPlan]:
    """Return the models that a new state brings or loads in another way."""
    return {name: plan for name, plan in after.items() if before.get(name) != plan}


async def probe(models: Answering, names: Iterable[ModelName]) -> None:
    """Ask each model for one token, or one vector.

    Raises:
        LeewardError: Why one gives none.
    """
    for name in names:
        try:
            await _ask(models, name, _PROBE, max_tokens=1)
        except RequestInvalid:  # it makes embeddings
            await models.embed(name, [_PROBE], timeout_s=_TIMEOUT_S, caller=_CALLER)


async def judge(models: Answering, checks: Sequence[CheckShape]) -> float | None:
    """Return the share of checks that pass; ``None`` when there are none."""
    if not checks:
        return None
    passed = 0
    for check in checks:
        try:
            answer = await _ask(
                models, ModelName(check.model), check.ask, max_tokens=check.max_tokens
            )
        except LeewardError:
            continue  # a model that cannot answer has not answered right
        passed += check.expect in answer
    return passed / len(checks)


async def _ask(models: Answering, name: ModelName, text: str, *, max_tokens: int) -> str:
    request = GenerateRequest(
        model=name,
        messages=(ChatMessage("user", text),),
        sampling=Sampling(temperature=0.0, max_tokens=max_tokens),
        timeout_s=_TIMEOUT_S,
    )
    async with aclosing(models.generate(request, caller=_CALLER)) as chunks:
        return "".join([chunk.text async for chunk in chunks if isinstance(chunk, TextDelta)])
