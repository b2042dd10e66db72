"""Applies releases to the messages of a request, and undoes them in its answers.

The edge's ``ReleasePort``. Which spans go is decided in ``settle``, the text work is in
``redact`` and ``restore``, and ``sessions`` keeps what stands for what.
"""

import logging
from collections import OrderedDict
from collections.abc import Collection, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final

from edge.privacy.disguise import disguised
from edge.privacy.generalise import generalise
from edge.privacy.placeholders import Grammar
from edge.privacy.redact import Redacted, Redactor
from edge.privacy.restore import Into, Restored, StreamRestorer, restore, restore_json
from edge.privacy.sessions import Sessions
from edge.privacy.settle import find_spans, scan_all
from edge.privacy.sketch import Sketcher, quotes
from edge.privacy.vault import Vault
from runtime.clock import Clock
from runtime.errors import GateRefused, NotImplementedYet
from runtime.ids import Category, RequestId, SessionId
from runtime.ports import ChatMessage, Provenance, ReleaseRecord
from runtime.sentinel.coreference import mentions
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.surrogate import as_tags

__all__ = ["SKETCHES", "EdgeReleases"]

logger = logging.getLogger("leeward.edge.privacy")

_REDACT: Final = "redact"
_GENERALISE: Final = "generalise"
_SKETCH: Final = "sketch"
_APPROVAL: Final = "approval"
SKETCHES: Final = 3
"""Abstracts that are written before a request is refused."""


@dataclass(frozen=True, slots=True)
class _Abstract:
    """What was written for one request."""

    of: tuple[tuple[ChatMessage, ...], frozenset[Category]]
    text: str


@dataclass(slots=True)
class _Released:
    """What has been released in one request so far."""

    originals: dict[str, str] = field(default_factory=dict)
    """By placeholder; grows as the request releases more."""
    abstract: _Abstract | None = None


_Key = tuple[SessionId, RequestId]


class EdgeReleases:
    """Redacts what leaves and restores what comes back.

    Fails closed: when a detector fails or the vault cannot keep the originals, the call raises
    and nothing is released.

    Args:
        sentinel: Finds what to remove.
        vault: Keeps originals; its calls block.
        clock: Tells when a session in memory has expired, and from when ages are counted.
        sketcher: Writes the abstracts of ``sketch``; without one there are none.
        has_surrogates: Whether ``redact`` writes surrogates where there are any.
        executor: Where the vault's calls run; ``None`` is the loop's own pool.
        max_sessions: Sessions whose entries are kept in memory besides the vault.
        max_requests: Requests whose placeholders can still be restored; beyond it the oldest
            are dropped, and their placeholders stay literal.
    """

    def __init__(
        self,
        sentinel: Sentinel,
        vault: Vault,
        *,
        clock: Clock,
        sketcher: Sketcher | None = None,
        has_surrogates: bool = False,
        executor: Executor | None = None,
        max_sessions: int = 256,
        max_requests: int = 1024,
    ) -> None:
        self._sentinel = sentinel
        self._clock = clock
        self._sketcher = sketcher
        self._grammar = Grammar(sentinel.kinds, has_surrogates=has_surrogates)
        self._redactor = Redactor(self._grammar)
        self._sessions = Sessions(
            vault, self._grammar, clock=clock, executor=executor, max_sessions=max_sessions
        )
        self._max_requests = max_requests
        self._released: OrderedDict[_Key, _Released] = OrderedDict()

    async def release(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
        *,
        by: str = _REDACT,
    ) -> tuple[tuple[ChatMessage, ...], ReleaseRecord]:
        """Return the messages without ``categories``, and the record of what was done.

        Raises:
            DetectionFailed: A detector failed; nothing is released.
            GateRefused: The text kept showing released categories however it was redacted.
            VaultLocked: The originals cannot be kept; nothing is released.
            NotImplementedYet: ``by`` is no release of requests, or ``sketch`` without a sketcher.
        """
        removed = tuple(sorted(categories))
        if by == _APPROVAL:
            return tuple(messages), ReleaseRecord(by, removed)
        if by in (_SKETCH, _GENERALISE):
            # What an earlier release of this request wrote is known to these as placeholders only.
            plain = self._with_tags(messages, provenance)
            release = self._sketch if by == _SKETCH else self._generalise
            return await release(plain, categories, provenance)
        if by != _REDACT:
            raise NotImplementedYet(f"release {by!r} is not available yet")
        texts = [message.content for message in messages]
        async with self._sessions.writing(_session_of(provenance)) as book:
            spans = await find_spans(
                self._sentinel, self._redactor, texts, categories, book.people()
            )
            redacted = [
                self._redactor.redact(text, found, categories, book.placeholder_for)
                for text, found in zip(texts, spans, strict=True)
            ]
        if self._grammar.has_surrogates:
            redacted = [disguised(item, self._grammar) for item in redacted]
        self._remember(provenance, redacted)
        released = tuple(
            ChatMessage(message.role, item.text)
            for message, item in zip(messages, redacted, strict=True)
        )
        return released, ReleaseRecord(by, removed, sum(item.spans for item in redacted))

    async def _generalise(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
    ) -> tuple[tuple[ChatMessage, ...], ReleaseRecord]:
        async with self._sessions.writing(_session_of(provenance)) as book:
            made = await generalise(
                self._sentinel,
                self._redactor,
                [message.content for message in messages],
                categories,
                known_people=book.people(),
                today=self._clock.now().date(),
            )
            for name in made.people:
                book.placeholder_for("person", name)  # known from now on, though never restored
        released = tuple(
            ChatMessage(message.role, text)
            for message, text in zip(messages, made.texts, strict=True)
        )
        return released, ReleaseRecord(_GENERALISE, tuple(sorted(categories)), made.spans)

    async def _sketch(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
    ) -> tuple[tuple[ChatMessage, ...], ReleaseRecord]:
        if self._sketcher is None:
            raise NotImplementedYet("nobody writes abstracts here; configure `sketch_model`")
        kept = self._of(provenance).abstract
        record = ReleaseRecord(_SKETCH, tuple(sorted(categories)))
        if kept is not None and kept.of == (tuple(messages), categories):
            # What a person has read, and approved, is what leaves: no model writes it twice alike.
            return (ChatMessage("user", kept.text),), record
        people = await self.people_of(_session_of(provenance))
        for attempt in range(SKETCHES):
            text = await self._sketcher.write(messages, categories, provenance, attempt=attempt)
            (scan,) = await scan_all(self._sentinel, [text])
            found = {span.category for span in (*scan.spans, *mentions(text, people))}
            if text and not found & categories and not quotes(text, messages):
                self._of(provenance).abstract = _Abstract((tuple(messages), categories), text)
                return (ChatMessage("user", text),), record
        reason = "abstracts in turn showed what they should leave out, copied, or found no end"
        raise GateRefused(f"{SKETCHES} {reason}")

    def issued(self, provenance: Provenance) -> Collection[str]:
        """Return the surrogates that this request has released so far, among its placeholders.

        Nothing once the request has finished, and for a policy that has no surrogates.
        """
        if not self._grammar.has_surrogates:
            return ()  # placeholders in brackets are known by their form
        released = self._released.get(_key(provenance))
        return released.originals.keys() if released else ()

    def originals(self, provenance: Provenance) -> dict[str, str]:
        """Return what the placeholders of this request stand for so far."""
        released = self._released.get(_key(provenance))
        return dict(released.originals) if released else {}

    async def people_of(self, session: SessionId) -> tuple[str, ...]:
        """Return the names of people that have been replaced in a session so far.

        Raises:
            VaultLocked: The session cannot be read.
        """
        async with self._sessions.writing(session) as book:
            return book.people()

    async def restore(self, text: str, provenance: Provenance, *, into: Into = "text") -> str:
        """Return ``text`` with the originals released in this request put back.

        Args:
            text: An answer, whole.
            provenance: Whose answer; placeholders of other requests stay literal.
            into: How originals are escaped for where they land.
        """
        restored = restore(text, self._of(provenance).originals, self._grammar, into=into)
        return self._reported(restored, provenance)

    async def restore_json(self, text: str, provenance: Provenance) -> str:
        """Return a whole JSON text with the originals put back inside its strings."""
        restored = restore_json(text, self._of(provenance).originals, self._grammar)
        return self._reported(restored, provenance)

    def restorer(self, provenance: Provenance, *, into: Into = "text") -> StreamRestorer:
        """Return a restorer for one stream of this request."""
        return StreamRestorer(self._of(provenance).originals, self._grammar, into=into)

    def finish(self, session: SessionId, request: RequestId) -> None:
        """Drop what was released in this request; later answers to it stay as they are."""
        self._released.pop((_session(session, request), request), None)

    async def forget(self, session: SessionId) -> int:
        """Delete a session's originals everywhere; return how many the vault held."""
        for key in [key for key in self._released if key[0] == session]:
            del self._released[key]
        return await self._sessions.forget(session)

    async def purge(self) -> int:
        """Delete expired originals; return how many. To be called now and then."""
        return await self._sessions.purge()

    def _with_tags(
        self, messages: Sequence[ChatMessage], provenance: Provenance
    ) -> Sequence[ChatMessage]:
        if not self._grammar.has_surrogates:
            return messages
        issued = self.issued(provenance)
        return [ChatMessage(message.role, as_tags(message.content, issued)) for message in messages]

    def _of(self, provenance: Provenance) -> _Released:
        """Return what this request has released so far."""
        key = _key(provenance)
        released = self._released.setdefault(key, _Released())
        self._released.move_to_end(key)
        while len(self._released) > self._max_requests:
            self._released.popitem(last=False)
        return released

    def _remember(self, provenance: Provenance, redacted: Sequence[Redacted]) -> None:
        originals = self._of(provenance).originals
        for item in redacted:
            originals.update(item.released)

    @staticmethod
    def _reported(restored: Restored, provenance: Provenance) -> str:
        if restored.unknown:
            logger.warning(
                "placeholders_unknown",
                extra={"request_id": provenance.request_id, "count": restored.unknown},
            )
        return restored.text


def _key(provenance: Provenance) -> _Key:
    return _session_of(provenance), provenance.request_id


def _session_of(provenance: Provenance) -> SessionId:
    return _session(provenance.session_id, provenance.request_id)


def _session(session: SessionId, request: RequestId) -> SessionId:
    """Return the session; a request without one is a session of its own."""
    return session or SessionId(f"request:{request}")
