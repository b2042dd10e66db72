"""Ask the daemon on this very device how it stands; loopback only, so nothing leaves."""

from typing import Any, Final

from edge.egress.door import open_local
from leeward.v1 import admin_pb2 as pb
from leeward.v1 import admin_pb2_grpc
from leeward.v1.zone_pb2 import Zone
from runtime.rpc.calls import read_answer

__all__ = ["read_status"]

_TIMEOUT_S: Final = 5.0


async def read_status(listen: str) -> dict[str, Any]:
    """Return the daemon's status as plain data.

    Raises:
        BackendUnavailable: No daemon answers at ``listen``.
        ConfigInvalid: ``listen`` is not a loopback address.
    """
    async with open_local(listen) as channel:
        stub = admin_pb2_grpc.AdminStub(channel)
        return await read_answer(stub.GetStatus(pb.GetStatusRequest(), timeout=_TIMEOUT_S), _plain)


def _plain(answer: pb.GetStatusResponse) -> dict[str, Any]:
    return {
        "node": answer.node,
        "version": answer.software_version,
        "device": answer.device_id,
        "uptime_s": answer.uptime_s,
        "ledger_position": answer.ledger_head.position,
        "models": [
            {
                "model": model.model,
                "state": pb.ModelState.Name(model.state).removeprefix("MODEL_STATE_").lower(),
                "context_tokens": model.context_tokens,
                "restarts": model.restarts,
                "last_error": model.last_error,
                "traffic": _traffic(model.traffic),
            }
            for model in answer.models
        ],
        "nodes": [
            {
                "node": node.node,
                "zone": Zone.Name(node.zone).removeprefix("ZONE_").lower(),
                "reachable": node.reachable,
            }
            for node in answer.nodes
        ],
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
