"""The child process of one loaded model: ``python -m edge.engine.child FD PARENT_PID``.

Loads the model that the first frame names, then answers calls over the inherited socket. It
knows no network, no policy and no caller; when the daemon goes away, so does it. Whatever
crashes libllama ends this process and nothing else.
"""

import gc
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.engine.chat import ChatTemplate
from edge.engine.confinement import bound_memory, confine
from edge.engine.frames import (
    Frame,
    FrameInvalid,
    Load,
    LoadFailed,
    ModelFacts,
    Ready,
    encode,
    receive_frame,
)
from edge.engine.inbox import Inbox
from edge.engine.native.adapter import apply_adapter
from edge.engine.native.context import LlamaContext, threads_of
from edge.engine.native.draft import DraftModel
from edge.engine.native.embedding import Embedder, EmbeddingContext
from edge.engine.native.model import LlamaModel, LoadLog
from edge.engine.native.scheduler import Scheduler
from edge.engine.outbox import Outbox
from edge.models.onnx_check import is_onnx, onnx_file
from runtime.clock import Clock, SystemClock
from runtime.errors import EngineCrashed, ModelInvalid

if TYPE_CHECKING:
    from edge.engine.onnx.context import OnnxContext
    from edge.engine.onnx.model import OnnxModel
    from edge.engine.onnx.tensors import TensorWorker

__all__ = ["main"]

_SWITCH_S: Final = 0.001
_EXIT_DONE: Final = 0
_EXIT_BROKEN: Final = 70
"""What computes reported a failure after which it cannot be used."""


def main(arguments: list[str]) -> int:
    """Serve one model until the daemon closes the socket."""
    descriptor, parent_pid = (int(argument) for argument in arguments)
    confine(parent_pid)
    daemon = _Daemon(socket.socket(fileno=descriptor))
    load = daemon.receive()
    if not isinstance(load, Load):
        return _EXIT_BROKEN
    try:
        server = _Server(load, daemon, clock=SystemClock(), rng=random.SystemRandom())
    except ModelInvalid as error:
        daemon.send(LoadFailed(str(error)))
        return _EXIT_DONE
    return server.run()


class _Daemon:
    """The other end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, *frames: Frame) -> None:
        data = b"".join(map(encode, frames))
        with self._sending:
            self._connection.sendall(data)

    def receive(self) -> Frame | None:
        return receive_frame(self._connection)


class _Server:
    """A loaded model and who answers with it."""

    def __init__(self, load: Load, daemon: _Daemon, *, clock: Clock, rng: random.Random) -> None:
        self._daemon = daemon
        self._inbox = Inbox(send=daemon.send, limit=load.queue_limit, clock=clock)
        self._outbox = Outbox(self._write)
        self._facts: ModelFacts
        self._worker: Embedder | Scheduler | TensorWorker
        if load.takes_tensors:
            self._serve_tensors(load)
        else:
            self._serve_text(load, clock=clock, rng=rng)

    def _serve_tensors(self, load: Load) -> None:
        from edge.engine.onnx.tensors import TensorGraph, TensorWorker

        graph = TensorGraph(onnx_file(Path(load.path)), threads=threads_of(load))
        bound_memory(load.memory_headroom_bytes)
        self._facts = graph.facts
        self._worker = TensorWorker(graph, inbox=self._inbox, send=self._send_one)

    def _serve_text(self, load: Load, *, clock: Clock, rng: random.Random) -> None:
        with LoadLog() as log:
            model, context = _loaded(load, log)
            draft = _draft(model, context, load, log) if load.draft else None
        # Before the template: it is code, and what it takes to compile it is its author's choice.
        bound_memory(load.memory_headroom_bytes + context.cache_bytes)
        template = ChatTemplate(
            "" if isinstance(context, EmbeddingContext) else model.chat_template,
            bos=model.bos_text,
            eos=model.eos_text,
            control=model.control_texts,
            clock=clock,
        )
        self._facts = _facts_of(model, context, template)
        if isinstance(context, EmbeddingContext):
            assert isinstance(model, LlamaModel)  # noqa: S101 - only those embed
            self._worker = Embedder(model, context, inbox=self._inbox, send=self._send_one)
            return
        self._worker = Scheduler(
            model,
            context,
            template=template,
            inbox=self._inbox,
            send=self._outbox.put,
            gather_s=load.gather_s,
            is_deterministic=load.is_deterministic,
            draft=draft,
            clock=clock,
            processor_s=time.thread_time,
            rng=rng,
        )

    def _send_one(self, frame: Frame) -> None:
        self._outbox.put([frame])

    def run(self) -> int:
        """Answer calls until what computes fails."""
        self._daemon.send(Ready(self._facts))
        # What is there now stays for good: looking through it again would only hold up a step.
        gc.freeze()
        # The thread that decodes must not wait long for one that prepares or sends.
        sys.setswitchinterval(_SWITCH_S)
        threading.Thread(target=self._listen, daemon=True, name="listen").start()
        try:
            self._worker.run()
        except EngineCrashed:
            self._outbox.close()
            return _EXIT_BROKEN

    def _write(self, frames: Sequence[Frame]) -> None:
        """Send, or end the process: nobody would hear of anything it computes."""
        try:
            self._daemon.send(*frames)
        except (FrameInvalid, OSError):
            os._exit(_EXIT_BROKEN)

    def _listen(self) -> None:
        """Read until the daemon is gone, then end the process, whatever it computes."""
        try:
            while (frame := self._daemon.receive()) is not None:
                self._inbox.accept(frame)
        except (FrameInvalid, OSError):
            os._exit(_EXIT_BROKEN)
        os._exit(_EXIT_DONE)


def _loaded(
    load: Load, log: LoadLog
) -> "tuple[LlamaModel | OnnxModel, LlamaContext | OnnxContext | EmbeddingContext]":
    if is_onnx(Path(load.path)):
        # Here, so that a child of libllama's does not pay for onnxruntime.
        from edge.engine.onnx.model import load_onnx

        if load.adapter:
            raise ModelInvalid("it is an ONNX model, and such models take no adapter")
        return load_onnx(load, log)
    model = LlamaModel(load, log)
    if model.pooling:
        if load.adapter:
            raise ModelInvalid("it makes embeddings, and such models take no adapter")
        return model, EmbeddingContext(model, load, log)
    context = LlamaContext(model, load, log)
    if load.adapter:
        apply_adapter(model, context, load.adapter, log)
    return model, context


def _draft(
    model: "LlamaModel | OnnxModel",
    context: "LlamaContext | OnnxContext | EmbeddingContext",
    load: Load,
    log: LoadLog,
) -> DraftModel | None:
    if not (isinstance(model, LlamaModel) and isinstance(context, LlamaContext)):
        raise ModelInvalid("it is an ONNX model or makes embeddings, and such take no draft")
    if not load.guesses:
        return None  # the context is still made as one that guesses
    if not context.guesses:
        raise ModelInvalid("it is deterministic or has one whole state, and such take no draft")
    return DraftModel(model, load, log)


def _facts_of(
    model: "LlamaModel | OnnxModel",
    context: "LlamaContext | OnnxContext | EmbeddingContext",
    template: ChatTemplate,
) -> ModelFacts:
    return ModelFacts(
        description=model.description,
        parameters=model.parameters,
        size_bytes=model.size_bytes,
        layers=model.layers,
        hidden_size=model.hidden_size,
        vocabulary_size=model.vocabulary_size,
        context_tokens=context.context_tokens,
        slots=context.slots,
        trained_context_tokens=model.trained_context_tokens,
        has_chat_template=bool(model.chat_template),
        tool_format=template.tool_format,
        embeds=isinstance(context, EmbeddingContext),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
