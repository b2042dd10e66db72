"""How the daemon stands, as messages of ``leeward.v1.Admin``. Content-free."""

from collections.abc import Mapping
from typing import Final

from edge.engine.process import ModelState, ModelStatus
from edge.status import DaemonStatus, FleetStatus
from leeward.v1 import admin_pb2 as pb
from runtime.codec.enums import LEVELS, ZONES
from runtime.codec.ledger import encode_ledger_head

__all__ = ["encode_model", "encode_status"]

_STATES: Final[Mapping[ModelState, pb.ModelState.ValueType]] = {
    "unloaded": pb.MODEL_STATE_UNLOADED,
    "failed": pb.MODEL_STATE_FAILED,
    "loading": pb.MODEL_STATE_LOADING,
    "ready": pb.MODEL_STATE_SERVING,
    "restarting": pb.MODEL_STATE_RESTARTING,
    "unloading": pb.MODEL_STATE_UNLOADED,
}


def encode_status(status: DaemonStatus) -> pb.GetStatusResponse:
    """Return the daemon's status as its message; who waits for approval is added by the caller."""
    answer = pb.GetStatusResponse(
        node=status.node,
        software_version=status.version,
        device_id=status.device or "",
        models=[encode_model(model) for model in status.models],
        nodes=[
            pb.NodeStatus(
                node=node.node,
                zone=ZONES.encode(node.zone),
                reachable=node.is_reachable,
                round_trip_s=node.round_trip_s,
            )
            for node in status.nodes
        ],
        ledger_head=encode_ledger_head(status.ledger_head, status.device or ""),
        uptime_s=status.uptime_s,
        refused_by_gateway=status.is_refused,
        fleet=_encode_fleet(status.fleet),
        no_edge_plans=[
            pb.NoEdgePlan(graph=one.graph, level=LEVELS.encode(one.level), reason=one.reason)
            for one in status.no_edge_plans
        ],
    )
    if status.certificate_expires_at is not None:
        answer.certificate_expires_at.FromDatetime(status.certificate_expires_at)
    return answer


def _encode_fleet(fleet: FleetStatus | None) -> pb.FleetStatus | None:
    if fleet is None:
        return None
    answer = pb.FleetStatus(
        state=fleet.state,
        outcome=fleet.outcome,
        failure=fleet.failure,
        release=fleet.release,
        is_release_on_trial=fleet.is_release_on_trial,
        left_version=fleet.left_version,
        left_reason=fleet.left_reason,
    )
    if fleet.left_at is not None:
        answer.left_at.FromDatetime(fleet.left_at)
    return answer


def encode_model(status: ModelStatus) -> pb.ModelStatus:
    """Return a model's status as its message."""
    encoded = pb.ModelStatus(
        model=status.name,
        state=_STATES[status.state],
        file_bytes=status.facts.size_bytes if status.facts else 0,
        context_tokens=status.facts.context_tokens if status.facts else 0,
        restarts=status.restarts,
        last_error=status.last_failure,
        traffic=_encode_traffic(status),
        memory_bytes=status.memory_bytes,
    )
    if status.last_used_at is not None:
        encoded.last_used_at.FromDatetime(status.last_used_at)
    return encoded


def _encode_traffic(status: ModelStatus) -> pb.ModelTraffic | None:
    if status.facts is None:
        return None
    traffic = status.traffic
    return pb.ModelTraffic(
        slots=status.facts.slots,
        running=traffic.running,
        waiting=traffic.waiting,
        answered=traffic.answered,
        failed=traffic.failed,
        prompt_tokens=traffic.prompt_tokens,
        cached_tokens=traffic.cached_tokens,
        completion_tokens=traffic.completion_tokens,
        first_token_s=traffic.first_token_s,
    )
