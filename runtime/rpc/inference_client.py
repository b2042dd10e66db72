"""The client of one node's ``Inference``: models and embeddings as the executor's ports.

Knows channel and contract; knows nothing of gates, ledgers or plans. On an edge only
``edge.egress`` may import this module.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial

import grpc

from leeward.v1 import inference_pb2 as pb
from leeward.v1 import inference_pb2_grpc as pb_grpc
from runtime.codec.embedding import (
    EmbedResult,
    decode_embed_response,
    encode_embed_request,
)
from runtime.codec.inference import (
    ServedModel,
    decode_chunk,
    decode_served_models,
    encode_generate_request,
)
from runtime.codec.ledger import LedgerReference
from runtime.ids import ModelName
from runtime.ports import Chunk, Completion, Embeddings, EmbedRequest, GenerateRequest, TextDelta
from runtime.rpc.calls import Metadata, read_answer, read_to_last
from runtime.rpc.deadlines import DEFAULT_TIMEOUT_S

__all__ = ["InferenceClient"]


class InferenceClient:
    """A node's models, over a channel that the caller owns.

    Implements ``ModelPort`` and ``EmbeddingPort`` of ``runtime.ports``.

    Args:
        channel: Stays open until the caller closes it.
        metadata: Asked once per call for what travels beside the message.
    """

    def __init__(
        self, channel: grpc.aio.Channel, *, metadata: Callable[[], Metadata] = tuple
    ) -> None:
        self._stub = pb_grpc.InferenceStub(channel)
        self._metadata = metadata

    def generate(
        self, request: GenerateRequest, *, ledger: LedgerReference | None = None
    ) -> AsyncGenerator[Chunk]:
        """Stream an answer: any number of deltas, then exactly one completion.

        Closing the iterator, or cancelling its reader, cancels the call on the node.

        Args:
            request: The call; its ``timeout_s`` becomes the deadline.
            ledger: Where the passage stands in this edge's ledger, when it leaves the edge.

        Raises:
            RequestInvalid: The request holds what the wire cannot carry, or the node refused it.
            StreamBroken: The stream ended, or the link broke, before the completion.
            LeewardError: Whatever the node reported.
        """
        return read_to_last(
            lambda: self._stub.Generate(
                encode_generate_request(request, ledger=ledger),
                timeout=request.timeout_s,
                metadata=tuple(self._metadata()),
            ),
            partial(decode_chunk, takes_tools=bool(request.tools)),
            is_last=_is_completion,
            tokens_in=_tokens_in,
        )

    async def embed(
        self,
        model: ModelName,
        texts: Sequence[str],
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        caller: str = "",
    ) -> Embeddings:
        """Return one unit-length vector per text."""
        del caller  # the node knows its callers by their connections
        call = EmbedRequest(model=model, texts=tuple(texts), timeout_s=timeout_s)
        result = await self.call_embed(call)
        return Embeddings([list(vector) for vector in result.embeddings], result.usage)

    async def call_embed(
        self, call: EmbedRequest, *, ledger: LedgerReference | None = None
    ) -> EmbedResult:
        """Return the vectors of a call that has a label and says where it comes from.

        Raises:
            RequestInvalid: The call holds what the wire cannot carry, or the node refused it.
            LeewardError: Whatever the node reported.
        """
        return await read_answer(
            self._stub.Embed(
                encode_embed_request(call, ledger=ledger),
                timeout=call.timeout_s,
                metadata=tuple(self._metadata()),
            ),
            lambda reply: decode_embed_response(reply, texts=len(call.texts)),
        )

    async def list_models(self, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> tuple[ServedModel, ...]:
        """Return the models that the node can serve to this caller.

        Raises:
            LeewardError: Whatever the node reported.
        """
        return await read_answer(
            self._stub.ListModels(
                pb.ListModelsRequest(), timeout=timeout_s, metadata=tuple(self._metadata())
            ),
            decode_served_models,
        )


def _is_completion(chunk: Chunk) -> bool:
    return isinstance(chunk, Completion)


def _tokens_in(chunk: Chunk) -> int:
    return chunk.tokens if isinstance(chunk, TextDelta) else 0
