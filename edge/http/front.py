"""The OpenAI-compatible routes: where an HTTP request enters the edge.

Decodes, delegates to ``runtime.collaboration``, encodes. Listens on loopback only unless a bearer
token or callers' certificates are asked for (``edge.config`` checks that); to web pages only where
they are named (``edge.http.browsers``).
"""

import hmac
import logging
import uuid
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from edge.capture.capture import CONSENT, Capture
from edge.engine.limits import check_priority
from edge.feedback.verdicts import Verdicts
from edge.http.browsers import Browsers
from edge.http.console.routes import Console
from edge.http.feedback import FeedbackRoute
from edge.http.queued import QueuedRoutes, idempotency_key
from edge.outbox.queueing import Runs
from runtime.catalog.model import Catalog
from runtime.clock import Clock
from runtime.collaboration.collaboration import CollaborationRequest
from runtime.collaboration.graphs import AUTO, PREFIX, GraphBook, GraphChoice, PlainModel, choice_of
from runtime.errors import KeyRefused, NotFound
from runtime.http.answers import first_answer, sse, whole
from runtime.http.body import read_shape
from runtime.http.boundary import Handler, guarded
from runtime.http.choices import choices_sse, first_choice, side_by_side, whole_choices
from runtime.http.envelope import Envelope, Kind
from runtime.http.hangup import unless_gone
from runtime.http.status import error_body
from runtime.http.wire import MAX_CHOICES, ChatRequest, CompletionRequest, EmbeddingRequest
from runtime.ids import ModelName, RequestId, SessionId
from runtime.ports import EmbeddingPort

__all__ = ["HttpFront"]

_SEEDS: Final = 2**32
_CONSENTS = "x-leeward-capture"
"""The header by which a caller lets one request be kept."""
_logger = logging.getLogger("leeward.edge.http")


class HttpFront:
    """Serves ``/v1/*`` for local applications."""

    def __init__(
        self,
        *,
        collaboration: Runs,
        graphs: GraphBook,
        catalog: Catalog,
        embedder: EmbeddingPort,
        clock: Clock,
        deadline_s: float,
        bearer_token: str | None,
        browsers: Browsers,
        exposition: Callable[[], bytes],
        max_priority: int = 0,
        queued: QueuedRoutes | None = None,
        capture: Capture | None = None,
        verdicts: Verdicts | None = None,
        console: Console | None = None,
    ) -> None:
        self._collaboration = collaboration
        self._graphs = graphs
        self._catalog = catalog
        self._embedder = embedder
        self._clock = clock
        self._deadline_s = deadline_s
        self._bearer_token = bearer_token
        self._browsers = browsers
        self._exposition = exposition
        self._max_priority = max_priority
        self._queued = queued
        self._capture = capture
        self._console = console
        self._feedback = FeedbackRoute(verdicts or Verdicts(None, capture))

    def app(self) -> ASGIApp:
        """Return the ASGI application."""
        queued = self._queued
        outbox = (
            [
                Route("/v1/outbox/{key:path}", self._guarded(queued.show), methods=["GET"]),
                Route("/v1/outbox/{key:path}", self._guarded(queued.cancel), methods=["DELETE"]),
            ]
            if queued is not None
            else []
        )
        console = self._console.routes(self._guarded) if self._console is not None else []
        served = Starlette(
            routes=[
                *outbox,
                *console,
                Route("/v1/chat/completions", self._guarded(self._chat), methods=["POST"]),
                Route("/v1/completions", self._guarded(self._completion), methods=["POST"]),
                Route("/v1/embeddings", self._guarded(self._embeddings), methods=["POST"]),
                Route("/v1/feedback", self._guarded(self._feedback.take), methods=["POST"]),
                Route("/v1/models", self._guarded(self._models), methods=["GET"]),
                Route("/v1/models/{name:path}", self._guarded(self._model), methods=["GET"]),
                Route("/metrics", self._guarded(self._metrics), methods=["GET"]),
                Route("/healthz", _alive, methods=["GET"]),
            ]
        )
        return self._browsers.shown(served)

    def _guarded(self, handler: Handler) -> Handler:
        async def known(request: Request) -> Response:
            self._browsers.check(request)
            self._authenticate(request)
            return await handler(request)

        return guarded(known, error_body=error_body, logger=_logger)

    def _authenticate(self, request: Request) -> None:
        if self._bearer_token is None:
            return
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._bearer_token.encode()):
            raise KeyRefused("the bearer token is missing or wrong")

    async def _chat(self, request: Request) -> Response:
        body = await read_shape(request, ChatRequest)
        return await self._answer(request, body, "chat")

    async def _completion(self, request: Request) -> Response:
        body = await read_shape(request, CompletionRequest)
        return await self._answer(request, body, "text")

    async def _answer(
        self, request: Request, body: ChatRequest | CompletionRequest, kind: Kind
    ) -> Response:
        check_priority(body.leeward.priority, most=self._max_priority)
        tools, tool_choice = body.to_tools()
        choice = choice_of(body.model)
        most_choices = MAX_CHOICES if self._is_local(choice) else 1
        asked = CollaborationRequest(
            choice=choice,
            messages=body.to_messages(takes_tools=True),
            tools=tools,
            tool_choice=tool_choice,
            priority=body.leeward.priority,
            idempotency_key=idempotency_key(request),
            no_retry=body.leeward.no_retry,
            declared=body.leeward.label(),
            session_id=SessionId(body.leeward.session_id) if body.leeward.session_id else None,
            caller=body.leeward.session_id or _peer(request),
            sampling=body.sampling(most_choices=most_choices),
            deadline_s=self._deadline_s,
        )
        prefix = "chatcmpl" if kind == "chat" else "cmpl"
        envelope = Envelope(
            id=f"{prefix}-{uuid.uuid4().hex}",
            created=int(self._clock.now().timestamp()),
            model=body.model,
            kind=kind,
            top_logprobs=body.shown_alternatives,
        )
        headers = {"x-leeward-request-id": str(asked.request_id)}
        if (count := body.choices(most=most_choices)) > 1:
            return await self._several(request, body, asked, envelope, count, headers)
        events = self._collaboration.run(asked)
        if self._capture is not None and request.headers.get(_CONSENTS) == CONSENT:
            events = self._capture.following(asked, events)
        if not body.stream:
            return JSONResponse(
                await unless_gone(request, whole(events, envelope)), headers=headers
            )
        # Failures before the first text become an HTTP status; later ones an error event.
        plan, first = await unless_gone(request, first_answer(events))
        answer = sse(
            plan, first, events, envelope, with_usage=body.wants_usage, error_body=error_body
        )
        return _event_stream(answer, headers)

    async def _several(
        self,
        request: Request,
        body: ChatRequest | CompletionRequest,
        asked: CollaborationRequest,
        envelope: Envelope,
        count: int,
        headers: dict[str, str],
    ) -> Response:
        """Answer with several choices: a run for each, and the prompt computed once for all."""
        told = side_by_side(lambda choice: self._collaboration.run(_again(asked, choice)), count)
        if not body.stream:
            whole_body = whole_choices(told, envelope, count)
            return JSONResponse(await unless_gone(request, whole_body), headers=headers)
        before = await unless_gone(request, first_choice(told))
        events = choices_sse(
            before, told, envelope, count, with_usage=body.wants_usage, error_body=error_body
        )
        return _event_stream(events, headers)

    def _is_local(self, choice: GraphChoice) -> bool:
        """Whether one model of this device answers, so that asking it again sends nothing away."""
        if not isinstance(choice, PlainModel):
            return False
        model = self._catalog.model_by_name.get(choice.model)
        return model is not None and self._catalog.node_of(model).zone == "edge"

    async def _embeddings(self, request: Request) -> Response:
        body = await read_shape(request, EmbeddingRequest)
        asked = self._embedder.embed(
            ModelName(body.model),
            body.texts(),
            timeout_s=self._deadline_s,
            caller=_peer(request),
        )
        found = await unless_gone(request, asked)
        tokens = found.usage.prompt_tokens
        data = [
            {"object": "embedding", "index": index, "embedding": body.encoded(vector)}
            for index, vector in enumerate(found.vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": data, "model": body.model, "usage": usage})

    async def _models(self, _request: Request) -> Response:
        return JSONResponse({"object": "list", "data": self._known()})

    async def _model(self, request: Request) -> Response:
        name = request.path_params["name"]
        for known in self._known():
            if known["id"] == name:
                return JSONResponse(known)
        raise NotFound("no model or graph of that name; GET /v1/models lists them")

    def _known(self) -> list[dict[str, Any]]:
        """Return every graph and model, as OpenAI clients read them."""
        graphs = [(f"{PREFIX}{name}", "leeward") for name in (AUTO, *self._graphs.names())]
        owned = [(str(model.name), str(model.node)) for model in self._catalog.models]
        return [
            {"id": name, "object": "model", "created": 0, "owned_by": owner}
            for name, owner in (*graphs, *owned)
        ]

    async def _metrics(self, _request: Request) -> Response:
        return Response(self._exposition(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def _alive(_request: Request) -> Response:
    return JSONResponse({"status": "serving"})


def _event_stream(events: AsyncGenerator[str, None], headers: dict[str, str]) -> Response:
    return StreamingResponse(
        events,
        media_type="text/event-stream",
        headers=headers | {"cache-control": "no-store"},
    )


def _again(asked: CollaborationRequest, choice: int) -> CollaborationRequest:
    """Return a request as one of its choices asks it: with a seed and a key of its own, if any."""
    if not choice:
        return asked
    sampling, key = asked.sampling, asked.idempotency_key
    if sampling.seed is not None:
        sampling = replace(sampling, seed=(sampling.seed + choice) % _SEEDS)
    return replace(
        asked,
        sampling=sampling,
        idempotency_key=f"{key}/{choice}" if key else key,
        request_id=RequestId(uuid.uuid4().hex),
    )


def _peer(request: Request) -> str:
    """Name the connection: all that is known of a caller who names no session."""
    return f"{request.client.host}:{request.client.port}" if request.client else ""
