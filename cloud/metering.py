"""Record what a device used, whether the call ended well, badly or not at all."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from cloud.stores.usage import UsageRecord, UsageStore
from cloud.upstreams.estimate import estimate_prompt_tokens
from runtime.clock import Clock
from runtime.errors import LeewardError
from runtime.ids import DeviceId
from runtime.ports import Chunk, Completion, GenerateRequest, ModelPort, Usage

__all__ = ["Metering"]


class Metering:
    """Runs calls of a model port and writes one usage record for each.

    The record is durable before the completion is passed on, so that a device never holds a
    receipt that the gateway does not know.
    """

    def __init__(self, models: ModelPort, usage: UsageStore, clock: Clock) -> None:
        self._models = models
        self._usage = usage
        self._clock = clock

    async def generate(
        self, request: GenerateRequest, device: DeviceId
    ) -> AsyncGenerator[Chunk, None]:
        """Stream one answer for ``device``."""
        started_s = self._clock.monotonic_s()
        received_tokens = 0
        status = "cancelled"
        spent: Usage | None = None
        try:
            async with aclosing(self._models.generate(request)) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, Completion):
                        status, spent = chunk.finish_reason.value, chunk.usage
                        await self._record(request, device, status, spent, started_s)
                    else:
                        received_tokens += chunk.tokens
                    yield chunk
        except LeewardError as error:
            status = type(error).__name__
            raise
        finally:
            if spent is None:
                spent = _partial(request, received_tokens)
                await self._record(request, device, status, spent, started_s)

    async def _record(
        self,
        request: GenerateRequest,
        device: DeviceId,
        status: str,
        usage: Usage,
        started_s: float,
    ) -> None:
        where = request.provenance
        await self._usage.record(
            UsageRecord(
                at=self._clock.now().isoformat(),
                device=device,
                model=request.model,
                graph=where.graph if where else "",
                request_id=where.request_id if where else "",
                plan_id=where.plan_id if where else "",
                step_id=where.step_id if where else "",
                status=status,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                cost_usd=usage.cost_usd,
                estimated=usage.estimated,
                latency_s=self._clock.monotonic_s() - started_s,
            )
        )


def _partial(request: GenerateRequest, received_tokens: int) -> Usage:
    """What a call that did not end cost us to ask for: nothing if no token came back."""
    if not received_tokens:
        return Usage(estimated=True)
    return Usage(
        prompt_tokens=estimate_prompt_tokens(request.messages),
        completion_tokens=received_tokens,
        estimated=True,
    )
