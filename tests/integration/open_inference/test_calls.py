"""The Open Inference Protocol over real gRPC and real child processes: refusals, deaths, limits."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from edge.servicers.open_inference import OpenInferenceServicer
from edge.tensors.tensor import MAX_TENSOR_BYTES, Tensor, elements_of
from inference_v2 import open_inference_pb2 as pb
from inference_v2 import open_inference_pb2_grpc as pb_grpc
from runtime.clock import SystemClock
from runtime.errors import ModelInvalid, RequestInvalid
from runtime.ids import ModelName, NodeName
from runtime.ports import ChatMessage, GenerateRequest
from runtime.rpc.servers import bind, new_server
from tests.integration.open_inference.graphs import (
    everything,
    exploding,
    growing,
    lasting,
    looking_up,
    summing,
)
from tests.onnx_files import Graph, Node, ValueType, write_onnx

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPTIONS = EngineOptions(threads=1, takes_tensors=True, queue_limit=4)
TYPED: dict[str, tuple[str, list[Any]]] = {
    "BOOL": ("bool_contents", [True, False]),
    "INT8": ("int_contents", [-1, 2]),
    "INT16": ("int_contents", [-300, 2]),
    "INT32": ("int_contents", [-70_000, 2]),
    "INT64": ("int64_contents", [-(1 << 40), 2]),
    "UINT8": ("uint_contents", [255, 2]),
    "UINT16": ("uint_contents", [65_535, 2]),
    "UINT32": ("uint_contents", [1 << 31, 2]),
    "UINT64": ("uint64_contents", [1 << 63, 2]),
    "FP32": ("fp32_contents", [0.5, 2.0]),
    "FP64": ("fp64_contents", [0.1, 2.0]),
    "BYTES": ("bytes_contents", ["é".encode(), b""]),
}
NUMPY = {
    "BOOL": "?", "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "<u1",
    "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
MODELS = {
    "typed": partial(everything, kinds=tuple(TYPED)),
    "sum": summing,
    "look-up": looking_up,
    "growing": growing,
    "lasting": lasting,
}
INVALID = grpc.StatusCode.INVALID_ARGUMENT
NO_PARAMETER = "a parameter is not served here; sequences, classification and shared memory are not"
NO_MIX = "2 inputs and 1 raw contents; all inputs have raw contents, or none"
Request = pb.ModelInferRequest
Input = pb.ModelInferRequest.InferInputTensor


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NodeEngine]:
    folder = tmp_path_factory.mktemp("models")
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=OPTIONS) as engine:
        for name, make in MODELS.items():
            await engine.load(ModelName(name), make(folder / f"{name}.onnx"))
        yield engine


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stub(engine: NodeEngine) -> AsyncIterator[pb_grpc.GRPCInferenceServiceAsyncStub]:
    server = new_server(max_concurrent_rpcs=16)
    servicer = OpenInferenceServicer(engine, default_timeout_s=20.0)
    pb_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    port = bind(server, "127.0.0.1:0", tls=None)
    await server.start()
    sizes = [("grpc.max_receive_message_length", 2 * MAX_TENSOR_BYTES)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=sizes) as channel:
        yield pb_grpc.GRPCInferenceServiceStub(channel)
    await server.stop(0)


def two(a: bytes = bytes(12), b: bytes = bytes(12), **changes: object) -> Request:
    request = Request(
        model_name="sum",
        inputs=[Input(name=name, datatype="FP32", shape=[1, 3]) for name in ("a", "b")],
        raw_input_contents=[a, b],
    )
    for field, value in changes.items():
        setattr(request, field, value)
    return request


def _of_another_datatype(request: Request) -> None:
    request.inputs[0].datatype = "INT64"


def _of_no_datatype(request: Request) -> None:
    request.inputs[0].datatype = "secret"


def _of_another_shape(request: Request) -> None:
    request.inputs[1].shape[:] = [3, 1]


def _of_a_negative_shape(request: Request) -> None:
    request.inputs[1].shape[:] = [-1, 3]


def _of_a_huge_shape(request: Request) -> None:
    request.inputs[1].shape[:] = [1 << 62, 3]


def _with_few_bytes(request: Request) -> None:
    request.raw_input_contents[0] = b"1234"


def _with_one_raw_content(request: Request) -> None:
    del request.raw_input_contents[1]


def _with_both_contents(request: Request) -> None:
    request.inputs[0].contents.fp32_contents.append(1.0)


def _of_another_name(request: Request) -> None:
    request.inputs[1].name = "secret"


def _twice(request: Request) -> None:
    request.inputs[1].name = "a"


def _without_one(request: Request) -> None:
    del request.inputs[1], request.raw_input_contents[1]


def _for_an_unknown_output(request: Request) -> None:
    request.outputs.add(name="secret")


def _for_an_output_twice(request: Request) -> None:
    request.outputs.add(name="total")
    request.outputs.add(name="total")


def _with_shared_memory(request: Request) -> None:
    request.inputs[0].parameters["shared_memory_region"].string_param = "secret"


def _in_a_sequence(request: Request) -> None:
    request.parameters["sequence_id"].int64_param = 7


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_of_another_datatype, "input a must be FP32"),
        (_of_no_datatype, "input a must be FP32"),
        (_of_another_shape, "input b has shape [3, 1]; the model takes [-1, 3]"),
        (_of_a_negative_shape, "input b has a shape that no tensor has"),
        (_of_a_huge_shape, f"input b has 12 bytes of values; its shape asks for {12 << 62}"),
        (_with_few_bytes, "input a has 4 bytes of values; its shape asks for 12"),
        (_with_one_raw_content, NO_MIX),
        (_with_both_contents, "input 1 has contents of its own beside the raw contents"),
        (_of_another_name, "the model has no such input; it takes a, b"),
        (_twice, "input a is there twice"),
        (_without_one, "input b is missing; the model takes a, b"),
        (_for_an_unknown_output, "the model has no such output; it gives total"),
        (_for_an_output_twice, "an output is asked for twice"),
        (_with_shared_memory, NO_PARAMETER),
        (_in_a_sequence, NO_PARAMETER),
    ],
)  # fmt: skip
async def test_what_a_model_does_not_take_is_refused_in_a_sentence_that_quotes_nothing(
    stub: pb_grpc.GRPCInferenceServiceAsyncStub, spoil: Callable[[Request], None], message: str
) -> None:
    request = two()
    spoil(request)

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stub.ModelInfer(request)

    assert refusal.value.code() is INVALID
    assert refusal.value.details() == message


async def test_numbers_and_strings_may_come_as_typed_contents(
    stub: pb_grpc.GRPCInferenceServiceAsyncStub,
) -> None:
    request = Request(model_name="typed", id="7")
    for kind, (field, values) in TYPED.items():
        tensor = request.inputs.add(name=f"in_{kind}", datatype=kind, shape=[len(values)])
        getattr(tensor.contents, field).extend(values)

    response = await stub.ModelInfer(request)

    assert response.id == "7"
    found = dict(zip([one.datatype for one in response.outputs], response.raw_output_contents,
                     strict=True))  # fmt: skip
    assert list(elements_of(found.pop("BYTES"))) == TYPED["BYTES"][1]
    numbers = {kind: np.frombuffer(raw, NUMPY[kind]).tolist() for kind, raw in found.items()}
    assert numbers == {kind: values for kind, (_, values) in TYPED.items() if kind != "BYTES"}


async def test_typed_contents_are_added_up(stub: pb_grpc.GRPCInferenceServiceAsyncStub) -> None:
    request = two()
    del request.raw_input_contents[:]
    for number, tensor in enumerate(request.inputs):
        tensor.contents.fp32_contents.extend([1.0 * number, 2.0, 3.0])

    response = await stub.ModelInfer(request)

    assert np.frombuffer(response.raw_output_contents[0], "<f4").tolist() == [1.0, 4.0, 6.0]
    assert (response.model_name, response.model_version) == ("sum", "1")
    (total,) = response.outputs
    assert (total.name, total.datatype, list(total.shape)) == ("total", "FP32", [1, 3])


@pytest.mark.parametrize(("name", "version"), [("unknown", ""), ("sum", "2")])
async def test_a_model_or_version_that_is_not_there(
    stub: pb_grpc.GRPCInferenceServiceAsyncStub, name: str, version: str
) -> None:
    ready = await stub.ModelReady(pb.ModelReadyRequest(name=name, version=version))
    with pytest.raises(grpc.aio.AioRpcError) as metadata:
        await stub.ModelMetadata(pb.ModelMetadataRequest(name=name, version=version))
    with pytest.raises(grpc.aio.AioRpcError) as infer:
        await stub.ModelInfer(two(model_name=name, model_version=version))

    assert not ready.ready
    assert metadata.value.code() is infer.value.code() is grpc.StatusCode.NOT_FOUND


async def test_values_that_cannot_be_computed_end_the_call_and_nothing_else(
    stub: pb_grpc.GRPCInferenceServiceAsyncStub, engine: NodeEngine
) -> None:
    places = [np.array([2, place], "<i8").tobytes() for place in (0, 99, 1)]
    request = Request(
        model_name="look-up", inputs=[Input(name="places", datatype="INT64", shape=[2])]
    )
    pids = {model.name: model.pid for model in engine.models()}

    request.raw_input_contents[:] = [places[0]]
    found = [(await stub.ModelInfer(request)).raw_output_contents[0]]
    request.raw_input_contents[:] = [places[1]]
    with pytest.raises(grpc.aio.AioRpcError, match="cannot compute these inputs") as refusal:
        await stub.ModelInfer(request)
    request.raw_input_contents[:] = [places[2]]
    found.append((await stub.ModelInfer(request)).raw_output_contents[0])

    assert refusal.value.code() is INVALID
    assert "99" not in str(refusal.value.details())
    assert [np.frombuffer(one, "<f4").tolist() for one in found] == [[3.0, 1.0], [3.0, 2.0]]
    assert {model.name: model.pid for model in engine.models()} == pids


@pytest.mark.parametrize(("side", "reason"), [(2_000, "at most 8388608"), (1 << 20, "")])
async def test_outputs_without_bound_end_the_call(
    stub: pb_grpc.GRPCInferenceServiceAsyncStub, side: int, reason: str
) -> None:
    request = Request(
        model_name="growing",
        inputs=[Input(name="shape", datatype="INT64", shape=[2])],
        raw_input_contents=[np.array([side, side], "<i8").tobytes()],
    )

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stub.ModelInfer(request)

    assert refusal.value.code() in {INVALID, grpc.StatusCode.UNAVAILABLE}
    assert reason in str(refusal.value.details())
    request.raw_input_contents[0] = np.array([2, 2], "<i8").tobytes()
    assert (await stub.ModelInfer(request)).raw_output_contents[0] == bytes(16)


async def test_inputs_without_bound_are_refused(
    stub: pb_grpc.GRPCInferenceServiceAsyncStub,
) -> None:
    rows = 400_000
    request = two(bytes(rows * 12), bytes(rows * 12))
    for tensor in request.inputs:
        tensor.shape[:] = [rows, 3]

    with pytest.raises(grpc.aio.AioRpcError, match="at most 8388608 are taken"):
        await stub.ModelInfer(request)


async def test_a_kill_fails_the_call_and_the_model_is_back_within_seconds(
    stub: pb_grpc.GRPCInferenceServiceAsyncStub, engine: NodeEngine
) -> None:
    loop = asyncio.get_running_loop()
    pid = next(model.pid for model in engine.models() if model.name == "sum")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    call = asyncio.create_task(_code(stub, two()))
    await asyncio.sleep(0.2)

    os.kill(pid, signal.SIGKILL)
    killed_s = loop.time()

    assert await call is grpc.StatusCode.UNAVAILABLE
    assert await _code(stub, two()) is grpc.StatusCode.OK
    assert loop.time() - killed_s < 5.0


async def test_many_callers_are_all_answered_and_one_too_many_is_told_to_come_back(
    stub: pb_grpc.GRPCInferenceServiceAsyncStub, engine: NodeEngine
) -> None:
    pid = next(model.pid for model in engine.models() if model.name == "sum")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    calls = [asyncio.create_task(_code(stub, two())) for _ in range(OPTIONS.queue_limit)]
    await asyncio.sleep(0.3)

    refused = await _code(stub, two())
    os.kill(pid, signal.SIGCONT)

    assert refused is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert {await call for call in calls} == {grpc.StatusCode.OK}


async def test_a_deadline_ends_the_call(
    stub: pb_grpc.GRPCInferenceServiceAsyncStub, engine: NodeEngine
) -> None:
    pid = next(model.pid for model in engine.models() if model.name == "sum")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)

    late = await _code(stub, two(), timeout_s=0.3)
    os.kill(pid, signal.SIGCONT)

    assert late is grpc.StatusCode.DEADLINE_EXCEEDED
    assert await _code(stub, two()) is grpc.StatusCode.OK


async def test_a_run_whose_caller_is_gone_is_ended(
    stub: pb_grpc.GRPCInferenceServiceAsyncStub,
) -> None:
    def power(side: int) -> Request:
        matrix = Input(name="m", datatype="FP32", shape=[side, side])
        values = bytes(side * side * 4)
        return Request(model_name="lasting", inputs=[matrix], raw_input_contents=[values])

    loop = asyncio.get_running_loop()
    since_s = loop.time()
    small = await _code(stub, power(300))
    small_s = loop.time() - since_s
    large = await _code(stub, power(1200), timeout_s=0.5)  # takes 64 times as long
    since_s = loop.time()

    after = await _code(stub, power(2))

    assert (small, large) == (grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED)
    assert after is grpc.StatusCode.OK
    assert loop.time() - since_s < 16 * small_s + 2.0


async def test_the_largest_call_is_computed(stub: pb_grpc.GRPCInferenceServiceAsyncStub) -> None:
    rows = MAX_TENSOR_BYTES // 24
    numbers = np.arange(rows * 3, dtype="<f4")
    request = two(numbers.tobytes(), numbers.tobytes())
    for tensor in request.inputs:
        tensor.shape[:] = [rows, 3]

    response = await stub.ModelInfer(request)

    assert np.array_equal(np.frombuffer(response.raw_output_contents[0], "<f4"), 2 * numbers)


async def test_a_tensor_model_writes_no_text(engine: NodeEngine) -> None:
    request = GenerateRequest(ModelName("sum"), (ChatMessage("user", "Hello"),))

    with pytest.raises(RequestInvalid, match="takes tensors"):
        [chunk async for chunk in engine.generate(request)]


async def test_a_graph_with_something_that_is_no_tensor_of_the_protocol_is_refused(
    tmp_path: Path,
) -> None:
    graph = Graph(
        [Node("Identity", ["x"], ["y"])],
        [ValueType("x", "BF16", ["n"])],
        [ValueType("y", "BF16", ["n"])],
    )

    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=OPTIONS) as engine:
        with pytest.raises(ModelInvalid, match=r"its x is tensor\(bfloat16\)"):
            await engine.load(ModelName("odd"), write_onnx(tmp_path / "odd.onnx", graph))


@pytest.mark.parametrize("keep", [0, 1, 40, 200])
async def test_a_broken_graph_is_refused_and_takes_nothing_down(tmp_path: Path, keep: int) -> None:
    whole = summing(tmp_path / "whole.onnx").read_bytes()
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(whole[:keep] + bytes(range(256)))

    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=OPTIONS) as engine:
        with pytest.raises(ModelInvalid, match=r"broken\.onnx"):
            await engine.load(ModelName("sum"), broken)

        await engine.load(ModelName("sum"), tmp_path / "whole.onnx")


async def test_a_graph_that_unfolds_without_bound_takes_nothing_down(tmp_path: Path) -> None:
    path = exploding(tmp_path / "exploding.onnx")

    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=OPTIONS) as engine:
        with pytest.raises((ModelInvalid, RequestInvalid)) as refusal:
            await _load_and_ask(engine, path)

    assert "onnxruntime" in str(refusal.value)


async def _load_and_ask(engine: NodeEngine, path: Path) -> None:
    name = ModelName("exploding")
    await engine.load(name, path)
    await engine.infer(name, [Tensor("x", "FP32", (1,), bytes(4))])


async def _code(
    stub: pb_grpc.GRPCInferenceServiceAsyncStub, request: Request, *, timeout_s: float = 20.0
) -> grpc.StatusCode:
    try:
        await stub.ModelInfer(request, timeout=timeout_s)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK
