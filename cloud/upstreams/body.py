"""A call as the JSON body that providers take.

What is not in OpenAI's API is sent only when asked for: llama.cpp, vLLM and SGLang take it.
"""

import json
from typing import Any, Final

from cloud.upstreams.model import Capabilities
from runtime.errors import RequestInvalid
from runtime.ports import TOOL_CHOICES, ChatMessage, GenerateRequest, Sampling, ToolDefinition

__all__ = ["completion_body", "generate_body", "with_prefix"]

_NEUTRAL_PENALTY: Final = 1.0


def generate_body(
    request: GenerateRequest, upstream_model: str, capabilities: Capabilities
) -> dict[str, Any]:
    """Return the body of a streamed chat completion.

    Raises:
        RequestInvalid: A schema is no JSON.
    """
    body: dict[str, Any] = {
        "model": upstream_model,
        "messages": [_turn(turn) for turn in request.messages],
        "stream": True,
        capabilities.limit_field: request.sampling.max_tokens,
        **_options(request.sampling, capabilities),
    }
    if request.sampling.json_schema:
        body["response_format"] = _format(request.sampling.json_schema, capabilities)
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        body["tool_choice"] = _choice(request.tool_choice)
        if not request.sampling.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    if capabilities.stream_usage:
        body["stream_options"] = {"include_usage": True}
    return body


def completion_body(
    request: GenerateRequest,
    prompt: str,
    upstream_model: str,
    capabilities: Capabilities,
    *,
    is_echoed: bool,
) -> dict[str, Any]:
    """Return the body of a completion of ``prompt``: streamed, or whole with the prompt echoed."""
    body: dict[str, Any] = {
        "model": upstream_model,
        "prompt": prompt,
        "max_tokens": request.sampling.max_tokens,
        **_options(request.sampling, capabilities),
    }
    if is_echoed:
        return {**body, "echo": True, "logprobs": 1}
    body["stream"] = True
    if capabilities.stream_usage:
        body["stream_options"] = {"include_usage": True}
    return body


def with_prefix(body: dict[str, Any], capabilities: Capabilities) -> dict[str, Any]:
    """Return ``body`` as a request to go on with its last turn, which the assistant began."""
    *before, turn = body["messages"]
    if capabilities.continuation in {"prefix", "prefix_echoed"}:
        return {**body, "messages": [*before, {**turn, "prefix": True}]}
    if capabilities.continuation == "final_message":
        return {**body, "continue_final_message": True, "add_generation_prompt": False}
    return body


def _options(sampling: Sampling, capabilities: Capabilities) -> dict[str, Any]:
    options: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    if sampling.seed is not None:
        options["seed"] = sampling.seed
    for name in ("frequency_penalty", "presence_penalty"):
        if penalty := getattr(sampling, name):
            options[name] = penalty
    if sampling.logit_bias:
        options["logit_bias"] = {str(token): bias for token, bias in sampling.logit_bias}
    if sampling.stop:
        options["stop"] = list(sampling.stop)
    if sampling.logprobs:
        options |= {"logprobs": True, "top_logprobs": sampling.logprobs}
    return options | _extensions(sampling, capabilities)


def _extensions(sampling: Sampling, capabilities: Capabilities) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if sampling.top_k:
        extra["top_k"] = sampling.top_k
    if sampling.min_p:
        extra["min_p"] = sampling.min_p
    if capabilities.repeat_penalty or sampling.repeat_penalty != _NEUTRAL_PENALTY:
        extra["repeat_penalty"] = sampling.repeat_penalty
    if sampling.grammar:
        extra["grammar"] = sampling.grammar
    return extra


def _turn(turn: ChatMessage) -> dict[str, Any]:
    written: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.tool_calls:
        written["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in turn.tool_calls
        ]
    if turn.tool_call_id:
        written["tool_call_id"] = turn.tool_call_id
    return written


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        function["parameters"] = _parsed(tool.parameters, "tools")
    return {"type": "function", "function": function}


def _choice(choice: str) -> Any:
    if choice in TOOL_CHOICES:
        return choice
    return {"type": "function", "function": {"name": choice}}


def _format(text: str, capabilities: Capabilities) -> dict[str, Any]:
    schema = _parsed(text, "sampling.json_schema")
    if capabilities.schema == "json_object":
        return {"type": "json_object", "schema": schema}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def _parsed(text: str, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestInvalid("the schema is no JSON", field=field) from error
