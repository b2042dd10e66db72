"""``leeward.v1.Inference`` on the gateway: where a device's call enters the cloud."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import grpc

from cloud.access import Access
from cloud.cache.wishes import CACHE_KEY, cache_wish
from cloud.calls import Caller, EmbedCall, GenerateCall
from cloud.idempotency.finishing import Finishing
from cloud.open_calls import OpenCalls
from cloud.serving import Serving
from leeward.v1 import inference_pb2 as pb
from leeward.v1 import inference_pb2_grpc as pb_grpc
from runtime.codec.embedding import decode_embed_request, encode_embed_response
from runtime.codec.inference import (
    ServedModel,
    decode_generate_request,
    decode_passage,
    encode_chunk,
    encode_served_models,
)
from runtime.codec.ledger import LedgerReference
from runtime.ids import DeviceId, NodeName
from runtime.rpc.boundary import error_boundary
from runtime.rpc.deadlines import remaining_s
from runtime.rpc.peer import verified_peer
from runtime.telemetry.tracing import extract

__all__ = ["Heads", "InferenceServicer"]

Context = grpc.aio.ServicerContext[Any, Any]


class Heads(Protocol):
    """Keeps the newest ledger head of each device."""

    def note_head(
        self, device: DeviceId, *, position: int, head_mac: bytes
    ) -> asyncio.Future[None]:
        """Keep a head; await what it returns to know that it is kept."""
        ...


class InferenceServicer(pb_grpc.InferenceServicer):
    """Serves the gateway's models to enrolled devices."""

    def __init__(
        self,
        *,
        access: Access,
        serving: Serving,
        heads: Heads,
        calls: OpenCalls,
        finishing: Finishing,
        node: NodeName,
    ) -> None:
        self._access = access
        self._serving = serving
        self._heads = heads
        self._calls = calls
        self._finishing = finishing
        self._node = node

    async def Generate(
        self, request: pb.GenerateRequest, context: Context
    ) -> AsyncIterator[pb.GenerateResponse]:
        """Stream one answer."""
        async with error_boundary(context, "Inference.Generate"):
            caller = await self._access.by_certificate(verified_peer(context))
            call = decode_generate_request(
                request, timeout_s=remaining_s(context), takes_tools=True
            )
            metadata = context.invocation_metadata() or ()
            asked = GenerateCall(caller, call, cache=cache_wish(metadata), trace=extract(metadata))
            async with (
                self._calls.guarding(DeviceId(caller.id)) as running,
                self._noting_head(caller, decode_passage(request)),
                self._finishing.answering(asked) as answer,
            ):
                context.set_trailing_metadata(((CACHE_KEY, answer.cache),))
                async for chunk in answer.chunks:
                    running.leave()
                    yield encode_chunk(chunk)
                    running.back()

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        """Turn texts into vectors."""
        async with error_boundary(context, "Inference.Embed"):
            caller = await self._access.by_certificate(verified_peer(context))
            call = decode_embed_request(request, timeout_s=remaining_s(context))
            trace = extract(context.invocation_metadata() or ())
            async with (
                self._calls.guarding(DeviceId(caller.id)),
                self._noting_head(caller, decode_passage(request)),
            ):
                embedded = await self._serving.embed(EmbedCall(caller, call, trace))
            return encode_embed_response(
                embedded.vectors, model=embedded.model, usage=embedded.usage
            )

    async def ListModels(
        self, request: pb.ListModelsRequest, context: Context
    ) -> pb.ListModelsResponse:
        """List the aliases served."""
        async with error_boundary(context, "Inference.ListModels"):
            caller = await self._access.by_certificate(verified_peer(context))
            return encode_served_models(
                ServedModel(
                    name=route.model,
                    node=self._node,
                    zone="cloud",
                    family=route.family,
                    context_tokens=route.context_tokens,
                    loaded=True,
                    generates=not route.embeds,
                    embeds=route.embeds,
                )
                for route in self._serving.models.routes
                if caller.may_use(route.model)
            )

    @asynccontextmanager
    async def _noting_head(
        self, caller: Caller, passage: LedgerReference | None
    ) -> AsyncIterator[None]:
        """Keep the ledger head that a call shows, beside the call and before it ends."""
        if passage is None:
            yield
            return
        noted = self._heads.note_head(
            DeviceId(caller.id), position=passage.position, head_mac=passage.head_mac
        )
        try:
            yield
        finally:
            await noted
