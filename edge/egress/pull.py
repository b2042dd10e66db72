"""Pull a model into this device's store: the one way in for weights.

Control traffic: a request names a public file and nothing of this device, and every byte is
counted in the ledger by destination. Decides the order of things; knows no HTTP.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import httpx2

from edge.egress.control import command_log
from edge.egress.fetch import Fetcher, Meter, Progress, RemoteFile, opened_client
from edge.egress.hub import DEFAULT_ENDPOINT, locate
from edge.models.incoming import Incoming, Part
from edge.models.source import FileSource, HubSource, Source, UrlSource
from edge.models.store import CheckedBy, ModelStore, StoredModel
from runtime.clock import Clock
from runtime.errors import LeewardError, ModelInvalid, NotFound, RequestInvalid
from runtime.ledger.record import ControlPassage

__all__ = ["PullRequest", "Puller", "Recorder", "ledger_recorder"]

_CHUNK_BYTES: Final = 1 << 20


Recorder = Callable[[Sequence[ControlPassage]], None]
"""Keeps records of control traffic durably, or raises ``LedgerUnavailable``."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What to pull, and what it must be."""

    source: Source
    name: str
    """In the store."""
    sha256: str = ""
    """Expected digest in lower-case hexadecimal; empty trusts the hub's."""
    is_replacing: bool = False
    """Whether another model of that name may be replaced."""
    endpoint: str = DEFAULT_ENDPOINT
    """Of the hub."""
    revision: str = "main"
    """In the hub: branch, tag or commit."""
    token: str = field(default="", repr=False)
    """For gated repositories of the hub."""


@dataclass(frozen=True, slots=True)
class _Gathered:
    """A whole file in the incoming place, and what it must be."""

    source: str
    sha256: str
    checked_by: CheckedBy


class Puller:
    """Pulls models, one after the other; blocks.

    Args:
        store: Where they go.
        record: Counts the traffic, once per pull, also of one that failed.
        progress: Told how far a pull is.
        sleep: Waits a number of seconds between attempts.
    """

    def __init__(
        self,
        store: ModelStore,
        *,
        record: Recorder,
        progress: Progress,
        sleep: Callable[[float], None],
    ) -> None:
        self._store = store
        self._record = record
        self._progress = progress
        self._sleep = sleep

    def pull(self, request: PullRequest) -> StoredModel:
        """Bring a model here, check it and store it.

        Interrupted, it leaves a partial file that the same request goes on with. A file that
        fails a check is deleted.

        Raises:
            RequestInvalid: The name is taken by another model, or the source cannot be used so.
            NotFound: There is no such file.
            NotPermitted: The source wants other credentials, or the store is another user's.
            ModelInvalid: The file is not what was asked for, or not a model.
            BackendUnavailable: The source cannot be reached.
            CapacityExhausted: The disk is full, or another pull of that name is running.
            LedgerUnavailable: The traffic cannot be recorded, so the model is not stored.
        """
        present = self._store.find(request.name)
        if present is not None and not request.is_replacing:
            return _already(present, request)
        with self._store.incoming(request.name) as incoming:
            source = request.source
            if isinstance(source, FileSource):
                gathered = self._copy(request, source, incoming)
            else:
                gathered = self._download(request, source, incoming)
            return self._store.admit(
                incoming,
                source=gathered.source,
                sha256=gathered.sha256,
                checked_by=gathered.checked_by,
            )

    def _copy(self, request: PullRequest, source: FileSource, incoming: Incoming) -> _Gathered:
        try:
            with source.path.open("rb") as file:
                total_bytes = source.path.stat().st_size
                incoming.begin(Part(str(source), validator="", size_bytes=total_bytes))
                self._store.require_room(total_bytes)
                while chunk := file.read(_CHUNK_BYTES):
                    incoming.append(chunk)
                    self._progress(incoming.received_bytes, total_bytes)
        except FileNotFoundError:
            raise NotFound(f"{source}: no such file") from None
        except OSError as error:
            raise ModelInvalid(f"{source}: cannot be read: {error.strerror}") from None
        return _Gathered(str(source), request.sha256, "given" if request.sha256 else "structure")

    def _download(
        self, request: PullRequest, source: HubSource | UrlSource, incoming: Incoming
    ) -> _Gathered:
        meter = Meter()
        status = "interrupted"
        try:
            with opened_client(meter) as client:
                remote = _locate(request, source, client)
                fetcher = Fetcher(client, meter, store=self._store, sleep=self._sleep)
                fetcher.fetch(remote, incoming, progress=self._progress)
            status = "ok"
        except LeewardError as error:
            status = type(error).__name__
            raise
        finally:
            self._record(meter.passages(status))
        checked_by: CheckedBy = "hub" if remote.sha256 else "structure"
        return _Gathered(remote.source, remote.sha256, "given" if request.sha256 else checked_by)


def ledger_recorder(directory: Path, *, clock: Clock) -> Recorder:
    """Return what counts a command's pulls in the ledger in ``directory``.

    The ledger is opened for a moment at the end: a long download must not keep a daemon from
    starting. While a daemon runs, it takes the counts in.
    """

    async def write(passages: Sequence[ControlPassage]) -> None:
        async with command_log(directory, clock=clock) as log:
            for passage in passages:
                log.count(
                    passage.destination,
                    passage.purpose,
                    sent_bytes=passage.sent_bytes,
                    received_bytes=passage.received_bytes,
                    status=passage.status,
                )

    def record(passages: Sequence[ControlPassage]) -> None:
        if passages:
            asyncio.run(write(passages))

    return record


def _already(present: StoredModel, request: PullRequest) -> StoredModel:
    """Return the model that is there, if it is known to be the one that is asked for."""
    if present.manifest is not None and present.manifest.sha256 == request.sha256:
        return present
    reason = "is stored already; take another --name, or --replace it"
    raise RequestInvalid(f"a model {request.name} {reason}")


def _locate(
    request: PullRequest, source: HubSource | UrlSource, client: httpx2.Client
) -> RemoteFile:
    if isinstance(source, UrlSource):
        return RemoteFile(url=source.url, source=str(source), sha256=request.sha256)
    remote = locate(
        source,
        client,
        endpoint=request.endpoint,
        revision=request.revision,
        token=request.token,
    )
    if request.sha256 and remote.sha256 and request.sha256 != remote.sha256:
        reason = f"the hub's file has the SHA-256 {remote.sha256}, expected was {request.sha256}"
        raise ModelInvalid(f"{remote.source}: {reason}")
    return replace(remote, sha256=remote.sha256 or request.sha256)
