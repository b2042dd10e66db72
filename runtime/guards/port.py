"""A model port with guards before and behind it: nothing passes that one of them refuses.

Answers are judged while they stream. A chunk is held back until no phrase that begins in it can
still be completed; where a model judges, until the end. A guard that fails refuses. Each verdict
is one line of the log, without content.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from runtime.catalog.model import Catalog
from runtime.errors import Cancelled, GuardRefused, LeewardError, RequestInvalid
from runtime.executor.outputs import read_outputs
from runtime.executor.prompts import Notes, compose
from runtime.graph.model import Output
from runtime.graph.roles import Role
from runtime.guards.folding import FoldedStream, folded
from runtime.guards.model import Guard, Guards
from runtime.ids import NodeName
from runtime.policy.model import Zone
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    GenerateRequest,
    ModelPort,
    Sampling,
    TextDelta,
    texts_of,
)
from runtime.telemetry.logs import event_logger

__all__ = ["GuardedModel", "guarded"]

_VERDICT: Final = Output("verdict", "enum", ("pass", "refuse"))
_JUDGED: Final = Sampling(max_tokens=64)
_logger = event_logger("guards")


class GuardedModel:
    """Another ``ModelPort``, with guards.

    Args:
        port: The port behind.
        guards: Who judges.
        zone: Where the port's node stands.
        judges: The models of the edge, for guards that ask one.
    """

    def __init__(self, port: ModelPort, guards: Guards, *, zone: Zone, judges: ModelPort) -> None:
        self._port = port
        self._zone = zone
        self._judges = judges
        self._of_requests = guards.of_requests(zone)
        self._of_answers = guards.of_answers(zone)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the answer of the port behind, as far as the guards let it.

        Raises:
            GuardRefused: A guard refused a text of the request or the answer, or failed.
            LeewardError: What the port behind raises.
        """
        if self._of_answers and request.continues:
            # A phrase could stand across the border of two parts, of which one was shown already.
            raise RequestInvalid("guards judge whole answers; none is gone on with", field="begun")
        if self._of_requests:
            texts = [text for text in texts_of(request) if text]
            await self._judge(self._of_requests, request, texts, "request")
        async with aclosing(self._port.generate(request)) as chunks:
            if not self._of_answers:
                async for chunk in chunks:
                    yield chunk
                return
            held = _Held(self._of_answers)
            async for chunk in chunks:
                if isinstance(chunk, Completion):
                    called = [
                        part for call in chunk.tool_calls for part in (call.name, call.arguments)
                    ]
                    texts = [text for text in (held.whole, *called) if text]
                    await self._judge(self._of_answers, request, texts, "answer")
                    for passed in held.rest():
                        yield passed
                    yield chunk
                    continue
                guard = held.feed(chunk)
                if guard is not None:
                    raise self._refused(guard, request, "answer")
                for passed in held.cleared():
                    yield passed

    async def _judge(
        self, guards: Sequence[Guard], request: GenerateRequest, texts: Sequence[str], side: str
    ) -> None:
        plain = [folded(text) for text in texts]
        length = sum(len(text) for text in texts)
        for guard in guards:
            if guard.refuses(plain, length):
                raise self._refused(guard, request, side)
            said = await self._asked(guard, request, texts)
            if said != "pass":
                raise self._refused(guard, request, side, has_failed=said is None)
            _log(guard, request, side, "passed", self._zone)

    async def _asked(
        self, guard: Guard, request: GenerateRequest, texts: Sequence[str]
    ) -> object | None:
        """Ask the guard's model for its verdict; ``None`` where it fails or says none."""
        if guard.model is None or not texts:
            return "pass"
        chat = compose(
            Role.GUARD, (ChatMessage("user", "\n\n".join(texts)),), (), Notes(outputs=(_VERDICT,))
        )
        asked = replace(
            request, model=guard.model, messages=chat, sampling=_JUDGED, tools=(),
            tool_choice="auto", idempotency_key="", begun="", draft="",
        )  # fmt: skip
        said: list[str] = []
        is_whole = False
        try:
            async with aclosing(self._judges.generate(asked)) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, TextDelta):
                        said.append(chunk.text)
                    else:
                        is_whole = True
        except Cancelled:
            raise
        except LeewardError:
            return None
        return read_outputs([_VERDICT], "".join(said)).get("verdict") if is_whole else None

    def _refused(
        self, guard: Guard, request: GenerateRequest, side: str, *, has_failed: bool = False
    ) -> GuardRefused:
        _log(guard, request, side, "failed" if has_failed else "refused", self._zone)
        what = "the answer of" if side == "answer" else "the request to"
        why = f": its model {guard.model} gave no verdict" if has_failed else ""
        return GuardRefused(f"guard {guard.name} refused {what} model {request.model}{why}")


def guarded(
    port: ModelPort, guards: Guards, catalog: Catalog, *, node: NodeName, judges: ModelPort
) -> ModelPort:
    """Return a node's port with the guards around it, and as it is where there are none."""
    if not guards.every:
        return port
    return GuardedModel(port, guards, zone=catalog.node_by_name[node].zone, judges=judges)


class _Held:
    """The end of an answer that may still turn out to be the beginning of a phrase."""

    def __init__(self, guards: Sequence[Guard]) -> None:
        self._guards = guards
        self._longest_word = max((len(word) for one in guards for word in one.words), default=1)
        self._holds_all = any(one.needs_whole_text for one in guards)
        self._folding = FoldedStream()
        self._tail = ""
        self._folded_length = 0
        self._chunks: deque[tuple[TextDelta, int]] = deque()
        self._parts: list[str] = []
        self._length = 0

    @property
    def whole(self) -> str:
        """The answer so far."""
        return "".join(self._parts)

    def feed(self, chunk: TextDelta) -> Guard | None:
        """Take the next chunk; return the guard that refuses what there is now."""
        window = self._tail + self._folding.feed(chunk.text)
        self._folded_length += len(window) - len(self._tail)
        self._tail = window[len(window) - min(len(window), self._longest_word - 1) :]
        # Calls are judged whole: their pieces must not run ahead of the verdict.
        passed = replace(chunk, tool_calls=()) if chunk.tool_calls else chunk
        self._chunks.append((passed, self._folded_length))
        self._parts.append(chunk.text)
        self._length += len(chunk.text)
        return next((one for one in self._guards if one.refuses((window,), self._length)), None)

    def cleared(self) -> list[TextDelta]:
        """Return the chunks in which no phrase can begin that is not complete yet."""
        passed: list[TextDelta] = []
        safe = 0 if self._holds_all else self._folded_length - self._longest_word + 1
        while self._chunks and self._chunks[0][1] <= safe:
            passed.append(self._chunks.popleft()[0])
        return passed

    def rest(self) -> list[TextDelta]:
        """Return what was held back to the end."""
        passed = [chunk for chunk, _ in self._chunks]
        self._chunks.clear()
        return passed


def _log(guard: Guard, request: GenerateRequest, side: str, state: str, zone: Zone) -> None:
    where = request.provenance
    _logger.info(
        "guard_verdict",
        extra={
            "detector": guard.name,
            "kind": side,
            "state": state,
            "model": request.model,
            "zone": zone,
            "request_id": where.request_id if where else "",
            "step_id": where.step_id if where else "",
        },
    )
