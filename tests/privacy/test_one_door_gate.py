"""Promises 3 and 4 at the gate, against a real server on loopback that looks at the ledger.

Every test asks the same question: what did the other side get, and was it in the ledger before?
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from edge.egress.gate import Gate
from leeward.v1 import inference_pb2 as pb
from leeward.v1 import inference_pb2_grpc as pb_grpc
from runtime.clock import SystemClock
from runtime.codec.inference import encode_chunk
from runtime.errors import (
    BackendUnavailable,
    GateRefused,
    LedgerUnavailable,
    LeewardError,
    PolicyViolation,
)
from runtime.ids import Category, ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import PUBLIC, Label, Level
from runtime.ledger.keys import load_secret
from runtime.ledger.read import read_entries
from runtime.ledger.record import ContentPassage, Destination, Outcome
from runtime.ledger.verify import Anchor, verify_ledger
from runtime.ledger.writer import LedgerWriter
from runtime.policy.model import Policy, ReleaseKind, ReleaseRule
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    Provenance,
    ReleaseRecord,
    Sampling,
    TextDelta,
)
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.inference_client import InferenceClient
from runtime.rpc.servers import bind, new_server
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.span import Span
from runtime.sentinel.tagger.model import BUILT_IN

NODE = NodeName("cloud")
SECRETS = {
    "phone": "+48 601 234 567",
    "email": "anna.kowalska@example.com",
    "card": "4111 1111 1111 1111",
    "api_key": "AKIAIOSFODNN7EXAMPLE",
    "person": "Patient Anna Kowalska",
}
POLICY = Policy(
    categories={
        Category("person"): Level.CONFIDENTIAL,
        Category("contact"): Level.CONFIDENTIAL,
        Category("finance"): Level.CONFIDENTIAL,
        Category("health"): Level.RESTRICTED,
        Category("secret"): Level.RESTRICTED,
        Category("project_name"): Level.INTERNAL,
    },
    clearance={"edge": Level.RESTRICTED, "cloud": Level.INTERNAL},
    releases=(
        ReleaseRule(
            frozenset({Category("person"), Category("contact")}), "cloud", ReleaseKind.REDACT
        ),
        ReleaseRule(frozenset({Category("contact")}), "cloud", ReleaseKind.APPROVAL),
    ),
)


@dataclass(slots=True)
class Seen:
    """One call as the server got it, and what the ledger file held at that moment."""

    message: pb.GenerateRequest
    ledger_bytes: bytes


@dataclass(slots=True)
class Recorder(pb_grpc.InferenceServicer):
    """A gateway that reads the edge's ledger the moment a call arrives."""

    ledger: Path
    seen: list[Seen] = field(default_factory=list)
    chunks: Sequence[Chunk] = (TextDelta("42"), Completion(FinishReason.STOP))

    async def Generate(
        self, request: pb.GenerateRequest, context: Any
    ) -> AsyncIterator[pb.GenerateResponse]:
        files = sorted(self.ledger.glob("*.jsonl"))
        self.seen.append(Seen(request, b"".join(file.read_bytes() for file in files)))
        for chunk in self.chunks:
            yield encode_chunk(chunk)


class _Broken:
    """A detector that fails."""

    name = "broken"
    kinds = frozenset[str]()

    def detect(self, text: str) -> list[Span]:
        raise ZeroDivisionError(text)


@dataclass(slots=True)
class House:
    """A gate with everything real behind it."""

    gate: Gate
    server: Recorder
    ledger: LedgerWriter
    directory: Path
    channel: grpc.aio.Channel

    def gate_with(self, detectors: Sequence[Any]) -> Gate:
        return _gate(self.channel, self.ledger, Sentinel(detectors))

    async def call(self, request: GenerateRequest) -> list[Chunk]:
        async with aclosing(self.gate.generate(request)) as chunks:
            return [chunk async for chunk in chunks]

    async def refusal(self, request: GenerateRequest) -> LeewardError:
        with pytest.raises(LeewardError) as refused:
            await self.call(request)
        assert self.server.seen == []
        assert not [e for e in read_entries(self.directory) if _is_content(e.record)]
        return refused.value


def _is_content(record: object) -> bool:
    return isinstance(record, ContentPassage)


def _gate(
    channel: grpc.aio.Channel, ledger: LedgerWriter, sentinel: Sentinel, *issued: str
) -> Gate:
    return Gate(
        InferenceClient(channel),
        Destination(NODE, "127.0.0.1:1"),
        zone="cloud",
        policy=POLICY,
        policy_hash="ab12",
        sentinel=sentinel,
        ledger=ledger,
        clock=SystemClock(),
        issued=lambda where: issued,
        known_names=("known", "near"),
    )


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    directory = tmp_path / "ledger"
    recorder = Recorder(directory)
    server = new_server(max_concurrent_rpcs=16)
    pb_grpc.add_InferenceServicer_to_server(recorder, server)
    port = bind(server, "127.0.0.1:0", tls=None)
    await server.start()
    ledger = LedgerWriter.open(directory, clock=SystemClock())
    settings = ChannelSettings(target=f"127.0.0.1:{port}", tls=None)
    try:
        async with open_channel(settings) as channel:
            gate = _gate(channel, ledger, Sentinel(default_detectors()))
            yield House(gate, recorder, ledger, directory, channel)
    finally:
        await ledger.close()
        await server.stop(0)


def _request(content: str = "How much is 6 times 7?", **changes: Any) -> GenerateRequest:
    request = GenerateRequest(
        model=ModelName("gannet-m"),
        messages=(ChatMessage("user", content),),
        provenance=Provenance(
            request_id=RequestId("0" * 32),
            session_id=SessionId("1" * 32),
            plan_id=PlanId("2" * 32),
            step_id=StepId("far"),
            graph="ask-cloud",
        ),
        timeout_s=10,
    )
    return replace(request, **changes)


def _from(request: GenerateRequest, **changes: Any) -> GenerateRequest:
    assert request.provenance is not None
    return replace(request, provenance=replace(request.provenance, **changes))


async def test_a_public_call_passes_and_its_answer_names_the_ledger_position(
    house: House,
) -> None:
    chunks = await house.call(_request())

    assert chunks[0] == TextDelta("42")
    assert isinstance(chunks[-1], Completion)
    assert chunks[-1].ledger_position == 1
    assert [entry.kind.value for entry in read_entries(house.directory)][:2] == ["open", "content"]


async def test_the_entry_is_in_the_file_before_the_other_side_sees_a_byte(house: House) -> None:
    for _ in range(5):
        await house.call(_request())

    for seen in house.server.seen:
        copy = house.directory.parent / "seen"
        copy.mkdir(exist_ok=True)
        (copy / "000000000000.jsonl").write_bytes(seen.ledger_bytes)
        for name in ("ledger-public.pem", "ledger-secret.key"):
            (copy / name).write_bytes((house.directory / name).read_bytes())
            (copy / name).chmod(0o600)
        reference = seen.message.ledger
        report = verify_ledger(copy, anchor=Anchor(reference.position, reference.head_mac))
        assert report.is_intact
        passages = {
            entry.position: entry.record
            for entry in read_entries(copy)
            if isinstance(entry.record, ContentPassage)
        }
        assert passages[reference.position].request_id == seen.message.provenance.request_id


async def test_the_digest_is_keyed_and_of_the_very_bytes_that_left(house: House) -> None:
    await house.call(_request())

    (seen,) = house.server.seen
    payload = pb.GenerateRequest()
    payload.CopyFrom(seen.message)
    payload.ClearField("ledger")
    data = payload.SerializeToString(deterministic=True)
    record = next(e.record for e in read_entries(house.directory) if _is_content(e.record))
    secret = load_secret(house.directory)
    assert secret is not None
    assert isinstance(record, ContentPassage)
    assert record.payload_bytes == len(data)
    assert record.payload_digest == hmac.digest(secret.digest_key, data, "sha256")
    assert record.payload_digest != hashlib.sha256(data).digest()


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize(
    "place",
    ["user", "system", "assistant", "stop", "grammar", "json_schema", "key", "begun", "draft"],
)
async def test_a_planted_secret_is_refused_wherever_it_stands(
    house: House, secret: str, place: str
) -> None:
    request = _request()
    if place == "stop":
        request = replace(request, sampling=Sampling(stop=("end", secret)))
    elif place == "grammar":
        request = replace(request, sampling=Sampling(grammar=f'root ::= "{secret}"'))
    elif place == "json_schema":
        request = replace(request, sampling=Sampling(json_schema=f'{{"const": "{secret}"}}'))
    elif place == "key":
        request = replace(request, idempotency_key=secret)
    elif place in {"begun", "draft"}:
        request = replace(request, **{place: f"It is {secret}, and"})
    else:
        messages = (ChatMessage(place, f"{secret} has 3 tablets."), *request.messages)
        request = replace(request, messages=messages)

    error = await house.refusal(request)

    assert isinstance(error, GateRefused)
    assert secret not in str(error)


async def test_a_label_above_the_clearance_is_refused(house: House) -> None:
    error = await house.refusal(_request(label=Label.of("person")))

    assert isinstance(error, PolicyViolation)


@pytest.mark.parametrize("label", [Label.of("never_listed"), Label.of("unsure")])
async def test_an_unknown_category_is_refused(house: House, label: Label) -> None:
    assert isinstance(await house.refusal(_request(label=label)), PolicyViolation)


async def test_a_label_at_the_clearance_passes(house: House) -> None:
    await house.call(_request(label=Label.of("project_name")))

    record = next(e.record for e in read_entries(house.directory) if _is_content(e.record))
    assert isinstance(record, ContentPassage)
    assert record.label == Label.of("project_name")


async def test_token_numbers_could_spell_content_and_do_not_pass(house: House) -> None:
    biased = replace(_request(), sampling=Sampling(logit_bias=((42, 5.0),)))

    assert isinstance(await house.refusal(biased), GateRefused)


async def test_a_call_without_provenance_is_refused(house: House) -> None:
    assert isinstance(await house.refusal(_request(provenance=None)), GateRefused)


async def test_a_release_that_no_rule_allows_is_refused(house: House) -> None:
    for record in (
        ReleaseRecord("redact", (Category("health"),), 1),
        ReleaseRecord("approval", (Category("person"),)),
        ReleaseRecord("magic", (Category("person"),)),
    ):
        request = _from(_request(), releases=(record,))

        assert isinstance(await house.refusal(request), PolicyViolation)


async def test_redacted_text_passes_and_the_ledger_says_what_was_removed(house: House) -> None:
    release = ReleaseRecord("redact", (Category("contact"), Category("person")), 2)
    request = _request("Patient <PERSON_1> (phone <PHONE_1>) has 3 tablets, takes 2. How many?")

    await house.call(_from(request, releases=(release,)))

    record = next(e.record for e in read_entries(house.directory) if _is_content(e.record))
    assert isinstance(record, ContentPassage)
    assert record.label == PUBLIC
    assert record.label_before == Label.of("contact", "person")
    assert record.releases == (release,)


async def test_an_approved_category_may_be_found_and_no_other(house: House) -> None:
    approved = ReleaseRecord("approval", (Category("contact"),))
    fine = _from(_request(f"Call {SECRETS['phone']}"), releases=(approved,))
    both = _from(
        _request(f"Call {SECRETS['phone']} about card {SECRETS['card']}"), releases=(approved,)
    )

    assert isinstance(await house.refusal(both), GateRefused)
    await house.call(fine)

    record = next(e.record for e in read_entries(house.directory) if _is_content(e.record))
    assert isinstance(record, ContentPassage)
    assert record.label == Label.of("contact")


async def test_a_redaction_does_not_excuse_what_it_left_behind(house: House) -> None:
    release = ReleaseRecord("redact", (Category("contact"),), 1)
    request = _from(_request(f"Call {SECRETS['phone']}"), releases=(release,))

    assert isinstance(await house.refusal(request), GateRefused)


@pytest.mark.parametrize(
    ("content", "passes"),
    [
        ("Patient Quellimar (contact1@example.com) takes 2.", True),
        ("Patient B. Quellimar takes 2.", False),
        ("Patient QUELLIMAR's mother takes 2.", True),
        ("Patient Vandoveth takes 2.", False),
        ("Write to contact2@example.com.", False),
        ("Patient Quellimar Kowalska, anna.kowalska@example.com", False),
        ("Write to anna.contact1@example.com", False),
    ],
)
async def test_surrogates_pass_where_they_were_issued_in_this_request_and_no_others(
    house: House, content: str, passes: bool
) -> None:
    house.gate = _gate(
        house.channel,
        house.ledger,
        Sentinel(default_detectors()),
        *("Quellimar", "contact1@example.com"),
    )

    if passes:
        await house.call(_request(content))
        assert house.server.seen
    else:
        assert isinstance(await house.refusal(_request(content)), GateRefused)


async def test_without_surrogates_in_the_request_their_form_is_no_pass(house: House) -> None:
    refused = await house.refusal(_request("Patient Quellimar (contact1@example.com) takes 2."))

    assert isinstance(refused, GateRefused)


async def test_a_failing_detector_is_refused(house: House) -> None:
    house.gate = house.gate_with([_Broken()])

    error = await house.refusal(_request())

    assert isinstance(error, GateRefused)
    assert "broken" in str(error)


async def test_a_failing_ledger_is_refused(house: House) -> None:
    await house.ledger.close()

    assert isinstance(await house.refusal(_request()), LedgerUnavailable)


async def test_a_session_name_that_an_application_chose_does_not_leave(house: House) -> None:
    for session in ("anna.kowalska", "Anna Kowalska", "anna.kowalska"):
        await house.call(_from(_request(), session_id=SessionId(session)))

    sent = [seen.message.provenance.session_id for seen in house.server.seen]
    assert sent[0] == sent[2] != sent[1]
    ledger = b"".join(seen.ledger_bytes for seen in house.server.seen)
    assert b"owalska" not in ledger
    assert all(b"owalska" not in seen.message.SerializeToString() for seen in house.server.seen)


async def test_names_of_a_graph_that_came_with_a_request_do_not_leave(house: House) -> None:
    request_id = RequestId("0" * 32)
    for graph, step in (("anna-kowalska", "visit"), ("known", "anna-kowalska"), ("known", "near")):
        key = f"{request_id}/{step}/0"
        where = {"request_id": request_id, "graph": graph, "step_id": StepId(step)}
        await house.call(_from(_request(idempotency_key=key), **where))

    names = [_names_of(seen.message) for seen in house.server.seen]
    inline, step_of_its_own, known = names
    assert known == ("known", "near", f"{request_id}/near/0")
    assert step_of_its_own[0] == "known"
    assert inline[2] == f"{request_id}/{inline[1]}/0"
    assert inline[0] == step_of_its_own[1]
    assert all(b"kowalska" not in seen.message.SerializeToString() for seen in house.server.seen)


def _names_of(message: pb.GenerateRequest) -> tuple[str, str, str]:
    where = message.provenance
    return where.graph, where.step_id, message.idempotency_key


async def test_a_models_name_is_no_persons_to_the_sentinels_model(house: House) -> None:
    house.gate = house.gate_with(default_detectors(model=BUILT_IN))

    for model in ("claude-sonnet", "mistral-large-latest", "gannet-m"):
        await house.call(_request(model=ModelName(model)))

    assert len(house.server.seen) == 3


async def test_a_name_that_could_be_content_is_refused(house: House) -> None:
    for request in (
        _from(_request(), request_id=RequestId("Anna Kowalska")),
        _from(_request(), graph="two words"),
        _from(_request(), step_id=StepId("+48601234567")),
        _request(label=Label.of("Anna Kowalska")),
        _request(idempotency_key="two words"),
        _request(model=ModelName("4111111111111111")),
    ):
        assert isinstance(await house.refusal(request), GateRefused | PolicyViolation)


async def test_how_a_passage_ended_is_recorded(house: House) -> None:
    await house.call(_request())
    house.server.chunks = (TextDelta("4"),)
    with pytest.raises(LeewardError):
        await house.call(_request())
    async with aclosing(house.gate.generate(_request())) as chunks:
        await anext(chunks)
    await house.ledger.close()

    outcomes = [
        entry.record for entry in read_entries(house.directory) if isinstance(entry.record, Outcome)
    ]
    assert [(outcome.status, outcome.received_bytes) for outcome in outcomes] == [
        ("stop", 2),
        ("StreamBroken", 1),
        ("abandoned", 1),
    ]
    assert verify_ledger(house.directory).is_intact


async def test_a_passage_towards_a_dead_gateway_is_recorded_and_fails_by_name(
    house: House,
) -> None:
    async with open_channel(ChannelSettings(target="127.0.0.1:1", tls=None)) as channel:
        house.gate = _gate(channel, house.ledger, Sentinel(default_detectors()))

        with pytest.raises(BackendUnavailable):
            await house.call(_request())


async def test_neither_ledger_nor_log_holds_content(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "zanzibar quokka"

    await house.call(_request(f"Say {canary}"))
    with pytest.raises(GateRefused):
        await house.call(_request(f"Say {canary} to {SECRETS['email']}"))
    await house.ledger.close()

    files = b"".join(f.read_bytes() for f in house.directory.iterdir() if f.is_file())
    assert b"zanzibar" not in files
    assert "zanzibar" not in str([vars(record) for record in caplog.records])
