"""From what an HTTP caller sent to a call of the gateway's core."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from cloud.cache.wishes import cache_wish
from cloud.calls import Caller, EmbedCall, GenerateCall
from cloud.collaboration import run_id
from runtime.collaboration.collaboration import CollaborationRequest
from runtime.collaboration.graphs import GraphChoice
from runtime.errors import RequestInvalid
from runtime.http.wire import ChatRequest, CompletionRequest, EmbeddingRequest
from runtime.ids import ModelName, PlanId, RequestId, SessionId, StepId
from runtime.ports import EmbedRequest, GenerateRequest, Provenance, Sampling
from runtime.rpc.deadlines import MAX_TIMEOUT_S
from runtime.telemetry.tracing import extract

__all__ = ["Asking", "FrontDefaults", "embed_call", "generate_call", "run_request"]

IDEMPOTENCY_HEADER: Final = "idempotency-key"
TIMEOUT_HEADER: Final = "x-leeward-timeout-s"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")
_NUMBER: Final = re.compile(r"\d{1,6}(\.\d{1,6})?")


@dataclass(frozen=True, slots=True)
class FrontDefaults:
    """What a request gets that does not say."""

    timeout_s: float = 120.0
    """Time for the whole answer, seconds."""
    max_tokens: int = 1024
    """Longest answer. Budgets reserve for it, so it is never without bound."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One HTTP request: who sent it, and what its head says."""

    caller: Caller
    request_id: RequestId
    headers: Mapping[str, str]

    def timeout_s(self, defaults: FrontDefaults) -> float:
        """Return how long the caller waits, seconds.

        Raises:
            RequestInvalid: Its header is not a number of seconds.
        """
        given = self.headers.get(TIMEOUT_HEADER)
        if given is None:
            return defaults.timeout_s
        seconds = float(given) if _NUMBER.fullmatch(given) else math.nan
        if not 0 < seconds <= MAX_TIMEOUT_S:
            reason = f"must be a number of seconds above 0, at most {MAX_TIMEOUT_S:g}"
            raise RequestInvalid(reason, field=TIMEOUT_HEADER)
        return seconds

    @property
    def idempotency_key(self) -> str:
        """The key by which a call that is sent again is known; empty for none.

        Raises:
            RequestInvalid: It is not 1 to 128 visible ASCII characters.
        """
        given = self.headers.get(IDEMPOTENCY_HEADER)
        if given is None:
            return ""
        if not _KEY.fullmatch(given):
            raise RequestInvalid(
                "must be 1 to 128 visible ASCII characters", field=IDEMPOTENCY_HEADER
            )
        return given

    @property
    def provenance(self) -> Provenance:
        """Where a call of one plain model comes from: no plan, no graph."""
        return Provenance(
            self.request_id, SessionId(self.request_id), PlanId(""), StepId(""), graph=""
        )


def generate_call(
    asking: Asking, body: ChatRequest | CompletionRequest, defaults: FrontDefaults
) -> GenerateCall:
    """Return the call that a body asks for.

    Raises:
        RequestInvalid: Something in it cannot be served as sent; names the field.
        NotImplementedYet: It asks for what is not served.
    """
    _refuse_priority(body)
    # OpenAI's own default: who sends no temperature does not ask for greedy answers.
    sampling = replace(Sampling(), temperature=1.0, max_tokens=defaults.max_tokens)
    tools, tool_choice = body.to_tools()
    return GenerateCall(
        asking.caller,
        GenerateRequest(
            model=ModelName(body.model),
            messages=body.to_messages(takes_tools=True),
            sampling=body.sampling().applied_to(sampling),
            tools=tools,
            tool_choice=tool_choice,
            label=body.leeward.label(),
            provenance=asking.provenance,
            idempotency_key=asking.idempotency_key,
            timeout_s=asking.timeout_s(defaults),
        ),
        cache=cache_wish(asking.headers.items()),
        trace=extract(asking.headers),
    )


def run_request(
    asking: Asking,
    body: ChatRequest | CompletionRequest,
    choice: GraphChoice,
    defaults: FrontDefaults,
) -> CollaborationRequest:
    """Return the run that a body asks for.

    Raises:
        RequestInvalid: Something in it cannot be served as sent; names the field.
        NotImplementedYet: It asks for what is not served.
    """
    _refuse_priority(body)
    session = body.leeward.session_id
    return CollaborationRequest(
        choice=choice,
        messages=body.to_messages(),
        declared=body.leeward.label(),
        session_id=SessionId(session) if session else None,
        sampling=body.sampling(),
        deadline_s=asking.timeout_s(defaults),
        caller=asking.caller.id,
        request_id=run_id(asking.caller, asking.idempotency_key) or asking.request_id,
    )


def embed_call(asking: Asking, body: EmbeddingRequest, defaults: FrontDefaults) -> EmbedCall:
    """Return the call that a body asks for.

    Raises:
        RequestInvalid: Something in it cannot be served as sent; names the field.
        NotImplementedYet: It asks for what is not served.
    """
    return EmbedCall(
        asking.caller,
        EmbedRequest(
            model=ModelName(body.model),
            texts=tuple(body.texts()),
            label=body.leeward.label(),
            provenance=asking.provenance,
            timeout_s=asking.timeout_s(defaults),
        ),
        trace=extract(asking.headers),
    )


def _refuse_priority(body: ChatRequest | CompletionRequest) -> None:
    if body.leeward.priority:
        raise RequestInvalid("is for the models of a device", field="leeward.priority")
