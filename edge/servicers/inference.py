"""``leeward.v1.Inference`` on the edge: the device's own models, for local callers."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from edge.engine.limits import check_priority
from edge.engine.port import LocalModels
from leeward.v1 import inference_pb2 as pb
from leeward.v1 import inference_pb2_grpc as pb_grpc
from runtime.catalog.model import Catalog
from runtime.codec.embedding import decode_embed_request, encode_embed_response
from runtime.codec.inference import (
    ServedModel,
    decode_generate_request,
    encode_chunk,
    encode_served_models,
)
from runtime.ids import NodeName
from runtime.rpc.boundary import error_boundary
from runtime.rpc.deadlines import remaining_s

__all__ = ["InferenceServicer"]

Context = grpc.aio.ServicerContext[Any, Any]


class InferenceServicer(pb_grpc.InferenceServicer):
    """Serves the models of this device. Nothing called here can leave it."""

    def __init__(
        self,
        engine: LocalModels,
        *,
        catalog: Catalog,
        node: NodeName,
        default_timeout_s: float,
        max_priority: int = 0,
    ) -> None:
        self._engine = engine
        self._catalog = catalog
        self._node = node
        self._default_timeout_s = default_timeout_s
        self._max_priority = max_priority

    async def Generate(
        self, request: pb.GenerateRequest, context: Context
    ) -> AsyncIterator[pb.GenerateResponse]:
        """Stream one answer."""
        async with error_boundary(context, "Inference.Generate"):
            timeout_s = remaining_s(context, default_s=self._default_timeout_s)
            call = decode_generate_request(request, timeout_s=timeout_s, takes_tools=True)
            check_priority(call.priority, most=self._max_priority)
            chunks = self._engine.generate(call, caller=context.peer())
            async with aclosing(chunks):
                async for chunk in chunks:
                    yield encode_chunk(chunk)

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        """Embed texts."""
        async with error_boundary(context, "Inference.Embed"):
            timeout_s = remaining_s(context, default_s=self._default_timeout_s)
            call = decode_embed_request(request, timeout_s=timeout_s)
            found = await self._engine.embed(
                call.model,
                call.texts,
                timeout_s=call.timeout_s,
                caller=context.peer(),
            )
            return encode_embed_response(found.vectors, model=call.model, usage=found.usage)

    async def ListModels(
        self, request: pb.ListModelsRequest, context: Context
    ) -> pb.ListModelsResponse:
        """List the models of this device."""
        async with error_boundary(context, "Inference.ListModels"):
            stands = self._engine.models()
            loaded = {status.name for status in stands if status.state == "ready"}
            embedders = {one.name for one in stands if one.facts and one.facts.embeds}
            return encode_served_models(
                ServedModel(
                    name=model.name,
                    node=self._node,
                    zone="edge",
                    family=model.family,
                    context_tokens=model.context_tokens,
                    loaded=model.name in loaded,
                    generates=model.name not in embedders,
                    embeds=model.name in embedders,
                )
                for model in self._catalog.models
                if model.node == self._node
            )
