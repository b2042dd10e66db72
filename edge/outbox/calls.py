"""What a queued request asks beyond the device: each call made once, its answer kept.

Stands before the gate of a cloud node. Calls of requests that are not in the outbox pass through.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from edge.outbox.model import Item, KeptCall
from edge.outbox.outbox import Outbox
from runtime.codec.stored import pack_call, pack_chunks, unpack_call, unpack_chunks
from runtime.errors import AlreadyAnswered, RequestInvalid
from runtime.key_terms import KeyTerms
from runtime.ports import (
    Chunk,
    Completion,
    GenerateRequest,
    ModelPort,
    Provenance,
    TextDelta,
)

__all__ = ["KeptCalls"]

_CHANGED: Final = (
    "what this request sent before cannot be sent again: its placeholders stand for others now;"
    " cancel it and ask anew"
)


class KeptCalls:
    """The ``ModelPort`` of a cloud node, for requests that are kept until they are answered.

    Args:
        behind: The node's gate.
        outbox: Knows which requests are kept, and keeps their calls.
        originals: Returns what the placeholders of a request stand for.
    """

    def __init__(
        self,
        behind: ModelPort,
        outbox: Outbox,
        *,
        originals: Callable[[Provenance], Mapping[str, str]],
    ) -> None:
        self._behind = behind
        self._outbox = outbox
        self._originals = originals

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Answer a call: from what is kept, else from behind.

        Raises:
            AlreadyAnswered: The model may be asked once only, was, and its answer is lost.
            RequestInvalid: What was sent under this key before cannot be sent again.
            LeewardError: What comes from behind.
        """
        where = request.provenance
        item = self._outbox.running.get(where.request_id) if where is not None else None
        chunks = (
            self._behind.generate(request)
            if where is None or item is None
            else self._kept(item, request, where)
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    async def _kept(
        self, item: Item, request: GenerateRequest, where: Provenance
    ) -> AsyncGenerator[Chunk, None]:
        name = request.idempotency_key
        originals = self._originals(where)
        kept = await self._outbox.call(name)
        if kept is not None and kept.answer is not None:
            for chunk in unpack_chunks(kept.answer):
                yield chunk
            return
        if kept is None:
            await self._outbox.begin_call(item, name, pack_call(request), originals)
        else:
            request = _as_sent_before(request, where, kept, originals)
        terms = KeyTerms(self._outbox.terms.ttl_s, no_retry=item.no_retry)
        async with aclosing(self._asked(replace(request, key_terms=terms))) as chunks:
            async for chunk in self._keeping(item, name, chunks):
                yield chunk

    async def _asked(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Ask; once more where the gateway has answered and the answer was lost on the way."""
        terms = request.key_terms
        try:
            async with aclosing(self._behind.generate(request)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except AlreadyAnswered:
            if terms is None or terms.no_retry:
                raise
        else:
            return
        repeated = replace(request, key_terms=replace(terms, is_repeat=True))
        async with aclosing(self._behind.generate(repeated)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _keeping(
        self, item: Item, name: str, chunks: AsyncGenerator[Chunk, None]
    ) -> AsyncGenerator[Chunk, None]:
        """Pass a stream on; its answer is kept before its completion is passed on."""
        texts: list[str] = []
        tokens = 0
        async for chunk in chunks:
            if isinstance(chunk, TextDelta):
                texts.append(chunk.text)
                tokens += chunk.tokens
            elif isinstance(chunk, Completion):
                whole = [TextDelta("".join(texts), tokens)] if texts else []
                answer = pack_chunks([*whole, chunk])
                await self._outbox.answer_call(item, name, answer, repeats=chunk.upstream_repeats)
            yield chunk


def _as_sent_before(
    request: GenerateRequest,
    where: Provenance,
    kept: KeptCall,
    originals: Mapping[str, str],
) -> GenerateRequest:
    """Return a call as it was first sent under its key: the gateway refuses another.

    A step of this device that ran again may have written another text, and a release may have cut
    the request otherwise. The gate judges what was sent before like anything else.

    Raises:
        RequestInvalid: Placeholders in it would be restored to something else now.
    """
    before = unpack_call(kept.request)
    sent = before.provenance
    if _asked(before) == _asked(request):
        return request
    if any(originals.get(name) != value for name, value in kept.originals.items()):
        raise RequestInvalid(_CHANGED, field="idempotency_key")
    releases = sent.releases if sent is not None else ()
    return replace(
        before,
        provenance=replace(where, releases=releases),
        timeout_s=request.timeout_s,
        priority=request.priority,
    )


def _asked(request: GenerateRequest) -> GenerateRequest:
    """What counts when two calls are compared."""
    return replace(request, provenance=None, timeout_s=0.0, priority=0, key_terms=None)
