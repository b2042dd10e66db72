"""The models of this edge node: loaded by name, each in a child process of its own.

Implements ``runtime.ports.ModelPort``. The daemon itself loads neither libllama nor a graph.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.engine.callers import CallerNames
from edge.engine.frames import Finished, ModelFacts
from edge.engine.limits import check_request, check_texts
from edge.engine.options import EngineOptions
from edge.engine.process import EngineProcess, ModelStatus
from edge.engine.tool_use import ReadAnswer, constrained, read, reader_of
from edge.engine.traffic import CallAccount, TrafficBook
from edge.engine.vectors import vectors_of
from edge.models.gguf_check import check_gguf
from edge.models.onnx_check import check_onnx, is_onnx
from edge.tensors.checks import check_inputs, check_outputs
from edge.tensors.tensor import Tensor
from runtime.clock import Clock
from runtime.errors import BackendUnavailable, NotFound, RequestInvalid
from runtime.ids import ModelName, NodeName
from runtime.ports import Chunk, Completion, Embeddings, GenerateRequest, TextDelta, Usage

__all__ = ["CallObserver", "NodeEngine"]

CallObserver = Callable[[ModelName, CallAccount], None]


class NodeEngine:
    """Serves GGUF models through llama.cpp, ONNX decoders and tensor graphs through onnxruntime.

    An asynchronous context manager: leaving it unloads every model.

    Args:
        node: Name of this node, for the completions.
        clock: Measures lifetimes of children.
        options: Defaults for every model.
    """

    def __init__(
        self, *, node: NodeName, clock: Clock, options: EngineOptions | None = None
    ) -> None:
        self._node = node
        self._clock = clock
        self._options = options or EngineOptions()
        self._processes: dict[ModelName, EngineProcess] = {}
        self._runners: dict[ModelName, asyncio.Task[None]] = {}
        self._books: dict[ModelName, TrafficBook] = {}
        self._observers: list[CallObserver] = []
        self._tasks = asyncio.TaskGroup()
        self._callers = CallerNames(secrets.token_bytes(16))

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for name in list(self._processes):
                    tasks.create_task(self.unload(name))
        finally:
            for runner in self._runners.values():
                runner.cancel()
            await self._tasks.__aexit__(kind, error, traceback)

    async def load(
        self,
        name: ModelName,
        path: Path,
        *,
        options: EngineOptions | None = None,
        sha256: str = "",
    ) -> ModelFacts:
        """Load a model file and serve it under a name.

        Args:
            name: What requests call it.
            path: The GGUF file, the ``.onnx`` file, or the folder that holds one.
            options: Instead of the engine's own.
            sha256: Expected digest in hexadecimal; empty skips the comparison.

        Returns:
            What was loaded.

        Raises:
            RequestInvalid: The name is taken.
            ModelInvalid: The file is missing, broken or no model; one clear line.
            BackendUnavailable: The child process cannot run.
        """
        if name in self._processes:
            raise RequestInvalid(f"a model named {name} is loaded already")
        process = EngineProcess(
            name,
            path,
            options=options or self._options,
            clock=self._clock,
            traffic=self._book_of(name),
        )
        self._processes[name] = process
        try:
            return await self._start(process, name, path, sha256=sha256)
        except BaseException:
            if self._processes.get(name) is process:
                await self._forget(name)
            raise

    def observe(self, observer: CallObserver) -> None:
        """Tell ``observer`` of every call that ends from now on."""
        self._observers.append(observer)

    async def unload(self, name: ModelName) -> None:
        """Let a model's open calls end, then end its child.

        Raises:
            NotFound: No such model is loaded.
        """
        await self._process(name).drain()
        await self._forget(name)

    def models(self) -> tuple[ModelStatus, ...]:
        """How every loaded model stands, by name."""
        return tuple(self._processes[name].status for name in sorted(self._processes))

    async def generate(
        self, request: GenerateRequest, *, caller: str = ""
    ) -> AsyncGenerator[Chunk, None]:
        """Stream an answer: any number of deltas, then exactly one completion.

        Closing the iterator cancels the call within one decode.

        Args:
            request: What to answer.
            caller: Who asks; left out, whom the request's provenance names. Callers take turns,
                and what was computed for one serves no other.

        Raises:
            NotFound: No such model is loaded.
            RequestInvalid: The request is outside the engine's bounds.
            CapacityExhausted: Too many calls are open.
            ContextOverflow: The prompt leaves no room for an answer.
            DeadlineExceeded: The caller's time ran out.
            EngineCrashed: The model's process died; it is being started again.
            BackendUnavailable: It is not back yet.
        """
        process = self._process(request.model)
        _refuse_unless(process.status, embeds=False)
        check_request(request)
        facts = process.status.facts
        request = constrained(request, tool_format=facts.tool_format if facts else "tagged")
        reader = reader_of(request)
        turn = self._callers.name(caller or _caller_of(request))
        items = process.generate(request, caller=turn)
        async with aclosing(items if reader is None else read(items, reader)) as answer:
            async for item in answer:
                if isinstance(item, TextDelta):
                    yield item
                else:
                    yield self._completion(request, item)

    def _completion(self, request: GenerateRequest, end: Finished | ReadAnswer) -> Completion:
        finished = end if isinstance(end, Finished) else end.finished
        return Completion(
            finish_reason=end.finish_reason,
            usage=finished.usage,
            timings=finished.timings,
            model=request.model,
            node=self._node,
            continued=request.continues,
            tool_calls=() if isinstance(end, Finished) else end.tool_calls,
        )

    async def embed(
        self,
        model: ModelName,
        texts: Sequence[str],
        *,
        timeout_s: float = 60.0,
        caller: str = "",
    ) -> Embeddings:
        """Turn texts into vectors of length 1.

        Args:
            model: An embedding model.
            texts: What to embed; none of them empty.
            timeout_s: Time left of the caller's deadline, seconds.
            caller: Who asks; callers take turns.

        Raises:
            NotFound: No such model is loaded.
            RequestInvalid: It makes no embeddings, or the texts are outside the engine's bounds.
            ContextOverflow: A text is longer than the model takes.
            CapacityExhausted: Too many calls are open.
            DeadlineExceeded: The caller's time ran out.
            BackendUnavailable: The model's process died, or is not back yet.
        """
        process = self._process(model)
        _refuse_unless(process.status, embeds=True)
        check_texts(texts)
        found = await process.embed(
            tuple(texts), timeout_s=timeout_s, caller=self._callers.name(caller)
        )
        return Embeddings(vectors_of(found, texts=len(texts)), Usage(prompt_tokens=found.tokens))

    async def infer(
        self,
        model: ModelName,
        inputs: Sequence[Tensor],
        *,
        outputs: Sequence[str] = (),
        timeout_s: float = 60.0,
        caller: str = "",
    ) -> tuple[Tensor, ...]:
        """Compute outputs of a tensor model.

        Args:
            model: A model that was loaded to take tensors.
            inputs: All that it takes.
            outputs: Names of those that are wanted; none means all.
            timeout_s: Time left of the caller's deadline, seconds.
            caller: Who asks; callers take turns.

        Raises:
            NotFound: No such model is loaded.
            RequestInvalid: It takes no tensors or not these, or cannot compute them.
            CapacityExhausted: Too many calls are open.
            DeadlineExceeded: The caller's time ran out.
            BackendUnavailable: The model's process died, or is not back yet.
        """
        process = self._process(model)
        facts = process.status.facts
        if facts is None:
            raise BackendUnavailable(f"model {model} is being loaded")
        if not facts.outputs:
            raise RequestInvalid(f"model {model} takes no tensors")
        check_inputs(inputs, facts.inputs)
        check_outputs(outputs, facts.outputs)
        return await process.infer(
            tuple(inputs), tuple(outputs), timeout_s=timeout_s, caller=self._callers.name(caller)
        )

    def _process(self, name: ModelName) -> EngineProcess:
        if name not in self._processes:
            raise NotFound(f"no model named {name} is loaded")
        return self._processes[name]

    async def _start(
        self, process: EngineProcess, name: ModelName, path: Path, *, sha256: str
    ) -> ModelFacts:
        await asyncio.to_thread(check_onnx if is_onnx(path) else check_gguf, path, sha256=sha256)
        for companion in process.companions:
            await asyncio.to_thread(check_gguf, companion)
        if self._processes.get(name) is not process:
            raise BackendUnavailable(f"model {name} was unloaded while it was being loaded")
        self._runners[name] = self._tasks.create_task(process.run(), name=f"engine-{name}")
        return await process.started()

    def _book_of(self, name: ModelName) -> TrafficBook:
        """Return the book of a name: it goes on when its model comes back."""
        if name not in self._books:
            self._books[name] = TrafficBook(
                clock=self._clock, ended=lambda account: self._ended(name, account)
            )
        return self._books[name]

    def _ended(self, name: ModelName, account: CallAccount) -> None:
        for observer in self._observers:
            observer(name, account)

    async def _forget(self, name: ModelName) -> None:
        self._processes.pop(name, None)
        runner = self._runners.pop(name, None)
        if runner is not None:
            runner.cancel()
            await asyncio.wait([runner])


def _refuse_unless(model: ModelStatus, *, embeds: bool) -> None:
    if model.facts is not None and model.facts.embeds is not embeds:
        does = "makes embeddings and writes no text"
        if embeds:
            does = "writes text and makes no embeddings"
        raise RequestInvalid(f"model {model.name} {does}")


def _caller_of(request: GenerateRequest) -> str:
    provenance = request.provenance
    return "" if provenance is None else provenance.caller or provenance.session_id
