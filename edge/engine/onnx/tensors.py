"""Any ONNX graph whose inputs and outputs are tensors: loaded once, computed call by call."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from edge.engine.frames import Begun, Frame, Infer, Inferred, ModelFacts
from edge.engine.inbox import Inbox, Ticket
from edge.engine.native.endings import ENDINGS
from edge.engine.native.one_by_one import answer_each
from edge.engine.onnx.graph import session_of, size_bytes
from edge.tensors.tensor import BYTES, MAX_TENSOR_BYTES, Tensor, TensorFacts, elements_of, packed
from runtime.errors import ModelInvalid, RequestInvalid
from runtime.onnx_runtime import onnxruntime

__all__ = ["TensorGraph", "TensorWorker"]

_DATATYPES: Final[dict[str, tuple[str, Any]]] = {
    "tensor(bool)": ("BOOL", np.bool_),
    "tensor(int8)": ("INT8", np.int8),
    "tensor(int16)": ("INT16", np.int16),
    "tensor(int32)": ("INT32", np.int32),
    "tensor(int64)": ("INT64", np.int64),
    "tensor(uint8)": ("UINT8", np.uint8),
    "tensor(uint16)": ("UINT16", np.uint16),
    "tensor(uint32)": ("UINT32", np.uint32),
    "tensor(uint64)": ("UINT64", np.uint64),
    "tensor(float16)": ("FP16", np.float16),
    "tensor(float)": ("FP32", np.float32),
    "tensor(double)": ("FP64", np.float64),
    "tensor(string)": (BYTES, np.object_),
}
_KINDS: Final = dict(_DATATYPES.values())
_MAX_TENSORS: Final = 256
_WATCH_S: Final = 0.05
"""How often a run is looked after; onnxruntime ends it between two of its operators."""


class TensorGraph:
    """A loaded graph.

    Args:
        path: The ONNX file.
        threads: Threads of a run.

    Raises:
        ModelInvalid: onnxruntime does not accept it, or it has something that is no tensor.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        self._session = session_of(path, threads)
        self._size_bytes = size_bytes(path)
        self.inputs = tuple(map(_facts, self._session.get_inputs()))
        self.outputs = tuple(map(_facts, self._session.get_outputs()))
        if len(self.inputs) + len(self.outputs) > _MAX_TENSORS:
            raise ModelInvalid(f"it has more than {_MAX_TENSORS} inputs and outputs")

    def run(
        self, inputs: Sequence[Tensor], outputs: Sequence[str], options: onnxruntime.RunOptions
    ) -> tuple[Tensor, ...]:
        """Compute outputs.

        Args:
            inputs: All that the graph takes, checked.
            outputs: Names; none means all.
            options: By which the run can be ended from another thread.

        Raises:
            RequestInvalid: onnxruntime cannot compute these inputs, or the outputs are too large.
        """
        names = list(outputs) or [facts.name for facts in self.outputs]
        try:
            values = {tensor.name: _array(tensor) for tensor in inputs}
            found = self._session.run(names, values, options)
        except Exception as error:  # noqa: BLE001 - its errors have no base of their own
            # Their text may quote values.
            raise RequestInvalid(
                f"onnxruntime cannot compute these inputs: {type(error).__name__}"
            ) from None
        total = sum(array.nbytes for array in found)
        if total > MAX_TENSOR_BYTES:
            raise RequestInvalid(
                f"the outputs have {total} bytes; at most {MAX_TENSOR_BYTES} are given"
            )
        known = {facts.name: facts for facts in self.outputs}
        return tuple(_tensor(known[name], array) for name, array in zip(names, found, strict=True))

    @property
    def facts(self) -> ModelFacts:
        """What it is."""
        return ModelFacts(
            description="onnx graph",
            parameters=0,
            size_bytes=self._size_bytes,
            layers=0,
            hidden_size=0,
            vocabulary_size=0,
            context_tokens=0,
            slots=1,
            trained_context_tokens=0,
            has_chat_template=False,
            inputs=self.inputs,
            outputs=self.outputs,
        )


class TensorWorker:
    """Answers the calls of an inbox with tensors, one after another.

    Args:
        graph: Who computes.
        inbox: Where calls come from.
        send: Tells the daemon what came of a call.
    """

    def __init__(self, graph: TensorGraph, *, inbox: Inbox, send: Callable[[Frame], None]) -> None:
        self._graph = graph
        self._inbox = inbox
        self._send = send
        self._overseer = _Overseer(inbox)

    def run(self) -> NoReturn:
        """Answer calls for ever."""
        answer_each(self._inbox, self._inferred, send=self._send)

    def _inferred(self, ticket: Ticket) -> Inferred:
        asked = ticket.start
        if not isinstance(asked, Infer):
            raise RequestInvalid("this model takes tensors and writes no text")
        self._inbox.check(ticket)
        self._send(Begun(asked.call, 0, 0))
        with self._inbox.decoding(), self._overseer.watching(ticket) as options:
            try:
                found = self._graph.run(asked.tensors, asked.outputs, options)
            except RequestInvalid:
                self._inbox.check(ticket)  # it may have been ended for that
                raise
        return Inferred(asked.call, found)


class _Overseer:
    """Ends a run whose caller is gone or whose time is over; one thread for all runs.

    Args:
        inbox: Knows who is gone.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._run: tuple[Ticket, onnxruntime.RunOptions] | None = None
        self._has_run = threading.Event()
        threading.Thread(target=self._watch, daemon=True, name="oversee").start()

    @contextmanager
    def watching(self, ticket: Ticket) -> Iterator[onnxruntime.RunOptions]:
        """Give the options with which a call's run must be started."""
        options = onnxruntime.RunOptions()
        self._run = (ticket, options)
        self._has_run.set()
        try:
            yield options
        finally:
            self._has_run.clear()
            self._run = None

    def _watch(self) -> None:
        while True:
            self._has_run.wait()
            time.sleep(_WATCH_S)
            if (run := self._run) is not None:
                ticket, options = run
                try:
                    self._inbox.check(ticket)
                except ENDINGS:
                    options.terminate = True


def _facts(argument: Any) -> TensorFacts:
    if argument.type not in _DATATYPES:
        raise ModelInvalid(f"its {argument.name} is {argument.type}, which is not served")
    datatype, _ = _DATATYPES[argument.type]
    shape = tuple(size if type(size) is int else -1 for size in argument.shape or ())
    return TensorFacts(argument.name, datatype, shape)


def _array(tensor: Tensor) -> npt.NDArray[Any]:
    if tensor.datatype == BYTES:
        texts = [element.decode() for element in elements_of(tensor.data)]
        strings: npt.NDArray[Any] = np.array(texts, dtype=np.object_)
        return strings.reshape(tensor.shape)
    kind = np.dtype(_KINDS[tensor.datatype]).newbyteorder("<")
    values: npt.NDArray[Any] = np.frombuffer(tensor.data, kind)
    if tensor.datatype == "BOOL":  # any byte but 0 is true, and numpy would keep it as it is
        values = np.frombuffer(tensor.data, np.uint8) != 0
    return values.reshape(tensor.shape)


def _tensor(facts: TensorFacts, array: npt.NDArray[Any]) -> Tensor:
    shape = tuple(int(size) for size in array.shape)
    if facts.datatype == BYTES:
        data = packed([str(value).encode("utf-8", "replace") for value in array.ravel()])
    else:
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return Tensor(facts.name, facts.datatype, shape, data)
