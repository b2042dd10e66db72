"""Count what runs do and how the daemon stands, for ``/metrics``. Content-free."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from prometheus_client import CollectorRegistry, generate_latest

from edge.engine.traffic import CallAccount
from edge.status import StatusBoard
from runtime.errors import LeewardError
from runtime.executor.events import (
    Event,
    ReceiptStep,
    ReleaseApplied,
    RunFinished,
    StepFellBack,
    StepFinished,
)
from runtime.ids import ModelName
from runtime.telemetry.metrics import Metrics

__all__ = ["EdgeMetrics"]


class EdgeMetrics:
    """The edge's metrics: counted from events as they pass, gauges read when asked."""

    def __init__(self, board: StatusBoard) -> None:
        self._board = board
        self._metrics = Metrics(CollectorRegistry())

    async def counted(
        self, graph: str, events: AsyncGenerator[Event, None]
    ) -> AsyncGenerator[Event, None]:
        """Pass a run's events on, counting them; a run that fails is counted by its failure."""
        outcome = "cancelled"
        try:
            async with aclosing(events):
                async for event in events:
                    self._take(event)
                    if isinstance(event, RunFinished):
                        outcome = "answered"
                        self._metrics.observe(
                            "leeward_run_seconds", graph, value=event.receipt.latency_s
                        )
                    yield event
        except LeewardError as error:
            outcome = type(error).__name__
            raise
        finally:
            self._metrics.count("leeward_runs_total", graph, outcome)

    def call_ended(self, model: ModelName, account: CallAccount) -> None:
        """Count a call of one of this device's own models, whoever made it."""
        count = self._metrics.count
        count("leeward_engine_calls_total", model, account.outcome)
        computed = account.prompt_tokens - account.cached_tokens
        for kind, tokens in (
            ("prompt", computed),
            ("cached", account.cached_tokens),
            ("completion", account.completion_tokens),
        ):
            count("leeward_engine_tokens_total", model, kind, by=tokens)
        wrong = account.guessed_tokens - account.right_guesses
        for outcome, tokens in (("right", account.right_guesses), ("wrong", wrong)):
            count("leeward_engine_guessed_tokens_total", model, outcome, by=tokens)
        for stage, seconds in account.stages_s.items():
            count("leeward_engine_stage_seconds_total", model, stage, by=seconds)
        if account.first_token_s is not None:
            self._metrics.observe(
                "leeward_engine_first_token_seconds", model, value=account.first_token_s
            )

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        status = self._board.status()
        gauge = self._metrics.set_gauge
        gauge("leeward_ledger_position_count", to=status.ledger_head.position)
        for node in status.nodes:
            gauge("leeward_node_reachable_ratio", node.node, to=float(node.is_reachable))
        for model in status.models:
            gauge("leeward_engine_restarts_count", model.name, to=model.restarts)
            gauge("leeward_engine_open_calls_count", model.name, to=model.open_calls)
            gauge("leeward_engine_memory_bytes", model.name, to=model.memory_bytes)
            slots = model.facts.slots if model.facts else 0
            gauge("leeward_engine_slots_count", model.name, to=slots)
            gauge("leeward_engine_running_calls_count", model.name, to=model.traffic.running)
            gauge("leeward_engine_waiting_calls_count", model.name, to=model.traffic.waiting)
        if status.certificate_expires_at is not None:
            ends = status.certificate_expires_at.timestamp()
            gauge("leeward_certificate_expiry_timestamp_seconds", to=ends)
        return generate_latest(self._metrics.registry)

    def _take(self, event: Event) -> None:
        match event:
            case ReleaseApplied(record):
                self._metrics.count("leeward_released_spans_total", record.by, by=record.spans)
            case StepFellBack():
                self._metrics.count("leeward_fallbacks_total", event.error)
            case StepFinished():
                self._step(event.receipt)
            case _:
                pass

    def _step(self, step: ReceiptStep) -> None:
        where, usage, count = (step.node, step.model), step.usage, self._metrics.count
        count("leeward_steps_total", *where)
        self._metrics.observe("leeward_step_seconds", *where, value=step.latency_s)
        self._metrics.observe("leeward_first_token_seconds", *where, value=step.first_token_s)
        count("leeward_tokens_total", *where, "prompt", by=usage.prompt_tokens)
        count("leeward_tokens_total", *where, "completion", by=usage.completion_tokens)
        count("leeward_cost_usd_total", *where, by=usage.cost_usd)
        if step.ledger_positions:
            count("leeward_passages_total", step.node, by=len(step.ledger_positions))
