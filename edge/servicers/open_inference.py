"""``inference.GRPCInferenceService`` on the edge: any tensor model, for stock clients.

Unlike elsewhere an ``INVALID_ARGUMENT`` carries the sentence that names what is wrong: what checks
tensors quotes no value, and clients of this protocol read nothing else.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import grpc

from edge.engine.port import TensorModels
from edge.engine.process import ModelStatus
from edge.tensors.contents import data_of
from edge.tensors.tensor import Tensor, TensorFacts
from inference_v2 import open_inference_pb2 as pb
from inference_v2 import open_inference_pb2_grpc as pb_grpc
from runtime.errors import NotFound, RequestInvalid
from runtime.ids import ModelName
from runtime.rpc.boundary import error_boundary
from runtime.rpc.deadlines import remaining_s
from runtime.rpc.status import DETAILS_KEY, to_rich_status
from runtime.version import VERSION

__all__ = ["OpenInferenceServicer"]

Context = grpc.aio.ServicerContext[Any, Any]

_SERVER: Final = "leeward"
_PLATFORM: Final = "onnxruntime_onnx"
_MODEL_VERSION: Final = "1"
_HINTS: Final = frozenset({"binary_data", "binary_data_output", "priority", "timeout"})
"""Parameters that change nothing of what is computed."""


class OpenInferenceServicer(pb_grpc.GRPCInferenceServiceServicer):
    """Serves the tensor models of this device. Nothing called here can leave it."""

    def __init__(self, engine: TensorModels, *, default_timeout_s: float) -> None:
        self._engine = engine
        self._default_timeout_s = default_timeout_s

    async def ServerLive(
        self, request: pb.ServerLiveRequest, context: Context
    ) -> pb.ServerLiveResponse:
        """Say that the server answers."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(
        self, request: pb.ServerReadyRequest, context: Context
    ) -> pb.ServerReadyResponse:
        """Say whether every model can be asked."""
        return pb.ServerReadyResponse(ready=all(map(_is_ready, self._engine.models())))

    async def ModelReady(
        self, request: pb.ModelReadyRequest, context: Context
    ) -> pb.ModelReadyResponse:
        """Say whether one model can be asked."""
        async with error_boundary(context, "OpenInference.ModelReady"):
            model = self._model(request.name, request.version)
            return pb.ModelReadyResponse(ready=model is not None and _is_ready(model))

    async def ServerMetadata(
        self, request: pb.ServerMetadataRequest, context: Context
    ) -> pb.ServerMetadataResponse:
        """Say who serves."""
        return pb.ServerMetadataResponse(name=_SERVER, version=VERSION)

    async def ModelMetadata(
        self, request: pb.ModelMetadataRequest, context: Context
    ) -> pb.ModelMetadataResponse:
        """Say what a model takes and gives."""
        async with error_boundary(context, "OpenInference.ModelMetadata"):
            model = self._model(request.name, request.version)
            if model is None or model.facts is None:
                raise NotFound("no such tensor model, or not this version of it")
            return pb.ModelMetadataResponse(
                name=model.name,
                versions=[_MODEL_VERSION],
                platform=_PLATFORM,
                inputs=_metadata(model.facts.inputs),
                outputs=_metadata(model.facts.outputs),
            )

    async def ModelInfer(
        self, request: pb.ModelInferRequest, context: Context
    ) -> pb.ModelInferResponse:
        """Compute a model's outputs."""
        async with error_boundary(context, "OpenInference.ModelInfer"):
            timeout_s = remaining_s(context, default_s=self._default_timeout_s)
            if self._model(request.model_name, request.model_version) is None:
                raise NotFound("no such tensor model, or not this version of it")
            try:
                found = await self._engine.infer(
                    ModelName(request.model_name),
                    _inputs(request),
                    outputs=_outputs(request),
                    timeout_s=timeout_s,
                    caller=context.peer(),
                )
            except RequestInvalid as error:
                details = to_rich_status(error).SerializeToString()
                await context.abort(
                    grpc.StatusCode.INVALID_ARGUMENT, str(error), ((DETAILS_KEY, details),)
                )
            return pb.ModelInferResponse(
                model_name=request.model_name,
                model_version=_MODEL_VERSION,
                id=request.id,
                outputs=[
                    pb.ModelInferResponse.InferOutputTensor(
                        name=tensor.name, datatype=tensor.datatype, shape=tensor.shape
                    )
                    for tensor in found
                ],
                raw_output_contents=[tensor.data for tensor in found],
            )

    def _model(self, name: str, version: str) -> ModelStatus | None:
        if version not in {"", _MODEL_VERSION}:
            return None
        return next((model for model in self._engine.models() if model.name == name), None)


def _is_ready(model: ModelStatus) -> bool:
    # One that was unloaded for another comes back with the next call.
    return model.state in {"ready", "unloaded"}


def _metadata(facts: Sequence[TensorFacts]) -> list[pb.ModelMetadataResponse.TensorMetadata]:
    return [
        pb.ModelMetadataResponse.TensorMetadata(
            name=one.name, datatype=one.datatype, shape=one.shape
        )
        for one in facts
    ]


def _inputs(request: pb.ModelInferRequest) -> list[Tensor]:
    _refuse_parameters(request.parameters)
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise RequestInvalid(
            f"{len(request.inputs)} inputs and {len(raw)} raw contents; all inputs have raw "
            "contents, or none"
        )
    return [
        _tensor(tensor, raw[number] if raw else None, f"input {number + 1}")
        for number, tensor in enumerate(request.inputs)
    ]


def _tensor(tensor: pb.ModelInferRequest.InferInputTensor, raw: bytes | None, name: str) -> Tensor:
    _refuse_parameters(tensor.parameters)
    contents = {field.name: values for field, values in tensor.contents.ListFields()}
    if raw is None:
        data = data_of(tensor.datatype, contents, name=name)
    elif contents:
        raise RequestInvalid(f"{name} has contents of its own beside the raw contents")
    else:
        data = raw
    return Tensor(tensor.name, tensor.datatype, tuple(tensor.shape), data)


def _outputs(request: pb.ModelInferRequest) -> list[str]:
    for output in request.outputs:
        _refuse_parameters(output.parameters)
    return [output.name for output in request.outputs]


def _refuse_parameters(parameters: Mapping[str, pb.InferParameter]) -> None:
    """Refuse what would change the answer and is not served, such as shared memory."""
    if not set(parameters) <= _HINTS:
        raise RequestInvalid(
            "a parameter is not served here; sequences, classification and shared memory are not"
        )
