"""What the console is made of: its three files, and how the daemon stands as JSON.

The files are the same for everybody and hold nothing of the device; the JSON is behind the front's
token like every other answer. All that leaves here is content-free, as status and ledger are.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runtime.http.boundary import Handler
from runtime.ledger.entry import Entry
from runtime.ledger.read import newest_entries
from runtime.ledger.record import ApprovalNote, ContentPassage, Outcome

__all__ = ["Console"]

_HERE: Final = Path(__file__).parent
_FILES: Final = {
    "/console": ("console.html", "text/html"),
    "/console/console.js": ("console.js", "text/javascript"),
    "/console/console.css": ("console.css", "text/css"),
}
_HEADERS: Final = {
    # The page runs its own two files, talks to the device alone, and stands in no other page.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
_LOOKED_AT: Final = 300
"""Newest entries of the ledger, among which passages and people's decisions are looked for."""
_SHOWN: Final = 25


class Console:
    """Serves the page and what it shows.

    Args:
        status: How the daemon stands, as ``leeward edge status --json`` has it.
        waiting: How many requests wait for a person.
        ledger: The ledger's directory.
    """

    def __init__(
        self,
        *,
        status: Callable[[], dict[str, Any]],
        waiting: Callable[[], int],
        ledger: Path,
    ) -> None:
        self._status = status
        self._waiting = waiting
        self._ledger = ledger

    def routes(self, guarded: Callable[[Handler], Handler]) -> list[Route]:
        """Return the console's routes; what tells of the device is ``guarded``."""
        files = [Route(path, _file(*file), methods=["GET"]) for path, file in _FILES.items()]
        return [*files, Route("/console/status", guarded(self._show), methods=["GET"])]

    async def _show(self, _request: Request) -> Response:
        entries = await asyncio.to_thread(newest_entries, self._ledger, most=_LOOKED_AT)
        shown = {"waiting": self._waiting(), "passages": _passages(entries)}
        return JSONResponse(self._status() | shown, headers={"cache-control": "no-store"})


def _file(name: str, media_type: str) -> Handler:
    content = (_HERE / name).read_bytes()

    async def sent(_request: Request) -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)

    return sent


def _passages(entries: tuple[Entry, ...]) -> list[Mapping[str, Any]]:
    """Return what left and what people decided, the newest first."""
    ends = {entry.record.of: entry.record for entry in entries if isinstance(entry.record, Outcome)}
    shown: list[Mapping[str, Any]] = []
    for entry in reversed(entries):
        match entry.record:
            case ContentPassage():
                shown.append(_passage(entry, entry.record, ends.get(entry.position)))
            case ApprovalNote():
                shown.append(_decision(entry, entry.record))
            case _:
                continue
        if len(shown) == _SHOWN:
            break
    return shown


def _passage(entry: Entry, passage: ContentPassage, end: Outcome | None) -> dict[str, Any]:
    return {
        "kind": "content",
        "position": entry.position,
        "at": entry.at.isoformat(),
        "node": passage.destination.node,
        "model": passage.model,
        "graph": passage.graph,
        "request": passage.request_id,
        "releases": [{"by": one.by, "spans": one.spans} for one in passage.releases],
        "taken_out": sorted(passage.label_before.categories - passage.label.categories),
        "left_in": list(passage.label.names()),
        "bytes": passage.payload_bytes,
        "end": end.status if end else None,
    }


def _decision(entry: Entry, note: ApprovalNote) -> dict[str, Any]:
    return {
        "kind": "approval",
        "position": entry.position,
        "at": entry.at.isoformat(),
        "node": note.node,
        "request": note.request_id,
        "left_in": list(note.categories.names()),
        "end": note.status.value,
        "by": note.approver,
    }
