"""Pull a model into this device's store: the one way in for weights.

Control traffic: a request names public files and nothing of this device, and every byte is
counted in the ledger by destination. Decides the order of things; knows no HTTP.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.config import DEFAULT_HUB
from edge.egress.control import command_log
from edge.egress.fetch import Fetcher, Meter, Progress, opened_client
from edge.egress.remote import Remote, remote_of
from edge.models.files import files_of, main_file
from edge.models.incoming import Incoming, Part
from edge.models.manifest import (
    ModelManifest,
    manifest_file_of,
    parse_manifest,
    require_vouched,
    unsigned,
)
from edge.models.record import CheckedBy, StoredModel
from edge.models.room import Room
from edge.models.source import FileSource, HubSource, Source, UrlSource
from edge.models.store import GatheredFile, ModelStore, Origin
from runtime.clock import Clock
from runtime.errors import LeewardError, ModelInvalid, NotFound, RequestInvalid
from runtime.ledger.record import ControlPassage

__all__ = ["PullRequest", "Puller", "Recorder", "copy_file", "counted", "ledger_recorder"]

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
    """Expected digest of the main file in lower-case hexadecimal; empty trusts the hub's."""
    is_replacing: bool = False
    """Whether another model of that name may be replaced."""
    endpoint: str = DEFAULT_HUB
    """Of the hub."""
    revision: str = "main"
    """In the hub: branch, tag or commit."""
    token: str = field(default="", repr=False)
    """For gated repositories of the hub."""
    signers: Sequence[Ed25519PublicKey] | None = None
    """Who may vouch for it; ``None`` asks for no manifest."""
    manifest: str = ""
    """Text of its manifest, for a source that has none; empty looks beside the model."""


@dataclass(frozen=True, slots=True)
class _Vouched:
    """A manifest that was found good, and its text."""

    text: str
    manifest: ModelManifest


class Puller:
    """Pulls models, one after the other; blocks.

    Args:
        store: Where they go.
        record: Counts the traffic, once per pull, also of one that failed.
        progress: Told how far each file of a pull is.
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

        Interrupted, it leaves partial files that the same request goes on with. A file that
        fails a check is deleted.

        Raises:
            RequestInvalid: The name is taken by another model, or the source cannot be used so.
            NotFound: There is no such file.
            NotPermitted: The source wants other credentials, or the store is another user's.
            ModelInvalid: A file is not what was asked for, or the model is none.
            SignatureInvalid: It is not signed as it must be, or as its manifest says.
            BackendUnavailable: The source cannot be reached.
            CapacityExhausted: The disk or the quota is full, or another pull of that name runs.
            LedgerUnavailable: The traffic cannot be recorded, so the model is not stored.
        """
        present = self._store.find(request.name)
        if present is not None and not request.is_replacing:
            return _already(present, request)
        with ExitStack() as stack:
            # The main file's lock is the whole pull's.
            main = stack.enter_context(self._store.incoming(request.name))
            source = request.source
            if isinstance(source, FileSource):
                files, origin = self._copy(request, source, main, stack)
            else:
                files, origin = self._download(request, source, main, stack)
            return self._store.admit(request.name, files, origin)

    def _copy(
        self, request: PullRequest, source: FileSource, main: Incoming, stack: ExitStack
    ) -> tuple[list[GatheredFile], Origin]:
        vouched = _local_manifest(request, source.path)
        manifest = vouched.manifest if vouched else None
        expected = _expected(manifest, request)
        gathered: list[GatheredFile] = []
        for file in _local_files(source, manifest):
            is_main = not gathered
            incoming = main if is_main else self._part(request.name, file.name, stack)
            self._copy_file(file, incoming)
            digest = expected.main if is_main else expected.of(file.name)
            gathered.append(GatheredFile(file.name, incoming, digest))
        checked_by: CheckedBy = "given" if request.sha256 else "structure"
        return gathered, _origin(request, str(source), checked_by, vouched)

    def _copy_file(self, source: Path, incoming: Incoming) -> None:
        try:
            copy_file(source, incoming, room=self._store, progress=self._progress)
        except OSError as error:
            raise ModelInvalid(f"{source}: cannot be read: {error.strerror}") from None

    def _download(
        self,
        request: PullRequest,
        source: HubSource | UrlSource,
        main: Incoming,
        stack: ExitStack,
    ) -> tuple[list[GatheredFile], Origin]:
        with counted(self._record) as meter, opened_client(meter) as client:
            fetcher = Fetcher(client, meter, store=self._store, sleep=self._sleep)
            remote = remote_of(
                source,
                client,
                endpoint=request.endpoint,
                revision=request.revision,
                token=request.token,
            )
            vouched = _remote_manifest(request, remote, fetcher)
            manifest = vouched.manifest if vouched else None
            expected = _expected(manifest, request)
            found = remote.main(expected.main)
            fetcher.fetch(found, main, progress=self._progress)
            gathered = [GatheredFile(remote.name, main, found.sha256)]
            for name, file in remote.others(manifest, expected.of):
                incoming = self._part(request.name, name, stack)
                try:
                    fetcher.fetch(file, incoming, progress=self._progress)
                except NotFound:
                    if manifest is not None:
                        raise
                    continue
                gathered.append(GatheredFile(name, incoming, file.sha256))
        checked_by: CheckedBy = "hub" if found.sha256 else "structure"
        origin = _origin(request, found.source, "given" if request.sha256 else checked_by, vouched)
        return gathered, origin

    def _part(self, name: str, file: str, stack: ExitStack) -> Incoming:
        return stack.enter_context(self._store.incoming(name, part=file))


@contextmanager
def counted(record: Recorder) -> Iterator[Meter]:
    """Count the traffic of the block in the ledger, however the block ends."""
    meter = Meter()
    status = "interrupted"
    try:
        yield meter
        status = "ok"
    except LeewardError as error:
        status = type(error).__name__
        raise
    finally:
        record(meter.passages(status))


def copy_file(source: Path, incoming: Incoming, *, room: Room, progress: Progress) -> None:
    """Bring a file of this device, if there is room.

    Raises:
        NotFound: There is none.
        CapacityExhausted: It does not fit.
        OSError: It cannot be read.
    """
    try:
        with source.open("rb") as file:
            total_bytes = source.stat().st_size
            incoming.begin(Part(str(source), validator="", size_bytes=total_bytes))
            room.require_room(total_bytes, name=incoming.model)
            while chunk := file.read(_CHUNK_BYTES):
                incoming.append(chunk)
                progress(incoming.received_bytes, total_bytes)
    except FileNotFoundError:
        raise NotFound(f"{source}: no such file") from None


def ledger_recorder(directory: Path, *, clock: Clock) -> Recorder:
    """Return what counts a command's pulls in the ledger in ``directory``.

    The ledger is opened for a moment at the end: a long download must not keep a daemon from
    starting. While a daemon runs, it takes the counts in.
    """

    async def write(passages: Sequence[ControlPassage]) -> None:
        async with command_log(directory, clock=clock) as log:
            for passage in passages:
                log.add(passage)

    def record(passages: Sequence[ControlPassage]) -> None:
        if passages:
            asyncio.run(write(passages))

    return record


@dataclass(frozen=True, slots=True)
class _Expected:
    """Which digests the files of a model must have, as far as anybody has said so."""

    main: str
    others: Mapping[str, str]

    def of(self, name: str) -> str:
        return self.others.get(name, "")


def _expected(manifest: ModelManifest | None, request: PullRequest) -> _Expected:
    """Put together what the caller and the manifest say.

    Raises:
        ModelInvalid: They contradict each other.
    """
    if manifest is None:
        return _Expected(request.sha256, {})
    signed = manifest.files[manifest.model].sha256
    if request.sha256 and request.sha256 != signed:
        reason = f"its manifest vouches for the SHA-256 {signed}, expected was {request.sha256}"
        raise ModelInvalid(f"{request.source}: {reason}")
    return _Expected(signed, {name: entry.sha256 for name, entry in manifest.bare().items()})


def _origin(
    request: PullRequest, source: str, checked_by: CheckedBy, vouched: _Vouched | None
) -> Origin:
    if vouched is None:
        return Origin(source, checked_by)
    checked_by = "manifest" if request.signers is None else "signature"
    return Origin(source, checked_by, vouched.manifest.public_key, vouched.text)


def _local_manifest(request: PullRequest, path: Path) -> _Vouched | None:
    """Return the manifest of a model on this device, after comparing the files with it."""
    if request.manifest:
        return _given_manifest(request)
    manifest = require_vouched(path, request.signers) if path.exists() else None
    if manifest is None:
        return None
    return _Vouched(manifest_file_of(path).read_text(encoding="utf-8"), manifest)


def _remote_manifest(request: PullRequest, remote: Remote, fetcher: Fetcher) -> _Vouched | None:
    """Return the manifest that lies beside a model elsewhere, where one is asked for."""
    if request.manifest:
        return _given_manifest(request)
    if request.signers is None:
        return None
    try:
        text = fetcher.read_text(remote.manifest())
    except NotFound:
        raise unsigned(str(request.source), remote.manifest_name) from None
    manifest = parse_manifest(text, signers=request.signers, file=remote.manifest_name)
    return _Vouched(text, manifest)


def _given_manifest(request: PullRequest) -> _Vouched:
    manifest = parse_manifest(request.manifest, signers=request.signers, file="--manifest")
    return _Vouched(request.manifest, manifest)


def _local_files(source: FileSource, manifest: ModelManifest | None) -> Sequence[Path]:
    """Return the files of a model on this device, the main one first.

    Raises:
        NotFound: There is none.
        ModelInvalid: The manifest names one that is not there.
    """
    if not source.path.exists():
        raise NotFound(f"{source}: no such file")
    manifest_file = manifest_file_of(source.path)
    files = [file for file in files_of(source.path) if file != manifest_file]
    if manifest is None:
        return files
    main = main_file(source.path)
    known = [file for file in files if file == main or file.name in manifest.bare()]
    missing = manifest.bare().keys() - {manifest.model, *(file.name for file in known)}
    if missing:
        raise ModelInvalid(f"{source}: {min(missing)} is missing, its manifest lists it")
    return known


def _already(present: StoredModel, request: PullRequest) -> StoredModel:
    """Return the model that is there, if it is known to be the one that is asked for."""
    if present.record is not None and present.record.sha256 == request.sha256:
        if request.signers is not None:  # it may have come before anybody asked who vouches
            require_vouched(present.file, request.signers)
        return present
    reason = "is stored already; take another --name, or --replace it"
    raise RequestInvalid(f"a model {request.name} {reason}")
