"""What servicers and status need of the models of this node, whoever loads them."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from edge.engine.process import ModelStatus
from edge.tensors.tensor import Tensor
from runtime.ids import ModelName
from runtime.ports import Chunk, Embeddings, GenerateRequest

__all__ = ["LocalModels", "TensorModels"]


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


class TensorModels(Protocol):
    """The models of this node that take tensors."""

    def models(self) -> tuple[ModelStatus, ...]:
        """How every one of them stands, by name."""
        ...

    async def infer(
        self,
        model: ModelName,
        inputs: Sequence[Tensor],
        *,
        outputs: Sequence[str] = (),
        timeout_s: float = 60.0,
        caller: str = "",
    ) -> tuple[Tensor, ...]:
        """Compute outputs of one."""
        ...
