"""Promise 3 at the gate: names that somebody chose do not leave, and no name is read as a text."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from leeward.v1 import inference_pb2 as pb
from runtime.errors import (
    GateRefused,
    PolicyViolation,
)
from runtime.ids import ModelName, RequestId, SessionId, StepId
from runtime.labels import Label
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.tagger.model import BUILT_IN
from tests.privacy.gate_house import (
    House,
    request_of,
    running_gate,
    with_origin,
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running_gate(tmp_path) as running:
        yield running


async def test_a_session_name_that_an_application_chose_does_not_leave(house: House) -> None:
    for session in ("anna.kowalska", "Anna Kowalska", "anna.kowalska"):
        await house.call(with_origin(request_of(), session_id=SessionId(session)))

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
        await house.call(with_origin(request_of(idempotency_key=key), **where))

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
        await house.call(request_of(model=ModelName(model)))

    assert len(house.server.seen) == 3


async def test_a_name_that_could_be_content_is_refused(house: House) -> None:
    for request in (
        with_origin(request_of(), request_id=RequestId("Anna Kowalska")),
        with_origin(request_of(), graph="two words"),
        with_origin(request_of(), step_id=StepId("+48601234567")),
        request_of(label=Label.of("Anna Kowalska")),
        request_of(idempotency_key="two words"),
        request_of(model=ModelName("4111111111111111")),
    ):
        assert isinstance(await house.refusal(request), GateRefused | PolicyViolation)
