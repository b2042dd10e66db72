"""The tensor models among the models of a node, as the Open Inference Protocol asks for them."""

from collections.abc import Sequence

from edge.engine.process import ModelStatus
from edge.residency.resident import ResidentModels
from edge.tensors.tensor import Tensor
from runtime.ids import ModelName

__all__ = ["ResidentTensors"]


class ResidentTensors:
    """Those models of a node that take tensors.

    Args:
        models: All of them.
    """

    def __init__(self, models: ResidentModels) -> None:
        self._models = models

    def models(self) -> tuple[ModelStatus, ...]:
        """How every tensor model stands, by name."""
        return self._models.models(takes_tensors=True)

    async def infer(
        self,
        model: ModelName,
        inputs: Sequence[Tensor],
        *,
        outputs: Sequence[str] = (),
        timeout_s: float = 60.0,
        caller: str = "",
    ) -> tuple[Tensor, ...]:
        """Compute outputs of a tensor model; as ``ResidentModels.infer``."""
        return await self._models.infer(
            model, inputs, outputs=outputs, timeout_s=timeout_s, caller=caller
        )
