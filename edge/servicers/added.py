"""Every gRPC service of the daemon, put onto its server."""

from pathlib import Path

import grpc

from edge.config import EdgeConfig
from edge.egress.pulling import Pulls
from edge.feedback.verdicts import Verdicts
from edge.outbox.opened import Queue
from edge.privacy.approvals import Approvals
from edge.residency.resident import ResidentModels
from edge.residency.tensors import ResidentTensors
from edge.servicers.admin import AdminServicer
from edge.servicers.collaboration import CollaborationServicer
from edge.servicers.inference import InferenceServicer
from edge.servicers.open_inference import OpenInferenceServicer
from edge.servicers.queued import QueuedRuns
from edge.status import StatusBoard
from inference_v2 import open_inference_pb2, open_inference_pb2_grpc
from leeward.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    collaboration_pb2,
    collaboration_pb2_grpc,
    inference_pb2,
    inference_pb2_grpc,
)
from runtime.catalog.model import Catalog

__all__ = ["SERVICES", "add_services"]

SERVICES = (
    admin_pb2.DESCRIPTOR.services_by_name["Admin"].full_name,
    collaboration_pb2.DESCRIPTOR.services_by_name["Collaboration"].full_name,
    inference_pb2.DESCRIPTOR.services_by_name["Inference"].full_name,
    open_inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name,
)
"""Their full names, for health and reflection."""


def add_services(
    server: grpc.aio.Server,
    config: EdgeConfig,
    *,
    ledger: Path,
    catalog: Catalog,
    models: ResidentModels,
    queue: Queue,
    board: StatusBoard,
    approvals: Approvals,
    pulls: Pulls,
    verdicts: Verdicts,
) -> None:
    """Put every service of the daemon onto its server."""
    timeout_s = config.request_timeout_s
    queued = QueuedRuns(queue.outbox, queue.sender)
    admin_pb2_grpc.add_AdminServicer_to_server(
        AdminServicer(
            models=models,
            board=board,
            ledger=ledger,
            approvals=approvals,
            pulls=pulls,
            queued=queued,
            verdicts=verdicts,
        ),
        server,
    )
    collaboration_pb2_grpc.add_CollaborationServicer_to_server(
        CollaborationServicer(
            queue.runs, queued, default_timeout_s=timeout_s, max_priority=config.max_priority
        ),
        server,
    )
    inference_pb2_grpc.add_InferenceServicer_to_server(
        InferenceServicer(
            models,
            catalog=catalog,
            node=config.name,
            default_timeout_s=timeout_s,
            max_priority=config.max_priority,
        ),
        server,
    )
    open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(
        OpenInferenceServicer(ResidentTensors(models), default_timeout_s=timeout_s), server
    )
