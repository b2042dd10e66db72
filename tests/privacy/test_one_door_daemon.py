"""Promise 3 on the whole daemon: every connection that it makes is recorded, by whatever library.

A small shared object is preloaded into the real processes and writes down each ``connect`` and
each name that is looked up; the engine's child, which gets no environment, is looked at through
``/proc``. The provider behind the gateway is a scripted server that keeps what it was sent, and
breaks in the end; then the gateway is killed.
"""

import ipaddress
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from runtime.codec.collaboration import CollaborationCall
from runtime.executor.events import Receipt, RunFinished
from runtime.labels import Label
from runtime.ledger.read import read_entries
from runtime.ledger.record import ContentPassage, ControlPassage, ControlPurpose
from runtime.ledger.verify import verify_ledger
from runtime.local.layout import CloudModel, EdgeModel
from runtime.local.stack import ProviderLlm, RunningStack, StackPlan, running_stack
from runtime.ports import ChatMessage
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.collaboration_client import CollaborationClient
from runtime.testing.scripted_provider import Provider, Script, running_provider

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = "How much is 6 times 7?"
PERSONAL = "Patient Anna Kowalska (phone +48 601 234 567) takes 3 tablets a day. How many a week?"
RESTRICTED = "Patient Anna Kowalska has diabetes and takes 3 tablets a day. How many a week?"
CANARIES = ("Kowalska", "601 234 567", "diabetes")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]


@dataclass(frozen=True, slots=True)
class House:
    """A running stack, what was asked of it, and where its connections are written down."""

    stack: RunningStack
    provider: Provider
    watch_file: Path
    public: Receipt
    personal: Receipt
    restricted: Receipt
    parallel: Receipt
    calls: list[dict[str, Any]]
    """What the provider was asked before it broke."""
    failed: tuple[Receipt, ...]
    """Of requests that the edge answered because provider or gateway could not."""

    @property
    def sound(self) -> tuple[Receipt, ...]:
        return self.public, self.personal, self.restricted, self.parallel

    @property
    def edge_pid(self) -> int:
        return pid_of(self.stack, "edge")

    def connections(self) -> set[tuple[int, str]]:
        """Pid and ``host:port`` of every connection so far."""
        lines = [line.split() for line in self.watch_file.read_text().splitlines()]
        return {(int(pid), f"{host.removeprefix('::ffff:')}:{port}") for pid, host, port in lines}


def pid_of(stack: RunningStack, name: str) -> int:
    return next(process.pid for process in stack.processes if process.name == name)


async def _break_and_ask(stack: RunningStack, provider: Provider) -> AsyncIterator[Receipt]:
    """Ask while the provider fails in two ways, and once the gateway is gone."""
    for script in (Script(status=500), Script(cut_before=1)):
        provider.script = script
        yield await _ask(stack, "parallel-fuse", PERSONAL)
    os.kill(pid_of(stack, "cloud"), signal.SIGKILL)
    yield await _ask(stack, "ask-cloud", PERSONAL)


async def _ask(stack: RunningStack, graph: str, text: str) -> Receipt:
    call = CollaborationCall(graph, (ChatMessage("user", text),))
    async with (
        open_channel(ChannelSettings(target=stack.edge_grpc, tls=None)) as channel,
        aclosing(CollaborationClient(channel).run(call, timeout_s=60)) as events,
    ):
        last = [event async for event in events][-1]
    assert isinstance(last, RunFinished)
    return last.receipt


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("recorder") / "record_connections.so"
    source = Path(__file__).with_name("record_connections.c")
    command = ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl"]
    subprocess.run(command, check=True)
    return library


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, recorder: Path) -> AsyncIterator[House]:
    root = tmp_path_factory.mktemp("house")
    watch_file = root / "connections"
    watch_file.touch()
    environment = {
        **os.environ,
        "LD_PRELOAD": str(recorder),
        "LEEWARD_WATCH_FILE": str(watch_file),
    }
    async with running_provider() as provider:
        plan = StackPlan(
            edge_model=EdgeModel("tern-s", ROOT / "reference" / "weights" / "tern-s.gguf", 512),
            cloud_model=CloudModel("gannet-m", "scripted", 512),
            llm=ProviderLlm(provider.base_url, "key-for-tests"),
            policy_text=(ROOT / "deploy" / "policies" / "clinic.yaml").read_text(),
        )
        async with running_stack(plan, root / "stack", environment=environment) as stack:
            yield House(
                stack=stack,
                provider=provider,
                watch_file=watch_file,
                public=await _ask(stack, "ask-cloud", PUBLIC),
                personal=await _ask(stack, "ask-cloud", PERSONAL),
                restricted=await _ask(stack, "ask-cloud", RESTRICTED),
                parallel=await _ask(stack, "parallel-fuse", PERSONAL),
                calls=list(provider.calls),
                failed=tuple([receipt async for receipt in _break_and_ask(stack, provider)]),
            )


async def test_what_may_leave_left_and_what_may_not_stayed(house: House) -> None:
    assert house.public.left_the_edge
    assert house.personal.left_the_edge
    assert house.parallel.left_the_edge
    assert not house.restricted.left_the_edge


async def test_the_edge_answered_what_the_cloud_could_not(house: House) -> None:
    seats = {step.node for receipt in house.failed for step in receipt.steps}

    assert len(house.failed) == 3
    assert seats == {"edge"}


async def test_the_daemon_connected_to_its_gateway_and_to_nothing_else(house: House) -> None:
    connections = house.connections()

    assert {address for pid, address in connections if pid == house.edge_pid} == {
        house.stack.gateway
    }
    # The recorder saw other processes' connections too, so it would have seen the edge's.
    assert f"127.0.0.1:{house.provider.port}" in {address for _, address in connections}


async def test_enrolment_and_the_other_commands_connect_to_the_gateway_and_to_nothing_else(
    house: House,
) -> None:
    cloud = pid_of(house.stack, "cloud")

    addresses = {address for pid, address in house.connections() if pid != cloud}

    assert addresses == {house.stack.gateway, house.stack.enrolment}


async def test_the_daemon_can_be_reached_from_this_machine_alone(house: House) -> None:
    sockets = psutil.Process(house.edge_pid).net_connections(kind="inet")
    listening = {
        str(socket.laddr.ip).removeprefix("::ffff:")
        for socket in sockets
        if socket.status == psutil.CONN_LISTEN
    }

    assert listening
    assert [a for a in listening if not ipaddress.ip_address(a).is_loopback] == []


@pytest.mark.skipif(
    os.geteuid() != 0, reason="a child that hides from its peers; only root can look"
)
async def test_the_engines_child_has_no_internet_socket(house: House) -> None:
    children = psutil.Process(house.edge_pid).children(recursive=True)

    assert children
    assert [child.net_connections(kind="inet") for child in children] == [[]] * len(children)


async def test_the_provider_saw_placeholders_and_no_secret(house: House) -> None:
    sent = json.dumps(house.provider.calls, ensure_ascii=False)

    assert "<PERSON_1>" in sent
    assert [canary for canary in CANARIES if canary in sent] == []


async def test_each_call_at_the_provider_has_its_entry_and_each_entry_its_receipt(
    house: House,
) -> None:
    entries = list(read_entries(house.stack.layout.ledger))
    passages = {e.position: e.record for e in entries if isinstance(e.record, ContentPassage)}
    asked_for = {receipt.request_id for receipt in house.sound}

    left = [record for record in passages.values() if record.request_id in asked_for]
    assert len(left) == len(house.calls) > 0
    shown = {
        position: receipt.request_id
        for receipt in (*house.sound, *house.failed)
        for step in receipt.steps
        for position in step.ledger_positions
    }
    assert shown == {position: record.request_id for position, record in passages.items()}
    counted = {
        receipt.request_id: sum(step.left_bytes for step in receipt.steps)
        for receipt in (*house.sound, *house.failed)
    }
    recorded = dict.fromkeys(counted, 0)
    for record in passages.values():
        recorded[record.request_id] += record.payload_bytes
    assert counted == recorded
    personal = [r for r in passages.values() if r.request_id == house.personal.request_id]
    assert {record.label for record in personal} == {Label()}
    assert {record.label_before for record in personal} == {Label.of("contact", "person")}


async def test_the_ledger_of_a_daemon_at_work_verifies(house: House) -> None:
    assert verify_ledger(house.stack.layout.ledger, every_signature=True).is_intact


async def test_enrolment_is_counted_with_its_destination(house: House) -> None:
    entries = read_entries(house.stack.layout.ledger)
    control = [e.record for e in entries if isinstance(e.record, ControlPassage)]

    enrolments = [record for record in control if record.purpose is ControlPurpose.ENROL]
    assert [record.destination.address for record in enrolments] == [house.stack.enrolment]
    assert enrolments[0].sent_bytes > 0


async def test_no_file_of_the_stack_holds_a_secret_in_the_clear(house: House) -> None:
    files = [file for file in house.stack.layout.root.rglob("*") if file.is_file()]

    found = [
        (file.name, canary)
        for file in files
        for canary in CANARIES
        if canary.encode() in file.read_bytes()
    ]
    assert found == []
