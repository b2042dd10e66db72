"""What each route of the HTTP front does with a request that is authenticated and read.

Each is a context in which the response it yields is sent: leaving it early cancels the call.
"""

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from cloud.cache.wishes import CACHE_KEY
from cloud.calls import Caller
from cloud.collaboration import GatewayGraphs
from cloud.front.answers import sse, whole
from cloud.front.asking import Asking, FrontDefaults, embed_call, generate_call, run_request
from cloud.front.refusal import error_body
from cloud.serving import Serving
from runtime.clock import Clock
from runtime.collaboration.graphs import PREFIX, GraphChoice, PlainModel, choice_of
from runtime.errors import NotFound, StreamBroken
from runtime.http.answers import first_answer
from runtime.http.answers import sse as run_sse
from runtime.http.answers import whole as run_whole
from runtime.http.body import parse_shape
from runtime.http.envelope import Envelope, Kind
from runtime.http.streams import EventStream
from runtime.http.wire import ChatRequest, CompletionRequest, EmbeddingRequest
from runtime.ids import NodeName

__all__ = ["REQUEST_HEADER", "Endpoints"]

REQUEST_HEADER: Final = "x-leeward-request-id"
_PREFIX: Final = {"chat": "chatcmpl", "text": "cmpl"}
_logger = logging.getLogger("leeward.cloud.front")


class Endpoints:
    """The routes under ``/v1``.

    Args:
        serving: Answers.
        graphs: Runs graphs.
        node: This gateway's name.
        clock: Dates the answers.
        defaults: What a request gets that does not say.
    """

    def __init__(
        self,
        serving: Serving,
        graphs: GatewayGraphs,
        *,
        node: NodeName,
        clock: Clock,
        defaults: FrontDefaults,
    ) -> None:
        self._serving = serving
        self._graphs = graphs
        self._node = node
        self._clock = clock
        self.defaults = defaults

    @asynccontextmanager
    async def chat(self, asking: Asking, body: bytes) -> AsyncIterator[ASGIApp]:
        """``POST /v1/chat/completions``."""
        async with self._answered(asking, parse_shape(body, ChatRequest), "chat") as response:
            yield response

    @asynccontextmanager
    async def completion(self, asking: Asking, body: bytes) -> AsyncIterator[ASGIApp]:
        """``POST /v1/completions``."""
        async with self._answered(asking, parse_shape(body, CompletionRequest), "text") as response:
            yield response

    @asynccontextmanager
    async def embeddings(self, asking: Asking, body: bytes) -> AsyncIterator[ASGIApp]:
        """``POST /v1/embeddings``."""
        asked = parse_shape(body, EmbeddingRequest)
        embedded = await self._serving.embed(embed_call(asking, asked, self.defaults))
        data = [
            {"object": "embedding", "index": index, "embedding": asked.encoded(vector)}
            for index, vector in enumerate(embedded.vectors)
        ]
        tokens = embedded.usage.prompt_tokens
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        yield JSONResponse(
            {"object": "list", "data": data, "model": asked.model, "usage": usage},
            headers={REQUEST_HEADER: asking.request_id},
        )

    @asynccontextmanager
    async def models(self, asking: Asking, _body: bytes) -> AsyncIterator[ASGIApp]:
        """``GET /v1/models``."""
        names = self._names(asking.caller)
        yield JSONResponse({"object": "list", "data": [self._model(name) for name in names]})

    @asynccontextmanager
    async def model(self, asking: Asking, name: str) -> AsyncIterator[ASGIApp]:
        """``GET /v1/models/{name}``."""
        if name not in self._names(asking.caller):
            raise NotFound("this caller may use no model of that name")
        yield JSONResponse(self._model(name))

    @asynccontextmanager
    async def _answered(
        self, asking: Asking, asked: ChatRequest | CompletionRequest, kind: Kind
    ) -> AsyncIterator[ASGIApp]:
        envelope = Envelope(
            id=f"{_PREFIX[kind]}-{uuid.uuid4().hex}",
            created=int(self._clock.now().timestamp()),
            model=asked.model,
            kind=kind,
            top_logprobs=asked.shown_alternatives,
        )
        choice = choice_of(asked.model)
        is_model = isinstance(choice, PlainModel)
        answered = (
            self._by_model(asking, asked, envelope)
            if is_model
            else self._by_graph(asking, asked, choice, envelope)
        )
        async with answered as response:
            yield response

    @asynccontextmanager
    async def _by_model(
        self, asking: Asking, asked: ChatRequest | CompletionRequest, envelope: Envelope
    ) -> AsyncIterator[ASGIApp]:
        call = generate_call(asking, asked, self.defaults)
        async with self._serving.answering(call) as answer:
            headers = {REQUEST_HEADER: asking.request_id, CACHE_KEY: answer.cache}
            if not asked.stream:
                yield JSONResponse(await whole(answer, envelope), headers=headers)
                return
            # Failures before the first text become an HTTP status; later ones an error event.
            first = await anext(answer.chunks, None)
            if first is None:
                raise StreamBroken("the answer ended without its completion")
            with_usage = asked.wants_usage
            events = sse(first, answer.chunks, envelope, with_usage=with_usage, logger=_logger)
            yield EventStream(events, headers)

    @asynccontextmanager
    async def _by_graph(
        self,
        asking: Asking,
        asked: ChatRequest | CompletionRequest,
        choice: GraphChoice,
        envelope: Envelope,
    ) -> AsyncIterator[ASGIApp]:
        request = run_request(asking, asked, choice, self.defaults)
        headers = {REQUEST_HEADER: request.request_id}
        async with aclosing(self._graphs.of(asking.caller).run(request)) as events:
            if not asked.stream:
                yield JSONResponse(await run_whole(events, envelope), headers=headers)
                return
            plan, first = await first_answer(events)
            texts = run_sse(
                plan,
                first,
                events,
                envelope,
                with_usage=asked.wants_usage,
                error_body=error_body,
            )
            yield EventStream(texts, headers)

    def _names(self, caller: Caller) -> list[str]:
        graphs = (f"{PREFIX}{name}" for name in self._graphs.names(caller))
        models = (route.model for route in self._serving.models.routes)
        return [*graphs, *(str(model) for model in models if caller.may_use(model))]

    def _model(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": 0, "owned_by": str(self._node)}
