"""Promises 3 and 4 at the gate, against a real server on loopback that looks at the ledger.

Every test asks the same question: what did the other side get, and was it in the ledger before?
"""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from leeward.v1 import inference_pb2 as pb
from runtime.errors import (
    BackendUnavailable,
    GateRefused,
    LedgerUnavailable,
    LeewardError,
    PolicyViolation,
)
from runtime.ids import Category
from runtime.labels import PUBLIC, Label
from runtime.ledger.keys import load_secret
from runtime.ledger.read import read_entries
from runtime.ledger.record import ContentPassage, Outcome
from runtime.ledger.verify import Anchor, verify_ledger
from runtime.ports import (
    ChatMessage,
    Completion,
    ReleaseRecord,
    Sampling,
    TextDelta,
)
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel
from tests.privacy.gate_house import (
    SECRETS,
    Broken,
    House,
    gate_of,
    is_content,
    request_of,
    running_gate,
    with_origin,
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running_gate(tmp_path) as running:
        yield running


async def test_a_public_call_passes_and_its_answer_names_the_ledger_position(
    house: House,
) -> None:
    chunks = await house.call(request_of())

    assert chunks[0] == TextDelta("42")
    assert isinstance(chunks[-1], Completion)
    assert chunks[-1].ledger_position == 1
    assert [entry.kind.value for entry in read_entries(house.directory)][:2] == ["open", "content"]


async def test_the_entry_is_in_the_file_before_the_other_side_sees_a_byte(house: House) -> None:
    for _ in range(5):
        await house.call(request_of())

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
    await house.call(request_of())

    (seen,) = house.server.seen
    payload = pb.GenerateRequest()
    payload.CopyFrom(seen.message)
    payload.ClearField("ledger")
    data = payload.SerializeToString(deterministic=True)
    record = next(e.record for e in read_entries(house.directory) if is_content(e.record))
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
    request = request_of()
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
    error = await house.refusal(request_of(label=Label.of("person")))

    assert isinstance(error, PolicyViolation)


@pytest.mark.parametrize("label", [Label.of("never_listed"), Label.of("unsure")])
async def test_an_unknown_category_is_refused(house: House, label: Label) -> None:
    assert isinstance(await house.refusal(request_of(label=label)), PolicyViolation)


async def test_a_label_at_the_clearance_passes(house: House) -> None:
    await house.call(request_of(label=Label.of("project_name")))

    record = next(e.record for e in read_entries(house.directory) if is_content(e.record))
    assert isinstance(record, ContentPassage)
    assert record.label == Label.of("project_name")


async def test_token_numbers_could_spell_content_and_do_not_pass(house: House) -> None:
    biased = replace(request_of(), sampling=Sampling(logit_bias=((42, 5.0),)))

    assert isinstance(await house.refusal(biased), GateRefused)


async def test_a_call_without_provenance_is_refused(house: House) -> None:
    assert isinstance(await house.refusal(request_of(provenance=None)), GateRefused)


async def test_a_release_that_no_rule_allows_is_refused(house: House) -> None:
    for record in (
        ReleaseRecord("redact", (Category("health"),), 1),
        ReleaseRecord("approval", (Category("person"),)),
        ReleaseRecord("magic", (Category("person"),)),
    ):
        request = with_origin(request_of(), releases=(record,))

        assert isinstance(await house.refusal(request), PolicyViolation)


async def test_redacted_text_passes_and_the_ledger_says_what_was_removed(house: House) -> None:
    release = ReleaseRecord("redact", (Category("contact"), Category("person")), 2)
    request = request_of("Patient <PERSON_1> (phone <PHONE_1>) has 3 tablets, takes 2. How many?")

    await house.call(with_origin(request, releases=(release,)))

    record = next(e.record for e in read_entries(house.directory) if is_content(e.record))
    assert isinstance(record, ContentPassage)
    assert record.label == PUBLIC
    assert record.label_before == Label.of("contact", "person")
    assert record.releases == (release,)


async def test_an_approved_category_may_be_found_and_no_other(house: House) -> None:
    approved = ReleaseRecord("approval", (Category("contact"),))
    fine = with_origin(request_of(f"Call {SECRETS['phone']}"), releases=(approved,))
    both = with_origin(
        request_of(f"Call {SECRETS['phone']} about card {SECRETS['card']}"), releases=(approved,)
    )

    assert isinstance(await house.refusal(both), GateRefused)
    await house.call(fine)

    record = next(e.record for e in read_entries(house.directory) if is_content(e.record))
    assert isinstance(record, ContentPassage)
    assert record.label == Label.of("contact")


async def test_a_redaction_does_not_excuse_what_it_left_behind(house: House) -> None:
    release = ReleaseRecord("redact", (Category("contact"),), 1)
    request = with_origin(request_of(f"Call {SECRETS['phone']}"), releases=(release,))

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
    house.gate = gate_of(
        house.channel,
        house.ledger,
        Sentinel(default_detectors()),
        *("Quellimar", "contact1@example.com"),
    )

    if passes:
        await house.call(request_of(content))
        assert house.server.seen
    else:
        assert isinstance(await house.refusal(request_of(content)), GateRefused)


async def test_without_surrogates_in_the_request_their_form_is_no_pass(house: House) -> None:
    refused = await house.refusal(request_of("Patient Quellimar (contact1@example.com) takes 2."))

    assert isinstance(refused, GateRefused)


async def test_a_failing_detector_is_refused(house: House) -> None:
    house.gate = house.gate_with([Broken()])

    error = await house.refusal(request_of())

    assert isinstance(error, GateRefused)
    assert "broken" in str(error)


async def test_a_failing_ledger_is_refused(house: House) -> None:
    await house.ledger.close()

    assert isinstance(await house.refusal(request_of()), LedgerUnavailable)


async def test_how_a_passage_ended_is_recorded(house: House) -> None:
    await house.call(request_of())
    house.server.chunks = (TextDelta("4"),)
    with pytest.raises(LeewardError):
        await house.call(request_of())
    async with aclosing(house.gate.generate(request_of())) as chunks:
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
        house.gate = gate_of(channel, house.ledger, Sentinel(default_detectors()))

        with pytest.raises(BackendUnavailable):
            await house.call(request_of())


async def test_neither_ledger_nor_log_holds_content(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "zanzibar quokka"

    await house.call(request_of(f"Say {canary}"))
    with pytest.raises(GateRefused):
        await house.call(request_of(f"Say {canary} to {SECRETS['email']}"))
    await house.ledger.close()

    files = b"".join(f.read_bytes() for f in house.directory.iterdir() if f.is_file())
    assert b"zanzibar" not in files
    assert "zanzibar" not in str([vars(record) for record in caplog.records])
