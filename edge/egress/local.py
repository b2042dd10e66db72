"""Ask the daemon on this very device how it stands; loopback only, so nothing leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from edge.egress.door import open_local
from leeward.v1 import admin_pb2 as pb
from leeward.v1 import admin_pb2_grpc
from leeward.v1.label_pb2 import Level
from leeward.v1.zone_pb2 import Zone
from runtime.codec.moments import decode_moment
from runtime.errors import BackendUnavailable, CapacityExhausted, ModelInvalid, ModelTooLarge
from runtime.rpc.calls import read_answer

__all__ = ["load_model", "read_status", "status_to_data", "unload_model"]

_TIMEOUT_S: Final = 5.0
_LOAD_TIMEOUT_S: Final = 180.0
"""Longer than a daemon lets a model take."""


async def read_status(listen: str) -> dict[str, Any]:
    """Return the daemon's status as plain data.

    Raises:
        BackendUnavailable: No daemon answers at ``listen``.
        ConfigInvalid: ``listen`` is not a loopback address.
    """
    async with open_local(listen) as channel:
        stub = admin_pb2_grpc.AdminStub(channel)
        call = stub.GetStatus(pb.GetStatusRequest(), timeout=_TIMEOUT_S)
        try:
            return await read_answer(call, status_to_data)
        except BackendUnavailable:
            reason = f"no daemon answers at {listen}; start it with `leeward edge serve`"
            raise BackendUnavailable(f"{reason}, or say where it listens with --address") from None


async def load_model(listen: str, model: str) -> dict[str, Any]:
    """Have the daemon bring a model into memory; return how it stands.

    Raises:
        LeewardError: As the daemon refuses; its reason, where it gives one in its status.
    """
    async with _explained(listen, model) as stub:
        call = stub.LoadModel(pb.LoadModelRequest(model=model), timeout=_LOAD_TIMEOUT_S)
        return await read_answer(call, lambda answer: _model(answer.status))


async def unload_model(listen: str, model: str) -> dict[str, Any]:
    """Have the daemon free a model's memory; return how it stands.

    Raises:
        NotFound: It is not loaded.
        LeewardError: As the daemon refuses.
    """
    async with _explained(listen, model) as stub:
        call = stub.UnloadModel(pb.UnloadModelRequest(model=model), timeout=_LOAD_TIMEOUT_S)
        return await read_answer(call, lambda answer: _model(answer.status))


@asynccontextmanager
async def _explained(listen: str, model: str) -> AsyncIterator[admin_pb2_grpc.AdminAsyncStub]:
    """Reach the daemon; a refusal gets the reason that its status gives: a refusal carries none.

    Raises:
        BackendUnavailable: No daemon answers at ``listen``, or it cannot serve the model now.
    """
    async with open_local(listen) as channel:
        try:
            yield admin_pb2_grpc.AdminStub(channel)
        except (ModelInvalid, ModelTooLarge, CapacityExhausted, BackendUnavailable) as error:
            status = await read_status(listen)
            reasons = [one["last_error"] for one in status["models"] if one["model"] == model]
            raise type(error)(next(filter(None, reasons), str(error))) from None


def status_to_data(answer: pb.GetStatusResponse) -> dict[str, Any]:
    """Return a status as plain data, as ``leeward edge status --json`` and the console show it."""
    return {
        "node": answer.node,
        "version": answer.software_version,
        "device": answer.device_id,
        "certificate_expires_at": _moment(answer),
        "refused_by_gateway": answer.refused_by_gateway,
        "uptime_s": answer.uptime_s,
        "ledger_position": answer.ledger_head.position,
        "fleet": _fleet(answer.fleet) if answer.HasField("fleet") else None,
        "no_edge_plans": [
            {
                "graph": one.graph,
                "level": Level.Name(one.level).removeprefix("LEVEL_").lower(),
                "reason": one.reason,
            }
            for one in answer.no_edge_plans
        ],
        "models": [_model(model) for model in answer.models],
        "nodes": [
            {
                "node": node.node,
                "zone": Zone.Name(node.zone).removeprefix("ZONE_").lower(),
                "reachable": node.reachable,
            }
            for node in answer.nodes
        ],
    }


def _moment(answer: pb.GetStatusResponse) -> str | None:
    if not answer.HasField("certificate_expires_at"):
        return None
    return decode_moment(answer.certificate_expires_at, "certificate_expires_at").isoformat()


def _fleet(fleet: pb.FleetStatus) -> dict[str, Any]:
    left_at = decode_moment(fleet.left_at, "left_at") if fleet.HasField("left_at") else None
    return {
        "state": fleet.state,
        "outcome": fleet.outcome,
        "failure": fleet.failure,
        "release": fleet.release,
        "release_on_trial": fleet.is_release_on_trial,
        "left_version": fleet.left_version,
        "left_reason": fleet.left_reason,
        "left_at": left_at.isoformat() if left_at else None,
    }


def _model(model: pb.ModelStatus) -> dict[str, Any]:
    return {
        "model": model.model,
        "state": pb.ModelState.Name(model.state).removeprefix("MODEL_STATE_").lower(),
        "context_tokens": model.context_tokens,
        "memory_bytes": model.memory_bytes,
        "restarts": model.restarts,
        "last_error": model.last_error,
        "traffic": _traffic(model.traffic),
    }


def _traffic(traffic: pb.ModelTraffic) -> dict[str, float]:
    return {
        name: getattr(traffic, name)
        for name in (
            "slots",
            "running",
            "waiting",
            "answered",
            "failed",
            "prompt_tokens",
            "cached_tokens",
            "completion_tokens",
            "first_token_s",
        )
    }
