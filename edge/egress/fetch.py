"""Bytes of a public file, in as many requests as the link needs.

Knows HTTP ranges, retries and redirects, and counts what passes per destination. Sends nothing
but the request for the file; does not know what the bytes are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import httpx2

from edge.models.incoming import Incoming, Part
from edge.models.room import Room
from runtime.errors import BackendUnavailable, ModelInvalid, NotFound, NotPermitted, RequestInvalid
from runtime.ids import NodeName
from runtime.ledger.record import ControlPassage, ControlPurpose, Destination
from runtime.version import VERSION

__all__ = ["Fetcher", "Meter", "Progress", "RemoteFile", "opened_client", "reachable"]

Progress = Callable[[int, int], None]
"""Told the bytes that are here and the bytes in all, 0 when unknown."""

_CONNECT_TIMEOUT_S: Final = 10.0
_READ_TIMEOUT_S: Final = 30.0
_MAX_REDIRECTS: Final = 5
_MAX_BARREN_ATTEMPTS: Final = 4
_FIRST_WAIT_S: Final = 1.0
_CHUNK_BYTES: Final = 1 << 16
_LOOK_EVERY_BYTES: Final = 16 << 20
"""How often it is looked for room while nobody says how much there is to come."""
_MAX_TEXT_BYTES: Final = 1 << 18
_PORTS: Final = {"http": 80, "https": 443}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_FRAMING_BYTES: Final = 4
"""Of a header line: the colon, the blank, and the end of the line."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file to fetch."""

    url: str
    source: str
    """How people call it; goes into errors and the record."""
    sha256: str = ""
    """Expected digest, when one is known."""
    size_bytes: int = 0
    """Expected size; 0 when it is not known."""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    """Sent to the URL's own host and no other."""


@dataclass(slots=True)
class _Count:
    sent_bytes: int = 0
    received_bytes: int = 0


class Meter:
    """Counts bytes per destination, and refuses destinations without TLS."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def leaving(self, request: httpx2.Request) -> None:
        """Count a request that is about to leave.

        Raises:
            RequestInvalid: It would go unencrypted to another machine.
        """
        url = request.url
        if url.scheme != "https" and url.host not in _LOOPBACK:
            raise RequestInvalid(f"{url.host} is not asked without TLS: use an https address")
        line_bytes = len(request.method) + len(url.raw_path) + len(" HTTP/1.1\r\n ")
        self._of(request).sent_bytes += line_bytes + _header_bytes(request.headers)

    def arrived(self, response: httpx2.Response) -> None:
        """Count the head of an answer."""
        self._of(response.request).received_bytes += _header_bytes(response.headers)

    def body(self, response: httpx2.Response, size_bytes: int) -> None:
        """Count a piece of an answer's body."""
        self._of(response.request).received_bytes += size_bytes

    def passages(self, status: str) -> list[ControlPassage]:
        """Return one ledger record per destination."""
        return [
            ControlPassage(
                destination=Destination(NodeName(""), address),
                purpose=ControlPurpose.PULL,
                sent_bytes=count.sent_bytes,
                received_bytes=count.received_bytes,
                status=status,
            )
            for address, count in sorted(self._counts.items())
        ]

    def _of(self, request: httpx2.Request) -> _Count:
        return self._counts.setdefault(_address(request.url), _Count())


@contextmanager
def opened_client(meter: Meter) -> Iterator[httpx2.Client]:
    """Open the HTTP client of one pull; every request of it goes through ``meter``."""
    with httpx2.Client(
        event_hooks={"request": [meter.leaving], "response": [meter.arrived]},
        follow_redirects=True,
        max_redirects=_MAX_REDIRECTS,
        timeout=httpx2.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
        # Compressed bytes could not be resumed.
        headers={"user-agent": f"leeward/{VERSION}", "accept-encoding": "identity"},
    ) as client:
        yield client


@contextmanager
def reachable(url: str) -> Iterator[None]:
    """Turn a failure of the transport into one line that names the host."""
    try:
        yield
    except httpx2.InvalidURL:
        raise RequestInvalid("the URL cannot be read") from None
    except (httpx2.TransportError, httpx2.TooManyRedirects) as error:
        host = _address(httpx2.URL(url))
        raise BackendUnavailable(f"{host} cannot be reached: {type(error).__name__}") from error


class Fetcher:
    """Fetches files into the store's incoming place.

    Args:
        client: From :func:`opened_client`.
        meter: The one of that client.
        store: Knows how much room there is.
        sleep: Waits a number of seconds between attempts.
    """

    def __init__(
        self,
        client: httpx2.Client,
        meter: Meter,
        *,
        store: Room,
        sleep: Callable[[float], None],
    ) -> None:
        self._client = client
        self._meter = meter
        self._store = store
        self._sleep = sleep

    def fetch(self, remote: RemoteFile, incoming: Incoming, *, progress: Progress) -> None:
        """Bring the whole file here, going on where an earlier attempt ended.

        Raises:
            BackendUnavailable: The link or the server failed too often; what is here is kept.
            NotFound: There is no such file.
            NotPermitted: The server wants a proof that was not given, or refused it.
            ModelInvalid: What the server offers is not the file that was asked for.
            CapacityExhausted: It does not fit on the disk.
        """
        barren_attempts = 0
        while not _is_whole(remote, incoming):
            before_bytes = incoming.received_bytes
            failure = self._try(remote, incoming, progress)
            if failure is None:
                return
            has_grown = incoming.received_bytes > before_bytes
            barren_attempts = 0 if has_grown else barren_attempts + 1
            if barren_attempts >= _MAX_BARREN_ATTEMPTS:
                raise BackendUnavailable(f"{failure}{_kept(remote, incoming)}") from failure
            self._sleep(_FIRST_WAIT_S * 2 ** max(0, barren_attempts - 1))

    def read_text(self, remote: RemoteFile) -> str:
        """Return a small file's text, in one request.

        Raises:
            BackendUnavailable: The link or the server failed.
            NotFound: There is no such file.
            NotPermitted: The server wants a proof that was not given, or refused it.
            ModelInvalid: It is too large, or no text.
        """
        data = b""
        with (
            reachable(remote.url),
            self._client.stream("GET", remote.url, headers=remote.headers) as response,
        ):
            _require_ok(response, remote)
            for chunk in response.iter_raw(_CHUNK_BYTES):
                self._meter.body(response, len(chunk))
                data += chunk
                if len(data) > _MAX_TEXT_BYTES:
                    raise ModelInvalid(f"{remote.source}: is larger than {_MAX_TEXT_BYTES} bytes")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise ModelInvalid(f"{remote.source}: is not UTF-8 text") from None

    def _try(
        self, remote: RemoteFile, incoming: Incoming, progress: Progress
    ) -> BackendUnavailable | None:
        """Make one attempt; return what may go better the next time."""
        try:
            with reachable(remote.url):
                self._attempt(remote, incoming, progress)
        except BackendUnavailable as error:
            return error
        return None

    def _attempt(self, remote: RemoteFile, incoming: Incoming, progress: Progress) -> None:
        headers = remote.headers | _range_headers(remote, incoming)
        with self._client.stream("GET", remote.url, headers=headers) as response:
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                incoming.restart()
                raise BackendUnavailable("the server has nothing more, yet the file is not whole")
            _require_ok(response, remote)
            total_bytes = _total_bytes(response)
            _require_size(remote, total_bytes)
            validator = remote.sha256 or _strong_tag(response)
            here_bytes = incoming.begin(Part(remote.source, validator, total_bytes))
            if here_bytes != _first_byte(response):
                here_bytes = self._rewind(response, incoming)
            self._store.require_room(
                total_bytes - here_bytes if total_bytes else 0, name=incoming.model
            )
            self._copy(response, incoming, total_bytes=total_bytes, progress=progress)

    def _rewind(self, response: httpx2.Response, incoming: Incoming) -> int:
        """Start over, when the server sends from the start; it need not honour a range."""
        incoming.restart()
        if _first_byte(response):
            raise BackendUnavailable("the server went on at a place that was not asked for")
        return 0

    def _copy(
        self, response: httpx2.Response, incoming: Incoming, *, total_bytes: int, progress: Progress
    ) -> None:
        here_bytes = incoming.received_bytes
        progress(here_bytes, total_bytes)
        for chunk in response.iter_raw(_CHUNK_BYTES):
            self._meter.body(response, len(chunk))
            here_bytes += len(chunk)
            if total_bytes and here_bytes > total_bytes:
                incoming.discard()
                raise ModelInvalid("the server sent more than it announced")
            incoming.append(chunk)
            progress(here_bytes, total_bytes)
            if not total_bytes and here_bytes % _LOOK_EVERY_BYTES < len(chunk):
                self._store.require_room(0, name=incoming.model)
        if here_bytes < total_bytes:
            raise BackendUnavailable("the server closed the connection early")


def _is_whole(remote: RemoteFile, incoming: Incoming) -> bool:
    """Whether all of a file of known content came before, and only its place was lacking."""
    part = incoming.resumable(remote.source)
    if part is None or not remote.sha256 or part.validator != remote.sha256:
        return False
    return 0 < part.size_bytes == incoming.received_bytes


def _range_headers(remote: RemoteFile, incoming: Incoming) -> dict[str, str]:
    part = incoming.resumable(remote.source)
    if part is None or (remote.sha256 and part.validator != remote.sha256):
        return {}
    headers = {"range": f"bytes={incoming.received_bytes}-"}
    if not remote.sha256:
        # Another content is then sent whole, instead of its second half.
        headers["if-range"] = part.validator
    return headers


def _require_ok(response: httpx2.Response, remote: RemoteFile) -> None:
    code = response.status_code
    if code in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        return
    host = response.url.host
    if code in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise NotFound(f"{remote.source}: {host} has no such file")
    if code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise NotPermitted(f"{remote.source}: {host} refuses it without (other) credentials")
    raise BackendUnavailable(f"{remote.source}: {host} answered with HTTP {code}")


def _require_size(remote: RemoteFile, total_bytes: int) -> None:
    if remote.size_bytes and total_bytes and remote.size_bytes != total_bytes:
        reason = f"the server offers {total_bytes} bytes, the hub speaks of {remote.size_bytes}"
        raise ModelInvalid(f"{remote.source}: {reason}")


def _total_bytes(response: httpx2.Response) -> int:
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        text = response.headers.get("content-range", "").rpartition("/")[2]
    else:
        text = response.headers.get("content-length", "")
    return int(text) if text.isdecimal() else 0


def _first_byte(response: httpx2.Response) -> int:
    if response.status_code != HTTPStatus.PARTIAL_CONTENT:
        return 0
    text = response.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return int(text) if text.isdecimal() else 0


def _strong_tag(response: httpx2.Response) -> str:
    tag = str(response.headers.get("etag", ""))
    return tag if tag.startswith('"') else ""


def _kept(remote: RemoteFile, incoming: Incoming) -> str:
    if incoming.resumable(remote.source) is None:
        return ""
    return f"; {incoming.received_bytes} bytes are kept, the same command goes on from there"


def _header_bytes(headers: httpx2.Headers) -> int:
    return sum(len(name) + len(value) + _FRAMING_BYTES for name, value in headers.raw)


def _address(url: httpx2.URL) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{host}:{url.port or _PORTS.get(url.scheme, 0)}"
