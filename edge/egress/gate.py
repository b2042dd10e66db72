"""The gate: where content passes, one call at a time.

In this order: label and releases against the policy, a scan of every string that would leave, a
durable ledger entry, and only then the bytes. A step that fails ends the call with nothing sent.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Container
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from edge.egress.admission import Admission
from runtime.clock import Clock
from runtime.codec.inference import encode_generate_request, generate_payload
from runtime.codec.ledger import reference_to
from runtime.errors import GateRefused, LedgerUnavailable, LeewardError, RequestInvalid
from runtime.ids import SessionId, StepId, is_minted
from runtime.labels import Label
from runtime.ledger.entry import Head
from runtime.ledger.record import ContentPassage, Destination, Outcome
from runtime.ledger.writer import LedgerWriter
from runtime.policy.model import Policy, Zone
from runtime.ports import Chunk, GenerateRequest, Provenance, TextDelta
from runtime.rpc.inference_client import InferenceClient
from runtime.sentinel.scan import Sentinel

__all__ = ["Gate"]

_logger: Final = logging.getLogger("leeward.edge.gate")


def _nothing(where: Provenance) -> Collection[str]:
    """Return what a request without surrogates has issued."""
    return ()


class Gate:
    """The ``ModelPort`` of a cloud node, as the edge's executor sees it.

    Args:
        client: Speaks to the node.
        destination: The node, as policy and ledger name it.
        zone: Where it stands.
        policy: What it may receive.
        policy_hash: Names the policy in the ledger.
        sentinel: Scans what would leave.
        ledger: Records it first.
        clock: Times the calls.
        issued: Tells which surrogates stand for originals of the request that a call belongs to.
            Those strings are read as the placeholders that they are; no others.
        known_names: Names of graphs and steps that this node's own documents give. Others came with
            a request, and leave as pseudonyms.
    """

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
        issued: Callable[[Provenance], Collection[str]] = _nothing,
        known_names: Container[str] = (),
    ) -> None:
        self._client = client
        self._destination = destination
        self._policy_hash = policy_hash
        self._ledger = ledger
        self._clock = clock
        self._issued = issued
        self._known_names = known_names
        self._admission = Admission(destination.node, zone, policy=policy, sentinel=sentinel)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Let a call pass, or refuse it.

        Raises:
            PolicyViolation: Its label or a release is not allowed towards this node.
            GateRefused: Something in it should have been released, or could not be scanned.
            LedgerUnavailable: It could not be recorded.
            LeewardError: Whatever the node reported; the content has left then.
        """
        where = self._admission.check_claims(request)
        issued = self._issued(where)
        # Whom the caller goes before on this device is nobody's business elsewhere.
        request = replace(request, provenance=self._without_chosen_session(where), priority=0)
        message = encode_generate_request(request)
        found = await self._admission.check_strings(message, where.releases, issued=issued)
        sent = self._without_chosen_names(request)
        # The client encodes the same request again, and adds the ledger reference alone.
        payload = generate_payload(sent)
        head = await self._record(request, found, payload)
        async with aclosing(self._passed(sent, head, len(payload))) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _passed(
        self, request: GenerateRequest, head: Head, payload_bytes: int
    ) -> AsyncGenerator[Chunk, None]:
        started_s = self._clock.monotonic_s()
        received_bytes = 0
        status = "abandoned"
        try:
            calls = self._client.generate(request, ledger=reference_to(head))
            async with aclosing(calls) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, TextDelta):
                        received_bytes += len(chunk.text.encode())
                        yield chunk
                    else:
                        status = chunk.finish_reason.value
                        yield replace(
                            chunk, ledger_position=head.position, payload_bytes=payload_bytes
                        )
        except LeewardError as error:
            status = type(error).__name__
            # The receipt shows that content left.
            error.ledger_position, error.payload_bytes = head.position, payload_bytes
            raise
        finally:
            duration_s = self._clock.monotonic_s() - started_s
            self._note(Outcome(head.position, status, received_bytes, duration_s))

    async def _record(self, request: GenerateRequest, found: Label, payload: bytes) -> Head:
        where = request.provenance
        if where is None:
            raise GateRefused("a call without provenance does not pass")
        removed = Label(frozenset(name for record in where.releases for name in record.categories))
        label = request.label.join(found)
        passage = ContentPassage(
            destination=self._destination,
            model=request.model,
            request_id=where.request_id,
            session_id=where.session_id,
            plan_id=where.plan_id,
            step_id=where.step_id,
            graph=where.graph,
            label_before=label.join(removed),
            label=label,
            releases=where.releases,
            payload_digest=self._ledger.payload_digest(payload),
            payload_bytes=len(payload),
            policy_hash=self._policy_hash,
        )
        try:
            return await self._ledger.append(passage)
        except RequestInvalid as error:
            raise GateRefused("a name in the call could be content") from error

    def _without_chosen_session(self, where: Provenance) -> Provenance:
        """Replace a session name that an application chose: it may say who the session is with."""
        if not where.session_id or is_minted(where.session_id):
            return where
        return replace(where, session_id=SessionId(self._pseudonym("session", where.session_id)))

    def _without_chosen_names(self, request: GenerateRequest) -> GenerateRequest:
        """Replace names of a graph that came with a request: they may say what it is about."""
        where = request.provenance
        if where is None:
            return request
        step = self._known_or_pseudonym(where.step_id)
        key = request.idempotency_key
        if is_minted(key):  # the request's id, the step, which of its calls
            key = "/".join(step if part == where.step_id else part for part in key.split("/"))
        graph = self._known_or_pseudonym(where.graph)
        where = replace(where, graph=graph, step_id=StepId(step))
        return replace(request, provenance=where, idempotency_key=key)

    def _known_or_pseudonym(self, name: str) -> str:
        return name if not name or name in self._known_names else self._pseudonym("name", name)

    def _pseudonym(self, what: str, name: str) -> str:
        """Return what is the same for the same name, and tells nobody else which: it is keyed."""
        keyed = self._ledger.payload_digest(f"{what}\n{name}".encode())
        return hashlib.sha256(keyed).hexdigest()[:32]

    def _note(self, outcome: Outcome) -> None:
        try:
            self._ledger.note(outcome)
        except LedgerUnavailable as error:
            # The passage itself is recorded; the next one will be refused.
            _logger.warning("outcome_not_recorded", extra={"error": type(error).__name__})
