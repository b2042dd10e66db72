"""A request as plain data, so that it can be kept; and back.

Everything that an application said, and the id under which its calls are known beyond this device.
What belongs to the moment (deadline, connection) is not kept.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from runtime.collaboration.collaboration import CollaborationRequest
from runtime.collaboration.graphs import Auto, GraphChoice, Inline, Named, PlainModel
from runtime.errors import RequestInvalid
from runtime.graph.document import dump_graph, graph_from_data
from runtime.ids import ModelName, RequestId, SessionId
from runtime.labels import Label
from runtime.ports import ChatMessage, SamplingOverrides, ToolCall, ToolDefinition

__all__ = ["from_form", "is_same_request", "to_form"]

_TUPLES = ("stop", "logit_bias")
_NAMES_ONE_SENDING = ("request_id", "priority", "no_retry")


def to_form(request: CollaborationRequest) -> dict[str, Any]:
    """Return a request as what JSON can hold."""
    return {
        "request_id": request.request_id,
        "choice": _choice_form(request.choice),
        "messages": [asdict(turn) for turn in request.messages],
        "declared": list(request.declared.names()),
        "session_id": request.session_id,
        "sampling": {
            name: value for name, value in asdict(request.sampling).items() if value is not None
        },
        "priority": request.priority,
        "tools": [asdict(tool) for tool in request.tools],
        "tool_choice": request.tool_choice,
        "no_retry": request.no_retry,
    }


def from_form(form: Mapping[str, Any], *, key: str, deadline_s: float) -> CollaborationRequest:
    """Return the request of a form.

    Args:
        form: As :func:`to_form` made it, perhaps by an older version.
        key: The idempotency key under which it is kept.
        deadline_s: How long it may take now, seconds.

    Raises:
        RequestInvalid: The form is damaged.
        GraphInvalid: The graph in it cannot run any more.
    """
    try:
        return CollaborationRequest(
            choice=_choice(form["choice"]),
            messages=tuple(_turn(turn) for turn in form["messages"]),
            declared=Label.of(*form["declared"]),
            session_id=SessionId(form["session_id"]) if form["session_id"] else None,
            sampling=_sampling(form["sampling"]),
            deadline_s=deadline_s,
            caller=form["session_id"] or f"outbox/{form['request_id']}",
            priority=form["priority"],
            tools=tuple(ToolDefinition(**tool) for tool in form["tools"]),
            tool_choice=form["tool_choice"],
            idempotency_key=key,
            no_retry=form["no_retry"],
            request_id=RequestId(form["request_id"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RequestInvalid("the kept request is damaged") from error


def is_same_request(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two forms ask the same, whenever they were sent."""
    return _asked(one) == _asked(other)


def _asked(form: Mapping[str, Any]) -> str:
    """As text: JSON knows no tuples, and one of the two may have been kept as JSON."""
    asked = {name: value for name, value in form.items() if name not in _NAMES_ONE_SENDING}
    return json.dumps(asked, sort_keys=True)


def _choice_form(choice: GraphChoice) -> dict[str, Any]:
    match choice:
        case Named(name):
            return {"graph": name}
        case Inline(graph):
            return {"document": dump_graph(graph)}
        case PlainModel(model):
            return {"model": model}
        case Auto():
            return {"auto": True}


def _choice(form: Mapping[str, Any]) -> GraphChoice:
    match form:
        case {"graph": str(name)}:
            return Named(name)
        case {"document": document}:
            return Inline(graph_from_data(document))
        case {"model": str(name)}:
            return PlainModel(ModelName(name))
        case {"auto": True}:
            return Auto()
        case _:
            raise ValueError("unknown choice")


def _turn(form: Mapping[str, Any]) -> ChatMessage:
    calls = tuple(ToolCall(**call) for call in form["tool_calls"])
    return ChatMessage(form["role"], form["content"], calls, form["tool_call_id"])


def _sampling(form: Mapping[str, Any]) -> SamplingOverrides:
    known = {item.name for item in fields(SamplingOverrides)}
    values = {name: value for name, value in form.items() if name in known}
    for name in _TUPLES:
        if name in values:
            values[name] = tuple(
                tuple(item) if isinstance(item, list | tuple) else item for item in values[name]
            )
    return SamplingOverrides(**values)
