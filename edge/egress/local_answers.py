"""Ask a model of the daemon on this very device; loopback only, so nothing leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final, Protocol

from edge.egress.door import open_local
from runtime.ids import ModelName
from runtime.labels import Label
from runtime.ports import ChatMessage, GenerateRequest, TextDelta
from runtime.rpc.inference_client import InferenceClient

__all__ = ["Asks", "local_models"]

_TIMEOUT_S: Final = 300.0


class Asks(Protocol):
    """Answers a chat by a model of the device."""

    async def __call__(
        self, model: ModelName, messages: tuple[ChatMessage, ...], label: Label
    ) -> str:
        """Return the whole answer."""
        ...


@asynccontextmanager
async def local_models(listen: str) -> AsyncIterator[Asks]:
    """Reach the daemon's own models.

    Raises:
        BackendUnavailable: No daemon answers at ``listen``.
        ConfigInvalid: ``listen`` is not a loopback address.
    """
    async with open_local(listen) as channel:
        client = InferenceClient(channel)

        async def ask(model: ModelName, messages: tuple[ChatMessage, ...], label: Label) -> str:
            request = GenerateRequest(model, messages, label=label, timeout_s=_TIMEOUT_S)
            async with aclosing(client.generate(request)) as chunks:
                return "".join([one.text async for one in chunks if isinstance(one, TextDelta)])

        yield ask
