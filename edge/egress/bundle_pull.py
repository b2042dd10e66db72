"""Brings the bundle of a software release here: resumed, counted in the ledger, and unopened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.egress.fetch import Fetcher, Progress, RemoteFile, opened_client
from edge.egress.pull import Recorder, copy_file, counted
from edge.models.incoming import Incoming
from edge.models.room import Room
from edge.models.source import FileSource, UrlSource, parse_source
from runtime.errors import SoftwareInvalid
from runtime.fleet.state import ReleaseShape

__all__ = ["BundleRequest", "pull_bundle"]


@dataclass(frozen=True, slots=True)
class BundleRequest:
    """Which bundle, and where it goes."""

    release: ReleaseShape
    target: Path
    room: Room


def pull_bundle(
    request: BundleRequest,
    *,
    record: Recorder,
    progress: Progress,
    sleep: Callable[[float], None],
) -> None:
    """Bring a bundle here; interrupted, the same call goes on with what is here of it.

    Args:
        request: Which.
        record: Counts the traffic, also of a pull that failed.
        progress: Told how far it is.
        sleep: Waits a number of seconds between attempts.

    Raises:
        SoftwareInvalid: Its source is neither a URL nor a path of this device.
        NotFound: There is no such file.
        BackendUnavailable: The source cannot be reached.
        CapacityExhausted: It does not fit on the disk.
        LeewardError: As for ``Fetcher.fetch``.
    """
    source = parse_source(request.release.source)
    with Incoming(request.target.parent, request.target.name) as incoming:
        if isinstance(source, FileSource):
            _copy(source.path, incoming, request.room, progress)
        elif isinstance(source, UrlSource):
            remote = RemoteFile(source.url, str(source), sha256=request.release.sha256)
            with counted(record) as meter, opened_client(meter) as client:
                fetcher = Fetcher(client, meter, store=request.room, sleep=sleep)
                fetcher.fetch(remote, incoming, progress=progress)
        else:
            reason = "is neither an https address nor a path of this device"
            raise SoftwareInvalid(reason, file=request.release.source, field="source")
        incoming.move_to(request.target)


def _copy(source: Path, incoming: Incoming, room: Room, progress: Progress) -> None:
    try:
        copy_file(source, incoming, room=room, progress=progress)
    except OSError as error:
        raise SoftwareInvalid(f"cannot be read: {error.strerror}", file=str(source)) from None
