"""``leeward.v1.Admin``: local administration of the daemon."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Any, Final

import grpc

from edge.egress.pulling import PullProgress, Pulls
from edge.feedback.verdicts import Verdicts
from edge.models.record import StoredModel
from edge.models.source import check_digest
from edge.privacy.approvals import Approvals
from edge.residency.resident import ResidentModels
from edge.servicers.approvals import decide_approval, list_approvals
from edge.servicers.feedback import take_feedback
from edge.servicers.queued import QueuedRuns
from edge.servicers.status import encode_model, encode_status
from edge.status import StatusBoard
from leeward.v1 import admin_pb2 as pb
from leeward.v1 import admin_pb2_grpc as pb_grpc
from runtime.codec.ledger import encode_ledger_entry
from runtime.ids import ModelName
from runtime.ledger.entry import Entry
from runtime.ledger.read import read_entries
from runtime.rpc.boundary import error_boundary

__all__ = ["AdminServicer"]

Context = grpc.aio.ServicerContext[Any, Any]
_BATCH: Final = 256


class AdminServicer(pb_grpc.AdminServicer):
    """Serves administrators on the device itself."""

    def __init__(
        self,
        *,
        models: ResidentModels,
        board: StatusBoard,
        ledger: Path,
        approvals: Approvals,
        pulls: Pulls,
        queued: QueuedRuns,
        verdicts: Verdicts,
    ) -> None:
        self._models = models
        self._board = board
        self._ledger = ledger
        self._approvals = approvals
        self._pulls = pulls
        self._queued = queued
        self._verdicts = verdicts

    async def GetStatus(
        self, request: pb.GetStatusRequest, context: Context
    ) -> pb.GetStatusResponse:
        """Say how the daemon stands."""
        async with error_boundary(context, "Admin.GetStatus"):
            answer = encode_status(self._board.status())
            answer.pending_approvals = len(self._approvals.pending())
            return answer

    async def LoadModel(
        self, request: pb.LoadModelRequest, context: Context
    ) -> pb.LoadModelResponse:
        """Load a configured model."""
        async with error_boundary(context, "Admin.LoadModel"):
            status = await self._models.load(ModelName(request.model))
            return pb.LoadModelResponse(status=encode_model(status))

    async def UnloadModel(
        self, request: pb.UnloadModelRequest, context: Context
    ) -> pb.UnloadModelResponse:
        """Let a model's calls end, then free its memory."""
        async with error_boundary(context, "Admin.UnloadModel"):
            status = await self._models.unload(ModelName(request.model))
            return pb.UnloadModelResponse(status=encode_model(status))

    async def ExportLedger(
        self, request: pb.ExportLedgerRequest, context: Context
    ) -> AsyncIterator[pb.ExportLedgerResponse]:
        """Stream the ledger's entries, oldest first."""
        async with error_boundary(context, "Admin.ExportLedger"):
            entries = read_entries(self._ledger, first_position=request.from_position)
            while batch := await asyncio.to_thread(_take, entries):
                for entry in batch:
                    yield pb.ExportLedgerResponse(entry=encode_ledger_entry(entry))

    async def PullModel(
        self, request: pb.PullModelRequest, context: Context
    ) -> AsyncIterator[pb.PullModelResponse]:
        """Fetch a model into the store."""
        async with error_boundary(context, "Admin.PullModel"):
            steps = self._pulls.pull(
                request.source, name=request.model, sha256=check_digest(request.sha256)
            )
            async with aclosing(steps):
                async for step in steps:
                    yield _encode_pull(step)

    async def ListApprovals(
        self, request: pb.ListApprovalsRequest, context: Context
    ) -> pb.ListApprovalsResponse:
        """List the requests that wait for a person."""
        async with error_boundary(context, "Admin.ListApprovals"):
            return list_approvals(self._approvals)

    async def DecideApproval(
        self, request: pb.DecideApprovalRequest, context: Context
    ) -> pb.DecideApprovalResponse:
        """Say yes or no to one of them."""
        async with error_boundary(context, "Admin.DecideApproval"):
            return await decide_approval(self._approvals, request)

    async def ListQueued(
        self, request: pb.ListQueuedRequest, context: Context
    ) -> pb.ListQueuedResponse:
        """List the requests that wait for the cloud, or have lately."""
        async with error_boundary(context, "Admin.ListQueued"):
            return await self._queued.listed()

    async def GiveFeedback(
        self, request: pb.GiveFeedbackRequest, context: Context
    ) -> pb.GiveFeedbackResponse:
        """Take what a caller says of an answer."""
        async with error_boundary(context, "Admin.GiveFeedback"):
            return await take_feedback(self._verdicts, request)


def _take(entries: Iterator[Entry]) -> list[Entry]:
    return list(islice(entries, _BATCH))


def _encode_pull(step: PullProgress | StoredModel) -> pb.PullModelResponse:
    if isinstance(step, PullProgress):
        progress = pb.PullProgress(received_bytes=step.received_bytes, total_bytes=step.total_bytes)
        return pb.PullModelResponse(progress=progress)
    stored = pb.ModelStatus(
        model=step.name,
        state=pb.MODEL_STATE_UNLOADED,
        file_bytes=step.size_bytes,
        sha256=step.record.sha256 if step.record else "",
    )
    return pb.PullModelResponse(finished=stored)
