"""What servicers and status need of the models of this node, whoever loads them."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from edge.engine.process import ModelStatus
from runtime.ids import ModelName
from runtime.ports import Chunk, Embeddings, GenerateRequest

__all__ = ["LocalModels"]


class LocalModels(Protocol):
    """The models of this node."""

    def models(self) -> tuple[ModelStatus, ...]:
        """How every model stands, by name."""
        ...

    def generate(
        self, request: GenerateRequest, *, caller: str = ""
    ) -> AsyncGenerator[Chunk, None]:
        """Stream an answer: any number of deltas, then exactly one completion."""
        ...

    async def embed(
        self,
        model: ModelName,
        texts: Sequence[str],
        *,
        timeout_s: float = 60.0,
        caller: str = "",
    ) -> Embeddings:
        """Turn texts into vectors of length 1."""
        ...
