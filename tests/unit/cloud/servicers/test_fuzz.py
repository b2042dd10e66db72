"""Whatever an enrolled device sends on its port: no crash, no hang, a typed status, nothing logged.

The port runs on a thread of its own for the whole module; what is sent goes over mutual TLS as raw
bytes, without the client's own encoder in the way.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runtime.codec.collaboration import CollaborationCall, encode_run_request
from runtime.codec.embedding import encode_embed_request
from runtime.codec.inference import encode_generate_request
from runtime.ids import ModelName
from runtime.labels import Label
from runtime.ports import ChatMessage, EmbedRequest, GenerateRequest, Sampling
from runtime.rpc.status import DETAILS_KEY
from tests.unit.cloud.servicers.conftest import Port, running_port

CANARY = "zq canary qz"
PATIENCE_S = 10.0
BIG = ModelName("big")
ASKED = (ChatMessage("user", CANARY),)
SAMPLING = Sampling(temperature=0.5, stop=(CANARY,), json_schema='{"type": "object"}')
SOUND = {
    "leeward.v1.Inference/Generate": encode_generate_request(
        GenerateRequest(model=BIG, messages=ASKED, sampling=SAMPLING, label=Label.of("health"))
    ).SerializeToString(),
    "leeward.v1.Inference/Embed": encode_embed_request(
        EmbedRequest(model=BIG, texts=(CANARY,))
    ).SerializeToString(),
    "leeward.v1.Collaboration/Run": encode_run_request(
        CollaborationCall("ask-big", (ChatMessage("user", "6 times 7?"),))
    ).SerializeToString(),
    "leeward.v1.Collaboration/Plan": encode_run_request(
        CollaborationCall("twice", (ChatMessage("user", "6 times 7?"),))
    ).SerializeToString(),
}
STREAMED = {"leeward.v1.Inference/Generate", "leeward.v1.Collaboration/Run"}
METHODS = st.sampled_from(sorted(SOUND))


@dataclass(slots=True)
class Target:
    """A port under fire, and everything that was logged meanwhile."""

    port: Port
    channel: grpc.Channel
    records: list[logging.LogRecord] = field(default_factory=list)

    def send(self, method: str, data: bytes) -> grpc.RpcError | None:
        """Return how a call failed, ``None`` if it did not."""
        try:
            if method in STREAMED:
                for _ in self.channel.unary_stream(f"/{method}")(data, timeout=PATIENCE_S):
                    pass
            else:
                self.channel.unary_unary(f"/{method}")(data, timeout=PATIENCE_S)
        except grpc.RpcError as error:
            return error
        return None


class _Records(logging.Handler):
    def __init__(self, kept: list[logging.LogRecord]) -> None:
        super().__init__()
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(record)


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    started: list[Port] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with running_port() as port:
            started.append(port)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(PATIENCE_S)
    tls = started[0].tls()
    assert tls.identity is not None
    credentials = grpc.ssl_channel_credentials(
        tls.ca_bundle_pem, tls.identity.private_key_pem, tls.identity.certificate_chain_pem
    )
    with grpc.secure_channel(started[0].address, credentials) as channel:
        running = Target(started[0], channel)
        handler = _Records(running.records)
        logging.getLogger().addHandler(handler)
        yield running
        logging.getLogger().removeHandler(handler)
    loop.call_soon_threadsafe(stop.set)
    thread.join(PATIENCE_S)
    loop.close()


def check(target: Target, failure: Any) -> None:
    """A failure is one of ours, with its details, and quotes nobody; so does the log."""
    logged = "".join(str(vars(record)) for record in target.records)
    target.records.clear()
    assert "rpc_crashed" not in logged
    assert CANARY not in logged
    if failure is not None:
        assert failure.code() not in {
            grpc.StatusCode.UNKNOWN,
            grpc.StatusCode.INTERNAL,
            grpc.StatusCode.DEADLINE_EXCEEDED,
        }
        assert DETAILS_KEY in dict(failure.trailing_metadata())
        assert CANARY not in str(failure.trailing_metadata()) + failure.details()


def _cut(data: bytes, at: int, _: bytes) -> bytes:
    return data[:at]


def _inserted(data: bytes, at: int, some: bytes) -> bytes:
    return data[:at] + some + data[at:]


def _replaced(data: bytes, at: int, some: bytes) -> bytes:
    return data[:at] + some + data[at + len(some) :]


def _doubled(data: bytes, at: int, _: bytes) -> bytes:
    return data + data[at:]


@pytest.mark.parametrize("method", sorted(SOUND))
def test_the_messages_that_are_then_changed_are_sound(target: Target, method: str) -> None:
    assert target.send(method, SOUND[method]) is None


@given(METHODS, st.binary(max_size=1000))
@example("leeward.v1.Inference/Generate", b"")
@example("leeward.v1.Collaboration/Run", b"\x0a\x02\x1a\x00" * 200)
def test_bytes_that_are_no_message(target: Target, method: str, data: bytes) -> None:
    check(target, target.send(method, data))


@given(
    METHODS,
    st.sampled_from((_cut, _inserted, _replaced, _doubled)),
    st.integers(0, 400),
    st.binary(min_size=1, max_size=12) | st.sampled_from((b"\xff" * 10, b"\x80" * 9, b"\x00")),
)
def test_sound_messages_with_a_part_changed(
    target: Target, method: str, change: Callable[[bytes, int, bytes], bytes], at: int, some: bytes
) -> None:
    sound = SOUND[method]

    check(target, target.send(method, change(sound, at % (len(sound) + 1), some)))


@pytest.mark.parametrize("method", sorted(SOUND))
def test_a_message_beyond_the_limit_is_refused_by_the_transport(
    target: Target, method: str
) -> None:
    failure = target.send(method, b"\x0a" + b"\xff" * (17 * 1024 * 1024))

    assert failure is not None
    assert failure.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined]


def test_deep_nesting_is_refused(target: Target) -> None:
    nested = b""
    for _ in range(2000):
        nested = b"\x0a" + _varint(len(nested)) + nested

    for method in SOUND:
        check(target, target.send(method, nested))


def test_the_port_still_serves_after_all_that(target: Target) -> None:
    assert (
        target.send("leeward.v1.Inference/Generate", SOUND["leeward.v1.Inference/Generate"]) is None
    )


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
