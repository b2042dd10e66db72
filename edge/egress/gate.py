"""The gate: where content passes, one call at a time.

In this order: the policy's clearance, a scan of everything that would leave, a durable ledger
entry, and only then the bytes.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from runtime.clock import Clock
from runtime.codec.inference import generate_payload
from runtime.codec.ledger import reference_to
from runtime.errors import GateRefused, LeewardError, PolicyViolation
from runtime.labels import join
from runtime.ledger.record import ContentPassage, Destination, Outcome
from runtime.ledger.writer import LedgerWriter
from runtime.policy.model import Policy, Zone
from runtime.ports import Chunk, GenerateRequest, TextDelta
from runtime.rpc.inference_client import InferenceClient
from runtime.sentinel.scan import Sentinel

__all__ = ["Gate"]


class Gate:
    """The ``ModelPort`` of a cloud node, as the edge's executor sees it."""

    def __init__(
        self,
        client: InferenceClient,
        destination: Destination,
        *,
        zone: Zone,
        policy: Policy,
        policy_hash: str,
        sentinel: Sentinel,
        ledger: LedgerWriter,
        clock: Clock,
    ) -> None:
        self._client = client
        self._destination = destination
        self._zone = zone
        self._policy = policy
        self._policy_hash = policy_hash
        self._sentinel = sentinel
        self._ledger = ledger
        self._clock = clock

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Let a call pass, or refuse it."""
        node = self._destination.node
        if not self._policy.may_receive(node, self._zone, request.label):
            raise PolicyViolation(f"{request.label} is above the clearance of {node}")
        await self._scan(request)
        passage = self._passage(request)
        head = await self._ledger.append(passage)
        started_s = self._clock.monotonic_s()
        received_bytes = 0
        status = "cancelled"
        try:
            calls = self._client.generate(request, ledger=reference_to(head))
            async with aclosing(calls) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, TextDelta):
                        received_bytes += len(chunk.text.encode())
                        yield chunk
                    else:
                        status = chunk.finish_reason.value
                        yield replace(chunk, ledger_position=head.position)
        except LeewardError as error:
            status = type(error).__name__
            raise
        finally:
            duration_s = self._clock.monotonic_s() - started_s
            self._ledger.note(Outcome(head.position, status, received_bytes, duration_s))

    async def _scan(self, request: GenerateRequest) -> None:
        sampling = request.sampling
        texts = [turn.content for turn in request.messages]
        texts += [*sampling.stop, sampling.grammar, sampling.json_schema]
        scans = [await self._sentinel.scan(text) for text in texts if text]
        label = join(scan.label for scan in scans)
        node = self._destination.node
        if not self._policy.may_receive(node, self._zone, label):
            raise GateRefused(f"the gate's own scan found {label}, above the clearance of {node}")

    def _passage(self, request: GenerateRequest) -> ContentPassage:
        where = request.provenance
        if where is None:
            raise GateRefused("a call without provenance does not pass")
        payload = generate_payload(request)
        removed = frozenset(c for record in where.releases for c in record.categories)
        return ContentPassage(
            destination=self._destination,
            model=request.model,
            request_id=where.request_id,
            session_id=where.session_id,
            plan_id=where.plan_id,
            step_id=where.step_id,
            graph=where.graph,
            label_before=replace(request.label, categories=request.label.categories | removed),
            label=request.label,
            releases=where.releases,
            payload_digest=self._ledger.payload_digest(payload),
            payload_bytes=len(payload),
            policy_hash=self._policy_hash,
        )
