"""A run's events to and from the messages of its stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from leeward.v1 import collaboration_pb2 as pb
from runtime.codec import bounds
from runtime.codec.chat import (
    decode_logprobs,
    decode_tool_calls,
    decode_tool_pieces,
    encode_logprobs,
    encode_tool_calls,
    encode_tool_pieces,
)
from runtime.codec.enums import FINISH_REASONS, FORMS, ZONES
from runtime.codec.label import decode_label, decode_release, encode_label, encode_release
from runtime.codec.plan import decode_plan, encode_plan
from runtime.codec.receipt import (
    decode_receipt,
    decode_receipt_step,
    encode_receipt,
    encode_receipt_step,
)
from runtime.errors import RequestInvalid
from runtime.executor.events import (
    AnswerDelta,
    AnswerFinished,
    Event,
    ReleaseApplied,
    RunFinished,
    RunPlanned,
    StepDelta,
    StepFellBack,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from runtime.ids import ModelName, NodeName, StepId

__all__ = ["decode_answer", "decode_event", "encode_answer", "encode_event"]


@bounds.encodable()
def encode_event(event: Event) -> pb.RunResponse:
    """Return the message of an event."""
    return _ENCODERS[type(event)](event)


def decode_event(message: pb.RunResponse) -> Event:
    """Return the event of a message; one that this version does not know is refused."""
    kind = message.WhichOneof("event")
    if kind is None:
        raise RequestInvalid("is not a known event", field="event")
    return _DECODERS[kind](getattr(message, kind))


def _encode_run_planned(event: RunPlanned) -> pb.RunResponse:
    return pb.RunResponse(run_planned=pb.RunPlanned(plan=encode_plan(event.plan)))


def _encode_release_applied(event: ReleaseApplied) -> pb.RunResponse:
    return pb.RunResponse(
        release_applied=pb.ReleaseApplied(
            record=encode_release(event.record), step=event.step or ""
        )
    )


def _encode_step_started(event: StepStarted) -> pb.RunResponse:
    return pb.RunResponse(
        step_started=pb.StepStarted(
            step=event.step,
            node=event.node,
            model=event.model,
            zone=ZONES.encode(event.zone),
            form=FORMS.encode(event.form),
            label=encode_label(event.label),
        )
    )


def _encode_step_delta(event: StepDelta) -> pb.RunResponse:
    return pb.RunResponse(step_delta=pb.StepDelta(step=event.step, text=event.text))


def _encode_step_finished(event: StepFinished) -> pb.RunResponse:
    return pb.RunResponse(
        step_finished=pb.StepFinished(
            step=event.step,
            text=event.text,
            label=encode_label(event.label),
            receipt=encode_receipt_step(event.receipt),
        )
    )


def _encode_step_skipped(event: StepSkipped) -> pb.RunResponse:
    return pb.RunResponse(step_skipped=pb.StepSkipped(step=event.step))


def _encode_step_fell_back(event: StepFellBack) -> pb.RunResponse:
    return pb.RunResponse(
        step_fell_back=pb.StepFellBack(
            step=event.step, error=event.error, node=event.node, model=event.model
        )
    )


def _encode_answer_delta(event: AnswerDelta) -> pb.RunResponse:
    return pb.RunResponse(
        answer_delta=pb.AnswerDelta(
            text=event.text,
            logprobs=encode_logprobs(event.logprobs),
            tool_calls=encode_tool_pieces(event.tool_calls),
        )
    )


def _encode_answer_finished(event: AnswerFinished) -> pb.RunResponse:
    return pb.RunResponse(answer_finished=encode_answer(event))


def encode_answer(event: AnswerFinished) -> pb.AnswerFinished:
    """Return the message of a whole answer."""
    return pb.AnswerFinished(
        text=event.text,
        finish_reason=FINISH_REASONS.encode(event.finish_reason),
        label=encode_label(event.label),
        tool_calls=encode_tool_calls(event.tool_calls),
    )


def _encode_run_finished(event: RunFinished) -> pb.RunResponse:
    return pb.RunResponse(run_finished=pb.RunFinished(receipt=encode_receipt(event.receipt)))


_ENCODERS: Final[Mapping[type[Event], Callable[[Any], pb.RunResponse]]] = {
    RunPlanned: _encode_run_planned,
    ReleaseApplied: _encode_release_applied,
    StepStarted: _encode_step_started,
    StepDelta: _encode_step_delta,
    StepFinished: _encode_step_finished,
    StepSkipped: _encode_step_skipped,
    StepFellBack: _encode_step_fell_back,
    AnswerDelta: _encode_answer_delta,
    AnswerFinished: _encode_answer_finished,
    RunFinished: _encode_run_finished,
}


def _decode_run_planned(message: pb.RunPlanned) -> RunPlanned:
    return RunPlanned(decode_plan(message.plan))


def _decode_release_applied(message: pb.ReleaseApplied) -> ReleaseApplied:
    step = bounds.optional_name(message.step, "step")
    return ReleaseApplied(
        record=decode_release(message.record, "record"), step=StepId(step) if step else None
    )


def _decode_step_started(message: pb.StepStarted) -> StepStarted:
    return StepStarted(
        step=_step(message.step),
        node=NodeName(bounds.name(message.node, "node")),
        model=ModelName(bounds.name(message.model, "model")),
        zone=ZONES.decode(message.zone, "zone"),
        form=FORMS.decode(message.form, "form"),
        label=decode_label(message.label, "label"),
    )


def _decode_step_delta(message: pb.StepDelta) -> StepDelta:
    return StepDelta(step=_step(message.step), text=bounds.text(message.text, "text"))


def _decode_step_finished(message: pb.StepFinished) -> StepFinished:
    return StepFinished(
        step=_step(message.step),
        text=bounds.text(message.text, "text"),
        label=decode_label(message.label, "label"),
        receipt=decode_receipt_step(message.receipt, "receipt"),
    )


def _decode_step_skipped(message: pb.StepSkipped) -> StepSkipped:
    return StepSkipped(step=_step(message.step))


def _decode_step_fell_back(message: pb.StepFellBack) -> StepFellBack:
    return StepFellBack(
        step=_step(message.step),
        error=bounds.name(message.error, "error"),
        node=NodeName(bounds.name(message.node, "node")),
        model=ModelName(bounds.name(message.model, "model")),
    )


def _decode_answer_delta(message: pb.AnswerDelta) -> AnswerDelta:
    return AnswerDelta(
        text=bounds.text(message.text, "text"),
        logprobs=decode_logprobs(message.logprobs),
        tool_calls=decode_tool_pieces(message.tool_calls, "tool_calls"),
    )


def decode_answer(message: pb.AnswerFinished) -> AnswerFinished:
    """Return the whole answer of a message."""
    return AnswerFinished(
        text=bounds.text(message.text, "text"),
        finish_reason=FINISH_REASONS.decode(message.finish_reason, "finish_reason"),
        label=decode_label(message.label, "label"),
        tool_calls=decode_tool_calls(message.tool_calls, "tool_calls"),
    )


def _decode_run_finished(message: pb.RunFinished) -> RunFinished:
    return RunFinished(decode_receipt(message.receipt))


def _step(name: str) -> StepId:
    return StepId(bounds.name(name, "step"))


_DECODERS: Final[Mapping[str, Callable[[Any], Event]]] = {
    "run_planned": _decode_run_planned,
    "release_applied": _decode_release_applied,
    "step_started": _decode_step_started,
    "step_delta": _decode_step_delta,
    "step_finished": _decode_step_finished,
    "step_skipped": _decode_step_skipped,
    "step_fell_back": _decode_step_fell_back,
    "answer_delta": _decode_answer_delta,
    "answer_finished": decode_answer,
    "run_finished": _decode_run_finished,
}
