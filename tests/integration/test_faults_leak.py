"""A graph that could leak is refused with the path, over gRPC and HTTP; nothing is sent."""

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2, status_pb2

from leeward.v1 import collaboration_pb2_grpc
from runtime.codec.collaboration import CollaborationCall, encode_run_request
from runtime.errors import LeakFound
from runtime.graph.document import parse_graph
from runtime.ledger.read import read_entries
from runtime.ledger.record import ContentPassage
from runtime.ports import ChatMessage
from runtime.testing.faulty_house import FaultyHouse, ask
from runtime.testing.scripted_provider import Script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
]

RESTRICTED = "Patient Anna Kowalska has diabetes and takes 3 tablets a day. How many a week?"
CANARIES = ("Kowalska", "diabetes")
INLINE = parse_graph(
    "leeward: graph/v1\nname: brought-along\n"
    "steps:\n"
    "  near: {role: assistant, model: tern-s}\n"
    "  far: {role: assistant, model: gannet-m}\n"
    "edges: [near -> far]\n"
)


def _content_passages(house: FaultyHouse) -> int:
    entries = read_entries(house.layout.root / "strict-state" / "ledger")
    return sum(isinstance(entry.record, ContentPassage) for entry in entries)


@pytest.mark.parametrize("graph", ["ask-cloud", "parallel-fuse", INLINE])
async def test_grpc_refuses_with_the_path(house: FaultyHouse, graph: object) -> None:
    house.play(Script())
    passages = _content_passages(house)

    with pytest.raises(LeakFound) as caught:
        await ask(house.strict, graph, RESTRICTED)

    assert caught.value.path
    assert caught.value.path[0] == "request"
    assert not any(canary in str(caught.value) for canary in CANARIES)
    assert house.provider.calls == []
    assert _content_passages(house) == passages


async def test_the_status_is_failed_precondition_with_the_path_in_its_details(
    house: FaultyHouse,
) -> None:
    call = CollaborationCall("ask-cloud", (ChatMessage("user", RESTRICTED),))

    async with grpc.aio.insecure_channel(house.strict) as channel:
        stub = collaboration_pb2_grpc.CollaborationStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in stub.Run(encode_run_request(call), timeout=10):
                pass

    trailers = dict(caught.value.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    failure = error_details_pb2.PreconditionFailure()
    assert any(detail.Unpack(failure) for detail in status.details)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "request -> " in failure.violations[0].subject
    assert not any(canary in str(caught.value) for canary in CANARIES)


@pytest.mark.parametrize("stream", [True, False])
async def test_http_refuses_with_403_and_the_path(house: FaultyHouse, stream: bool) -> None:
    house.play(Script())
    body = {
        "model": "leeward/ask-cloud",
        "messages": [{"role": "user", "content": RESTRICTED}],
        "stream": stream,
    }

    async with httpx.AsyncClient(timeout=20) as client:
        answer = await client.post(f"{house.strict_http}/chat/completions", json=body)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (403, "LeakFound")
    assert "[request -> " in error["message"]
    assert not any(canary in answer.text for canary in CANARIES)
    assert house.provider.calls == []


async def test_the_forgiving_edge_repairs_the_same_graph_by_staying_at_home(
    house: FaultyHouse,
) -> None:
    house.play(Script())

    told = await ask(house.edge, "ask-cloud", RESTRICTED)

    assert not told.receipt.left_the_edge
    assert told.answer
    assert house.provider.calls == []


async def test_no_log_holds_what_was_asked(house: FaultyHouse) -> None:
    await ask(house.edge, "ask-cloud", RESTRICTED)

    logs = [house.roles.log(name).read_text() for name in ("cloud", "edge", "strict")]

    assert all(logs)
    assert not any(canary in log for log in logs for canary in CANARIES)
