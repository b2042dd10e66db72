"""What several integration tests share: a model hub on loopback, and a house full of faults.

The hub speaks the part of the Hugging Face API that a pull uses: resolve answers by HEAD with the
file's facts and a redirect to a storage host, which serves ranges. Tests tell it how to misbehave.
"""

import hashlib
import os
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from runtime.testing.faulty_house import FaultyHouse, running_house

EDGE_WEIGHTS = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Asked:
    """One request that the hub received."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class LoopbackHub:
    """What the hub holds, how it misbehaves, and what it was asked."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    """``owner/repo/file`` to content."""
    refusal: tuple[int, str] | None = None
    """Status and ``X-Error-Code`` of every resolve."""
    storage_statuses: list[int] = field(default_factory=list)
    """Statuses of the next downloads, before the good ones."""
    cuts: list[int] = field(default_factory=list)
    """After how many bytes the next downloads break."""
    sent_instead: bytes | None = None
    """What the storage sends, whatever the hub says about it."""
    honours_ranges: bool = True
    redirect: str = ""
    """Where resolve points instead of at the storage."""
    asked: list[Asked] = field(default_factory=list)
    stalls_after: int = 0
    """The next downloads stop here until ``go_on``; 0 never."""
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def storage(self) -> str:
        """Another origin than the hub's."""
        return f"http://localhost:{self.port}/storage"

    def downloads(self) -> list[Asked]:
        return [one for one in self.asked if one.method == "GET"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: LoopbackHub

    def do_HEAD(self) -> None:
        self._note()
        repository_file = self.path.lstrip("/").replace("/resolve/main/", "/")
        data = self.hub.files.get(repository_file)
        if repository_file.startswith("storage/"):
            is_there = repository_file.removeprefix("storage/") in self.hub.files
            self._answer(200 if is_there else 404, {"Content-Length": "0"})
        elif self.hub.refusal is not None:
            status, code = self.hub.refusal
            self._answer(status, {"X-Error-Code": code, "Content-Length": "0"})
        elif data is None:
            self._answer(404, {"X-Error-Code": "EntryNotFound", "Content-Length": "0"})
        else:
            there = self.hub.redirect or f"{self.hub.storage}/{repository_file}?signature=s3cr3t"
            facts = {
                "X-Repo-Commit": COMMIT,
                "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"',
                "X-Linked-Size": str(len(data)),
                "ETag": '"storage-pointer"',
                "Location": there,
                "Content-Length": "0",
            }
            self._answer(302, facts)

    def do_GET(self) -> None:
        self._note()
        data = self.hub.files.get(self.path.partition("?")[0].removeprefix("/storage/"))
        if self.hub.storage_statuses:
            self._answer(self.hub.storage_statuses.pop(0), {"Content-Length": "0"})
        elif data is None:
            self._answer(404, {"Content-Length": "0"})
        else:
            self._send(data if self.hub.sent_instead is None else self.hub.sent_instead)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def _send(self, data: bytes) -> None:
        tag = f'"{hashlib.md5(data).hexdigest()}"'
        start = self._start(len(data), tag)
        headers = {"ETag": tag, "Content-Length": str(len(data) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._answer(206 if start else 200, headers)
        rest = data[start:]
        if self.hub.cuts:
            self.wfile.write(rest[: self.hub.cuts.pop(0)])
            self.close_connection = True
            return
        if stalls_after := self.hub.stalls_after:
            self.wfile.write(rest[:stalls_after])
            self.wfile.flush()
            self.hub.stalled.set()
            self.hub.go_on.wait(20)
            rest = rest[stalls_after:]
        self.wfile.write(rest)

    def _start(self, size: int, tag: str) -> int:
        wanted = self.headers.get("Range", "")
        condition = self.headers.get("If-Range", tag)
        if not wanted or not self.hub.honours_ranges or condition != tag:
            return 0
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        return start if start < size else 0

    def _note(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.asked.append(Asked(self.command, self.path, headers))

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what some tests are about."""


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    state = LoopbackHub()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": state}))
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    state.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultyHouse]:
    root = tmp_path_factory.mktemp("house")
    async with running_house(root, EDGE_WEIGHTS, os.environ) as running:
        yield running
