"""``/v1/outbox/KEY``: requests that wait for the cloud, over HTTP."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.outbox.model import Item
from edge.outbox.outbox import Outbox
from edge.outbox.queueing import replayed
from edge.outbox.sending import Sender
from runtime.codec.bounds import name
from runtime.http.answers import whole
from runtime.http.envelope import Envelope

__all__ = ["KEY_HEADER", "QueuedRoutes", "idempotency_key"]

KEY_HEADER: Final = "idempotency-key"


def idempotency_key(request: Request) -> str:
    """Return the key that a request bears; empty for none.

    Raises:
        RequestInvalid: It is too long or unprintable.
    """
    given = request.headers.get(KEY_HEADER, "")
    return name(given, KEY_HEADER) if given else ""


class QueuedRoutes:
    """Shows and cancels what is in the outbox."""

    def __init__(self, outbox: Outbox, sender: Sender) -> None:
        self._outbox = outbox
        self._sender = sender

    async def show(self, request: Request) -> Response:
        """Say how a request stands; once it is answered, with the answer as OpenAI writes it."""
        item = await self._outbox.get(_key(request))
        body = self._data(item)
        if item.result is not None:
            envelope = Envelope(
                id=f"chatcmpl-{item.form['request_id']}",
                created=int(item.queued_at.wall_s),
                model=_model_name(item),
                kind="chat",
            )
            body["response"] = await whole(replayed(item), envelope)
        return JSONResponse(body)

    async def cancel(self, request: Request) -> Response:
        """Take a request out of the queue."""
        return JSONResponse(self._data(await self._sender.cancel(_key(request))))

    def _data(self, item: Item) -> dict[str, Any]:
        return {
            "object": "leeward.queued",
            "idempotency_key": item.key,
            "state": str(item.state),
            "left_s": round(self._outbox.left_s(item), 1),
            "priority": item.priority,
            "attempts": item.attempts,
            "upstream_repeats": item.upstream_repeats,
            "error": item.error,
        }


def _key(request: Request) -> str:
    return name(request.path_params["key"], "key")


def _model_name(item: Item) -> str:
    choice = item.form["choice"]
    named = choice.get("graph") or ("auto" if choice.get("auto") else "inline")
    return str(choice.get("model") or f"leeward/{named}")
