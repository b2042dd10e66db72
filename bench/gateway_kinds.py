"""Who calls what in ``bench.gateway``: one request, on five ways to the same upstream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from openai import AsyncOpenAI

from bench.gateway_call import NUMBER, Caller, Opener
from bench.gateway_grpc_load import GrpcCaller
from bench.gateway_http_load import HttpCaller
from bench.gateway_sdk_load import SdkCaller
from bench.gateway_world import Gateway, LiteLlm, Upstream
from runtime.codec.inference import encode_generate_request
from runtime.ids import ModelName, PlanId, RequestId, SessionId, StepId
from runtime.ports import ChatMessage, GenerateRequest, Provenance, Sampling

__all__ = [
    "DIRECT",
    "FLOOR",
    "GRPC",
    "HTTP",
    "LITELLM",
    "Kinds",
    "openers_of",
]

DIRECT: Final = "direct"
FLOOR: Final = "floor"
HTTP: Final = "http"
GRPC: Final = "grpc"
LITELLM: Final = "litellm"

_HOST: Final = "127.0.0.1"
_PATH: Final = "/v1/chat/completions"
_MARK: Final = NUMBER.decode()
_PROMPT: Final = f"Question {_MARK}. " + "What is the answer to the ultimate question? " * 8
_MAX_TOKENS: Final = 64


@dataclass(frozen=True, slots=True)
class Kinds:
    """The ways there are in this run."""

    upstream: Upstream
    sdk: AsyncOpenAI
    gateway: Gateway
    litellm: LiteLlm | None

    def names(self) -> tuple[str, ...]:
        """Return them, baselines first."""
        peer = (LITELLM,) if self.litellm is not None else ()
        return (DIRECT, FLOOR, HTTP, GRPC, *peer)

    def pid(self, name: str) -> int | None:
        """Return the process whose processor time a kind's calls cost; ``None``: this one."""
        if name in {HTTP, GRPC}:
            return self.gateway.pid
        return self.litellm.pid if name == LITELLM and self.litellm else None

    def opener(self, name: str, model: str, *, streams: bool = True) -> Opener:
        """Return what opens one more caller of a kind."""
        if name == FLOOR:
            return self._sdk_opener(openai_body(model, streams=streams))
        if name == GRPC:
            return grpc_opener(self.gateway, model)
        body = openai_body(model, streams=streams)
        if name == DIRECT:
            return http_opener(self.upstream.port, body)
        if name == LITELLM and self.litellm is not None:
            return http_opener(self.litellm.port, body, key=self.litellm.key)
        return gateway_http_opener(self.gateway, body)

    def _sdk_opener(self, body: dict[str, Any]) -> Opener:
        async def open_caller() -> Caller:
            return SdkCaller(self.sdk, body)

        return open_caller


def http_opener(port: int, body: dict[str, Any], *, key: str = "") -> Opener:
    """Return what connects one more caller to an OpenAI endpoint."""

    async def open_caller() -> Caller:
        return await HttpCaller(_PATH, body, key=key).open(_HOST, port)

    return open_caller


def gateway_http_opener(gateway: Gateway, body: dict[str, Any]) -> Opener:
    """Return what connects one more caller to the gateway's HTTP front."""
    return http_opener(gateway.http.port, body, key=gateway.http.key)


def grpc_opener(gateway: Gateway, model: str) -> Opener:
    """Return what connects one more caller to the gateway's gRPC front."""
    message = encode_generate_request(_request(model)).SerializeToString()
    authority = f"{_HOST}:{gateway.grpc_port}"

    async def open_caller() -> Caller:
        caller = GrpcCaller(message, authority=authority)
        return await caller.open(_HOST, gateway.grpc_port, gateway.tls)

    return open_caller


def openers_of(gateway: Gateway, model: str) -> list[Opener]:
    """Return what connects streaming callers to each front."""
    body = openai_body(model, streams=True)
    return [grpc_opener(gateway, model), gateway_http_opener(gateway, body)]


def openai_body(model: str, *, streams: bool) -> dict[str, Any]:
    """Return the request that every HTTP caller sends."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": _PROMPT},
        ],
        "temperature": 0.0,
        "max_tokens": _MAX_TOKENS,
    }
    if streams:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _request(model: str) -> GenerateRequest:
    """Return the same request as an edge's gate would send it."""
    # Ids of the form that edges draw, which the gateway does not scan for content.
    request_id = f"{'0' * 24}{_MARK}"
    where = Provenance(
        RequestId(request_id), SessionId("1" * 32), PlanId("2" * 32), StepId("s0"), graph="bench"
    )
    return GenerateRequest(
        ModelName(model),
        (ChatMessage("system", "Answer briefly."), ChatMessage("user", _PROMPT)),
        sampling=Sampling(max_tokens=_MAX_TOKENS),
        provenance=where,
        idempotency_key=f"{request_id}/s0/0",
        timeout_s=30.0,
    )
