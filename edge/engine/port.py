"""What others need of the models of this node: who asks them, and who says which are loaded."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Protocol

from edge.engine.frames import ModelFacts
from edge.engine.options import EngineOptions
from edge.engine.process import ModelStatus
from edge.tensors.tensor import Tensor
from runtime.ids import ModelName
from runtime.ports import Chunk, EmbeddingPort, GenerateRequest

__all__ = ["LoadingEngine", "LocalModels", "TensorModels"]


class LocalModels(EmbeddingPort, Protocol):
    """The models of this node."""

    def models(self) -> tuple[ModelStatus, ...]:
        """How every model stands, by name."""
        ...

    def generate(
        self, request: GenerateRequest, *, caller: str = ""
    ) -> AsyncGenerator[Chunk, None]:
        """Stream an answer: any number of deltas, then exactly one completion."""
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


class LoadingEngine(LocalModels, TensorModels, Protocol):
    """An engine that serves what it is told to load."""

    async def load(
        self, name: ModelName, path: Path, *, options: EngineOptions | None = None, sha256: str = ""
    ) -> ModelFacts:
        """Load a model and serve it under a name."""
        ...

    async def unload(self, name: ModelName) -> None:
        """Let a model's open calls end, then free its memory."""
        ...
