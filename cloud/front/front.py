"""The OpenAI-compatible HTTP front: where an application's call enters the gateway.

Finds the route, learns who asks, reads the body, in this order: nothing is read for a stranger.
What a route does is in ``endpoints``.
"""

import logging
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.calls import Caller
from cloud.front.asking import Asking
from cloud.front.endpoints import REQUEST_HEADER, Endpoints
from cloud.front.refusal import error_body
from runtime.errors import (
    BackendUnavailable,
    Cancelled,
    CapacityExhausted,
    IdentityError,
    LeewardError,
    NotFound,
)
from runtime.http.body import BODY_TIMEOUT_S, MAX_BODY_BYTES, read_body
from runtime.http.boundary import failure, named_failure
from runtime.http.hangup import cancelled_when_gone
from runtime.ids import RequestId

__all__ = ["FrontBounds", "HttpFront", "Keys"]

Endpoint = Callable[[Asking, bytes], AbstractAsyncContextManager[ASGIApp]]
_MODEL_PREFIX: Final = "/v1/models/"
_SCHEME: Final = "bearer "
_logger = logging.getLogger("leeward.cloud.front")


class Keys(Protocol):
    """Knows who brings a key."""

    async def by_key(self, bearer: str) -> Caller:
        """Return the caller.

        Raises:
            IdentityError: The key is unknown, expired or revoked, or its tenant is disabled.
        """
        ...


@dataclass(frozen=True, slots=True)
class FrontBounds:
    """What callers together and each request may take."""

    max_calls: int = 256
    """Requests answered at once; one more is told to come again."""
    max_body_bytes: int = MAX_BODY_BYTES
    body_timeout_s: float = BODY_TIMEOUT_S


class HttpFront:
    """An ASGI application that serves callers with keys."""

    def __init__(self, endpoints: Endpoints, keys: Keys, *, bounds: FrontBounds) -> None:
        self.endpoints = endpoints
        self._keys = keys
        self.bounds = bounds
        self._open_calls = 0
        self._is_stopping = False
        self._refuses_calls = False
        self._routes: dict[str, tuple[str, Endpoint]] = {
            "/v1/chat/completions": ("POST", endpoints.chat),
            "/v1/completions": ("POST", endpoints.completion),
            "/v1/embeddings": ("POST", endpoints.embeddings),
            "/v1/models": ("GET", endpoints.models),
        }

    def announce_stop(self) -> None:
        """Report as not serving, while calls are still taken."""
        self._is_stopping = True

    def refuse_calls(self) -> None:
        """Take no new calls; those that run go on."""
        self._refuses_calls = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever it is, in OpenAI's shapes."""
        request_id = RequestId(uuid.uuid4().hex)
        answering = _Answering(send)
        try:
            if scope["path"] == "/healthz":
                await self._health()(scope, receive, answering.send)
            else:
                await self._serve(scope, receive, answering, request_id)
        except Cancelled:
            _logger.info("caller_left", extra={"request_id": request_id})
        except Exception as error:  # noqa: BLE001 - the boundary is where blind catching belongs
            told = named_failure(error, _logger)
            if not answering.has_begun:
                await _refusal(told, request_id)(scope, receive, send)

    async def _serve(
        self, scope: Scope, receive: Receive, answering: "_Answering", request_id: RequestId
    ) -> None:
        method, endpoint = self._route(scope["path"])
        if scope["method"] != method:
            await _wrong_method(method)(scope, receive, answering.send)
            return
        if self._refuses_calls:
            raise BackendUnavailable("the gateway is stopping")
        headers = Headers(scope=scope)
        asking = Asking(await self._known(headers), request_id, headers)
        if self._open_calls >= self.bounds.max_calls:
            raise CapacityExhausted("this front answers as many calls as it may")
        self._open_calls += 1
        try:
            body = await self._body(method, receive)
            gone = cancelled_when_gone(receive, is_answered=lambda: answering.has_ended)
            async with gone, endpoint(asking, body) as response:
                await response(scope, receive, answering.send)
        finally:
            self._open_calls -= 1

    async def _body(self, method: str, receive: Receive) -> bytes:
        # Read for GET as well, so that what comes next on the connection is its end.
        limit = self.bounds.max_body_bytes if method == "POST" else 0
        return await read_body(receive, max_bytes=limit, timeout_s=self.bounds.body_timeout_s)

    def _route(self, path: str) -> tuple[str, Endpoint]:
        route = self._routes.get(path)
        if route is not None:
            return route
        if path.startswith(_MODEL_PREFIX):
            name = path.removeprefix(_MODEL_PREFIX)
            return "GET", lambda asking, _body: self.endpoints.model(asking, name)
        raise NotFound("there is no such path")

    async def _known(self, headers: Headers) -> Caller:
        given = headers.get("authorization", "")
        if given[: len(_SCHEME)].lower() != _SCHEME:
            raise IdentityError("the request brings no key")
        try:
            return await self._keys.by_key(given[len(_SCHEME) :].strip())
        except IdentityError:
            # One answer for all: who tries keys learns nothing from their difference.
            raise IdentityError("the key is not accepted") from None

    def _health(self) -> JSONResponse:
        if self._is_stopping:
            return JSONResponse({"status": "stopping"}, HTTPStatus.SERVICE_UNAVAILABLE)
        return JSONResponse({"status": "serving"})


class _Answering:
    """Passes messages on and remembers how far the response is."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False
        self.has_ended = False

    async def send(self, message: Message) -> None:
        self.has_begun = True
        # Before it is passed on: ASGI reports the end of a complete response as a disconnect.
        self.has_ended = message["type"] == "http.response.body" and not message.get("more_body")
        await self._send(message)


def _refusal(error: LeewardError, request_id: RequestId) -> JSONResponse:
    response = failure(error, error_body)
    response.headers[REQUEST_HEADER] = request_id
    if isinstance(error, IdentityError):
        response.headers["www-authenticate"] = "Bearer"
    return response


def _wrong_method(allowed: str) -> JSONResponse:
    body = error_body(NotFound("there is no such route"))
    body["error"]["message"] = f"this path is served by {allowed} only"
    return JSONResponse(body, HTTPStatus.METHOD_NOT_ALLOWED, {"allow": allowed})
