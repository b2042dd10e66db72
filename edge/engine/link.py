"""The calls of one living child process, and the watch over it.

Passes calls through and notices death and silence. Starting the child is
``edge.engine.spawn``'s affair, starting it again ``edge.engine.process``'s.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from typing import Final

from edge.engine.frames import (
    Begun,
    Cancel,
    Embed,
    Embedded,
    ErrorName,
    Failed,
    Finished,
    Frame,
    FrameInvalid,
    Infer,
    Inferred,
    ModelFacts,
    Pieces,
    Ping,
    Pong,
    Start,
    encode,
    read_frame,
)
from edge.engine.mailbox import Mailbox
from edge.engine.options import EngineOptions
from edge.engine.spawn import Child
from edge.tensors.tensor import Tensor
from runtime.clock import Clock
from runtime.errors import (
    Cancelled,
    CapacityExhausted,
    ContextOverflow,
    DeadlineExceeded,
    EngineCrashed,
    LeewardError,
    RequestInvalid,
)
from runtime.ports import GenerateRequest, TextDelta

__all__ = ["Answer", "EngineLink"]

_DEADLINE_GRACE_S: Final = 0.25
"""The child reports an expired deadline itself; this much later the daemon stops waiting."""
_STARVED_S: Final = 0.05

_ERRORS: Final[dict[ErrorName, type[LeewardError]]] = {
    "Cancelled": Cancelled,
    "CapacityExhausted": CapacityExhausted,
    "ContextOverflow": ContextOverflow,
    "DeadlineExceeded": DeadlineExceeded,
    "EngineCrashed": EngineCrashed,
    "RequestInvalid": RequestInvalid,
}

Answer = TextDelta | Begun | Finished | Embedded | Inferred
"""What a child says of a call, piece by piece."""
_Ending = Finished | Embedded | Inferred | LeewardError


class EngineLink:
    """A child process with a loaded model, and its open calls.

    Args:
        child: The process.
        facts: What it has loaded.
        options: Its limits.
        clock: Measures how long steps take.
    """

    def __init__(
        self, child: Child, facts: ModelFacts, *, options: EngineOptions, clock: Clock
    ) -> None:
        self.facts = facts
        self._child = child
        self._options = options
        self._clock = clock
        self._numbers = itertools.count(1)
        self._calls: dict[int, Mailbox[Begun | _Ending]] = {}
        self._abandoned: set[int] = set()
        self._has_calls = asyncio.Event()
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()
        self._pong: Pong | None = None
        self._pong_came = asyncio.Event()

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._child.pid

    @property
    def open_calls(self) -> int:
        """Calls that the child has not yet let go of, cancelled ones included."""
        return len(self._calls)

    async def serve(self) -> str:
        """Pass frames on until the child is dead; return how it died, free of content."""
        code = 0
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._child.read_notes())
                watch = tasks.create_task(self._watch())
                try:
                    await self._read()
                finally:
                    watch.cancel()
                    self._child.condemn("closed its socket")
        finally:
            code = await self._child.wait_dead()
            death = self._child.death(code)
            for number in list(self._calls):
                self._end(number, EngineCrashed(f"the model's process died: {death}"))
        return death

    def generate(self, request: GenerateRequest, *, caller: str) -> AsyncGenerator[Answer, None]:
        """Have a request answered in its caller's turn; closing the iterator cancels it.

        Raises:
            LeewardError: As the child says; ``EngineCrashed`` when it dies.
            DeadlineExceeded: ``request.timeout_s`` is over.
        """
        number = next(self._numbers)
        return self._call(
            Start(
                number,
                request.messages,
                request.sampling,
                request.timeout_s,
                tools=request.tools,
                caller=caller,
                priority=request.priority,
                begun=request.begun,
            )
        )

    def embed(
        self, texts: tuple[str, ...], *, timeout_s: float, caller: str
    ) -> AsyncGenerator[Answer, None]:
        """Have texts turned into vectors; closing the iterator cancels it.

        Raises:
            LeewardError: As the child says; ``EngineCrashed`` when it dies.
            DeadlineExceeded: ``timeout_s`` is over.
        """
        return self._call(Embed(next(self._numbers), texts, timeout_s, caller=caller))

    def infer(
        self, inputs: tuple[Tensor, ...], outputs: tuple[str, ...], *, timeout_s: float, caller: str
    ) -> AsyncGenerator[Answer, None]:
        """Have outputs computed; closing the iterator cancels it.

        Raises:
            LeewardError: As the child says; ``EngineCrashed`` when it dies.
            DeadlineExceeded: ``timeout_s`` is over.
        """
        return self._call(Infer(next(self._numbers), inputs, outputs, timeout_s, caller=caller))

    async def _call(self, start: Start | Embed | Infer) -> AsyncGenerator[Answer, None]:
        number = start.call
        items = Mailbox[Begun | _Ending]()
        late = DeadlineExceeded("the caller's time ran out")
        timer = asyncio.get_running_loop().call_later(
            start.timeout_s + _DEADLINE_GRACE_S, items.put, late
        )
        frame = encode(start)
        self._calls[number] = items
        self._note_calls()
        try:
            self._child.writer.write(frame)
            while True:
                item = await items.take()
                if isinstance(item, LeewardError):
                    raise item
                yield item
                if isinstance(item, Finished | Embedded | Inferred):
                    return
        finally:
            timer.cancel()
            if number in self._calls:
                self._abandoned.add(number)
                self._note_calls()
                self._send(Cancel(number))

    async def wait_quiet(self) -> None:
        """Return when nobody waits for an answer."""
        await self._is_quiet.wait()

    async def _read(self) -> None:
        try:
            while (frame := await read_frame(self._child.reader)) is not None:
                self._accept(frame)
        except FrameInvalid:
            self._child.condemn("sent a frame that does not parse")

    def _accept(self, frame: Frame) -> None:
        if isinstance(frame, Pong):
            self._pong = frame
            self._pong_came.set()
        elif isinstance(frame, Pieces):
            for piece in frame.pieces:
                if items := self._calls.get(piece.call):
                    items.put(piece.delta)
        elif isinstance(frame, Begun):
            if items := self._calls.get(frame.call):
                items.put(frame)
        elif isinstance(frame, Finished | Embedded | Inferred):
            self._end(frame.call, frame)
        elif isinstance(frame, Failed):
            self._end(frame.call, _ERRORS[frame.error](frame.reason))

    def _end(self, number: int, last: _Ending) -> None:
        if items := self._calls.pop(number, None):
            items.put(last)
        self._abandoned.discard(number)
        self._note_calls()

    def _note_calls(self) -> None:
        _set(self._has_calls, is_set=bool(self._calls))
        _set(self._is_quiet, is_set=len(self._calls) == len(self._abandoned))

    async def _watch(self) -> None:
        """Ask for signs of life while calls are open; an idle child is left asleep."""
        steps, since_s = -1, 0.0
        while True:
            if not self._calls:
                steps = -1
            await self._has_calls.wait()
            pong = await self._ping()
            if pong is None:
                self._child.condemn(f"no sign of life for {self._options.hang_limit_s:g} s")
                return
            limit_s = (
                self._options.decode_limit_s if pong.is_decoding else self._options.step_limit_s
            )
            if pong.steps != steps or not pong.is_busy:
                steps, since_s = pong.steps, self._clock.monotonic_s()
            elif self._clock.monotonic_s() - since_s > limit_s:
                self._child.condemn(f"one step took over {limit_s:g} s")
                return
            await asyncio.sleep(self._options.ping_interval_s)

    async def _ping(self) -> Pong | None:
        self._pong = None
        self._pong_came.clear()
        self._send(Ping())
        try:
            async with asyncio.timeout(self._options.hang_limit_s):
                await self._pong_came.wait()
        except TimeoutError:
            # When it was the daemon that stood still, the answer is there and not yet read.
            await asyncio.sleep(_STARVED_S)
        return self._pong

    def _send(self, frame: Frame) -> None:
        self._child.writer.write(encode(frame))


def _set(event: asyncio.Event, *, is_set: bool) -> None:
    if is_set:
        event.set()
    else:
        event.clear()
