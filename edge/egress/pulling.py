"""Pulls on behalf of callers of the daemon: one at a time, beside its event loop.

A caller may name a file of this device or of the configured hub, and no other address: what an
application can make the daemon say to the outside is the name of a public file.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.egress.bundle_pull import BundleRequest, pull_bundle
from edge.egress.control import ControlLog
from edge.egress.fetch import Progress
from edge.egress.pull import Puller, PullRequest, Recorder
from edge.models.record import StoredModel
from edge.models.source import (
    HubSource,
    Source,
    UrlSource,
    check_model_name,
    name_for,
    parse_source,
)
from edge.models.store import ModelStore
from runtime.errors import Cancelled, CapacityExhausted, RequestInvalid
from runtime.ledger.record import ControlPassage

__all__ = ["PullProgress", "Pulls"]

_MAX_NAME_CHARACTERS: Final = 256
"""Of what is asked of a hub: names are short, and nothing else should fit."""
_STEP_S: Final = 0.2
"""How often a caller is told how far a pull is."""


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far the file is that is being pulled now."""

    received_bytes: int
    total_bytes: int
    """0 when the source does not say."""


Sleep = Callable[[float], None]
_Result = TypeVar("_Result")
_Made = TypeVar("_Made", covariant=True)


@dataclass(slots=True)
class _Run(Generic[_Result]):
    """One pull: what its thread and the event loop tell each other."""

    loop: asyncio.AbstractEventLoop
    ended: "asyncio.Future[_Result]"
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    wait_s: Callable[[int], float] = lambda _: 0.0
    """How long to pause with so many bytes here."""
    progress: PullProgress = PullProgress(0, 0)

    def advance(self, here_bytes: int, total_bytes: int) -> None:
        """Note how far it is; called by the thread, and ends it when nobody waits any more."""
        if self.stop.is_set():
            raise Cancelled("whoever asked for the model went away")
        self.progress = PullProgress(here_bytes, total_bytes)
        self.loop.call_soon_threadsafe(self.moved.set)
        if (pause_s := self.wait_s(here_bytes)) > 0:
            self.sleep(pause_s)

    def sleep(self, seconds: float) -> None:
        """Wait between two attempts; likewise."""
        if self.stop.wait(seconds):
            raise Cancelled("whoever asked for the model went away")


class _Work(Protocol[_Made]):
    """A pull; blocks."""

    def __call__(self, *, record: Recorder, progress: Progress, sleep: Sleep) -> _Made:
        """Do it; say how far it is, and count what passed."""
        ...


class Pulls:
    """Pulls models for callers.

    Args:
        store: Where they go.
        control: Counts the traffic.
        hub: Where names of repositories are looked up.
        signers: Who may vouch for models; ``None`` asks for no manifest.
    """

    def __init__(
        self,
        store: ModelStore,
        control: ControlLog,
        *,
        hub: str,
        signers: Sequence[Ed25519PublicKey] | None,
    ) -> None:
        self._store = store
        self._control = control
        self._hub = hub
        self._signers = signers
        self._is_busy = False

    async def pull(
        self, source: str, *, name: str = "", sha256: str = ""
    ) -> AsyncGenerator[PullProgress | StoredModel, None]:
        """Pull a model; yield how far it is, then the stored model.

        Closing the iterator ends the pull; the same call goes on with what is here.

        Args:
            source: ``owner/repo/file.gguf``, or a path of this device.
            name: In the store; empty takes the file's.
            sha256: Expected digest in lower-case hexadecimal; empty trusts the hub's.

        Raises:
            CapacityExhausted: Another pull is running, or the model does not fit.
            RequestInvalid: The source is a URL or cannot be understood, or the name is taken.
            LeewardError: As for ``Puller.pull``.
        """
        async with aclosing(self._pull(self._request(source, name, sha256))) as steps:
            async for step in steps:
                yield step

    def fetch(
        self,
        source: Source,
        *,
        name: str,
        sha256: str,
        manifest: str = "",
        wait_s: Callable[[int], float] = lambda _: 0.0,
    ) -> AsyncGenerator[PullProgress | StoredModel, None]:
        """Pull what an operator has signed for, which may be a URL; otherwise as :meth:`pull`.

        Args:
            source: Where it is.
            name: In the store.
            sha256: Expected digest in lower-case hexadecimal.
            manifest: Text of its signed manifest; empty looks beside the model.
            wait_s: Returns how long to pause now that so many bytes are here.

        Raises:
            CapacityExhausted: Another pull is running, or the model does not fit.
            LeewardError: As for ``Puller.pull``.
        """
        request = PullRequest(
            source=source,
            name=name,
            sha256=sha256,
            endpoint=self._hub,
            signers=self._signers,
            manifest=manifest,
        )
        return self._pull(request, wait_s)

    async def fetch_bundle(
        self, request: BundleRequest, *, wait_s: Callable[[int], float]
    ) -> AsyncGenerator[PullProgress | None, None]:
        """Bring the bundle of a software release here; otherwise as :meth:`fetch`.

        Raises:
            CapacityExhausted: Another pull is running, or the bundle does not fit.
            LeewardError: As for ``pull_bundle``.
        """
        async with aclosing(self._run(partial(pull_bundle, request), wait_s)) as steps:
            async for step in steps:
                yield step

    @property
    def is_busy(self) -> bool:
        """Whether a pull is running."""
        return self._is_busy

    async def _pull(
        self, request: PullRequest, wait_s: Callable[[int], float] = lambda _: 0.0
    ) -> AsyncGenerator[PullProgress | StoredModel, None]:
        def pull(*, record: Recorder, progress: Progress, sleep: Sleep) -> StoredModel:
            puller = Puller(self._store, record=record, progress=progress, sleep=sleep)
            return puller.pull(request)

        async with aclosing(self._run(pull, wait_s)) as steps:
            async for step in steps:
                yield step

    async def _run(
        self, work: _Work[_Result], wait_s: Callable[[int], float]
    ) -> AsyncGenerator[PullProgress | _Result, None]:
        """Do a pull in a thread of its own; yield how far it is, then what it gives."""
        if self._is_busy:
            raise CapacityExhausted("another pull is running; one at a time")
        loop = asyncio.get_running_loop()
        run: _Run[_Result] = _Run(loop, loop.create_future(), wait_s=wait_s)
        self._is_busy = True
        # A daemon thread: a pull that waits for a dead link must not keep the process from ending.
        threading.Thread(target=self._do, args=(work, run), daemon=True, name="pull").start()
        try:
            while True:
                await run.moved.wait()
                run.moved.clear()
                if run.ended.done():
                    break
                yield run.progress
                await asyncio.sleep(_STEP_S)
            yield run.ended.result()
        finally:
            run.stop.set()

    def _request(self, source: str, name: str, sha256: str) -> PullRequest:
        parsed = parse_source(source)
        if isinstance(parsed, UrlSource):
            raise RequestInvalid("a daemon asks its hub alone; pull a URL with `leeward edge pull`")
        if isinstance(parsed, HubSource) and len(source) > _MAX_NAME_CHARACTERS:
            raise RequestInvalid(f"a name at the hub has at most {_MAX_NAME_CHARACTERS} characters")
        return PullRequest(
            source=parsed,
            name=check_model_name(name) if name else name_for(parsed),
            sha256=sha256,
            endpoint=self._hub,
            signers=self._signers,
        )

    def _do(self, work: _Work[_Result], run: _Run[_Result]) -> None:
        """Pull, in a thread of its own, and hand the outcome to the event loop."""

        def record(passages: Sequence[ControlPassage]) -> None:
            run.loop.call_soon_threadsafe(self._count, passages)

        def end(failure: BaseException | None, *results: _Result) -> None:
            with suppress(RuntimeError):  # the daemon has ended meanwhile
                run.loop.call_soon_threadsafe(self._end, run, failure, *results)

        try:
            result = work(record=record, progress=run.advance, sleep=run.sleep)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            end(error)
        else:
            end(None, result)

    def _end(self, run: _Run[Any], failure: BaseException | None, *results: object) -> None:
        self._is_busy = False
        if results:
            run.ended.set_result(results[0])
        else:
            run.ended.set_exception(failure or Cancelled("the pull ended"))
            run.ended.exception()  # seen, also when whoever asked is gone
        run.moved.set()

    def _count(self, passages: Sequence[ControlPassage]) -> None:
        for passage in passages:
            self._control.add(passage)
