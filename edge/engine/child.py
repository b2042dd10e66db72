"""The child process of one loaded model: ``python -m edge.engine.child FD PARENT_PID``.

Loads the model that the first frame names, then answers calls one after another over the
inherited socket. It knows no network, no policy and no caller; when the daemon goes away, so
does it. Whatever crashes libllama ends this process and nothing else.
"""

import os
import random
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Final

from edge.engine.chat import ChatTemplate
from edge.engine.confinement import bound_memory, confine
from edge.engine.frames import (
    ErrorName,
    Failed,
    Finished,
    Frame,
    FrameInvalid,
    Load,
    LoadFailed,
    Piece,
    Ready,
    encode,
    receive_frame,
)
from edge.engine.inbox import Inbox, Ticket
from edge.engine.native.answer import Answer, tokenize_chat
from edge.engine.native.model import LlamaModel
from runtime.clock import Clock, SystemClock
from runtime.errors import (
    Cancelled,
    ContextOverflow,
    DeadlineExceeded,
    EngineCrashed,
    ModelInvalid,
    RequestInvalid,
)
from runtime.ports import FinishReason, TextDelta, Timings, Usage

__all__ = ["main"]

_EXIT_DONE: Final = 0
_EXIT_BROKEN: Final = 70
"""libllama reported a failure after which its context cannot be used."""

_ERRORS: Final[dict[type[Exception], ErrorName]] = {
    Cancelled: "Cancelled",
    ContextOverflow: "ContextOverflow",
    DeadlineExceeded: "DeadlineExceeded",
    EngineCrashed: "EngineCrashed",
    RequestInvalid: "RequestInvalid",
}


def main(arguments: list[str]) -> int:
    """Serve one model until the daemon closes the socket."""
    descriptor, parent_pid = (int(argument) for argument in arguments)
    confine(parent_pid)
    daemon = _Daemon(socket.socket(fileno=descriptor))
    load = daemon.receive()
    if not isinstance(load, Load):
        return _EXIT_BROKEN
    clock = SystemClock()
    try:
        server = _Server(load, daemon, clock=clock, rng=random.SystemRandom())
    except ModelInvalid as error:
        daemon.send(LoadFailed(str(error)))
        return _EXIT_DONE
    bound_memory(load.memory_headroom_bytes)
    return server.run()


class _Daemon:
    """The other end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, frame: Frame) -> None:
        with self._sending:
            self._connection.sendall(encode(frame))

    def receive(self) -> Frame | None:
        return receive_frame(self._connection)


class _Server:
    """A loaded model and the calls that wait for it."""

    def __init__(self, load: Load, daemon: _Daemon, *, clock: Clock, rng: random.Random) -> None:
        self._daemon = daemon
        self._clock = clock
        self._rng = rng
        self._model = LlamaModel(load)
        self._template = ChatTemplate(
            self._model.chat_template,
            bos=self._model.bos_text,
            eos=self._model.eos_text,
            control=self._model.control_texts,
            clock=clock,
        )
        self._inbox = Inbox(send=daemon.send, limit=load.queue_limit, clock=clock)

    def run(self) -> int:
        """Answer calls until libllama fails."""
        self._daemon.send(Ready(self._model.facts))
        threading.Thread(target=self._listen, daemon=True, name="listen").start()
        while True:
            ticket = self._inbox.next()
            try:
                self._serve(ticket)
            except tuple(_ERRORS) as error:
                name = _ERRORS[type(error)]
                self._daemon.send(Failed(ticket.start.call, name, str(error)))
                if name == "EngineCrashed":
                    return _EXIT_BROKEN
            finally:
                self._inbox.done()

    def _listen(self) -> None:
        """Read until the daemon is gone, then end the process, whatever it computes."""
        try:
            while (frame := self._daemon.receive()) is not None:
                self._inbox.accept(frame)
        except (FrameInvalid, OSError):
            os._exit(_EXIT_BROKEN)
        os._exit(_EXIT_DONE)

    def _serve(self, ticket: Ticket) -> None:
        call, sampling = ticket.start.call, ticket.start.sampling
        started_s = self._clock.monotonic_s()
        self._inbox.check(ticket)
        prompt = tokenize_chat(self._model, self._template, ticket.start.messages)
        self._inbox.check(ticket)
        answer = Answer(self._model, sampling, prompt=prompt, rng=self._rng)
        first_token_s = 0.0
        try:
            for delta in self._deltas(ticket, answer, prompt):
                first_token_s = first_token_s or self._clock.monotonic_s() - ticket.arrived_s
                self._daemon.send(Piece(call, delta))
        finally:
            answer.close()
        reason = answer.finish_reason or FinishReason.LENGTH
        usage = Usage(prompt_tokens=len(prompt), completion_tokens=len(answer.tokens))
        total_s = self._clock.monotonic_s() - ticket.arrived_s
        timings = Timings(started_s - ticket.arrived_s, first_token_s or total_s, total_s)
        self._daemon.send(Finished(call, reason, usage, timings))

    def _deltas(self, ticket: Ticket, answer: Answer, prompt: list[int]) -> Iterator[TextDelta]:
        """Decode the prompt in chunks, then token by token, looking up between any two."""
        self._model.clear()
        step = self._model.batch_tokens
        for position in range(0, len(prompt), step):
            self._inbox.check(ticket)
            with self._inbox.decoding():
                self._model.decode(prompt[position : position + step], position=position)
        position = len(prompt)
        while True:
            self._inbox.check(ticket)
            if (delta := answer.take()) is not None:
                yield delta
            if answer.finish_reason is not None:
                return
            self._inbox.check(ticket)
            with self._inbox.decoding():
                self._model.decode(answer.tokens[-1:], position=position)
            position += 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
