"""Promise 6 with everything switched on that keeps or sends something: one system, every byte read.

What the daemon and its gateway keep where it is asked for (examples, verdicts, requests that wait,
approvals, answers that other words find), and what they tell (metrics, traces, logs), with the
sentinel's model on and surrogates for placeholders. ``test_nothing_leaks`` has the failures.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import httpx
import psutil
import pytest
import pytest_asyncio
import yaml

from edge.egress.local_approvals import decide_approval, read_approvals
from runtime.errors import GateRefused, RequestQueued
from runtime.graph.document import parse_graph
from runtime.local.ports import free_port
from runtime.testing.faulty_house import ask
from runtime.testing.local_roles import leeward
from runtime.testing.queueing_house import QueueingHouse, running_queueing_house
from runtime.testing.scripted_provider import Script
from tests.privacy.test_nothing_leaks import MAIL, NAME, PHONE, WEIGHTS, spellings, traces
from tests.trace_collector import Collector, running_collector

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

POLICY = """\
leeward: policy/v1
categories: {person: confidential, contact: confidential, health: restricted, finance: restricted}
clearance: {edge: restricted, cloud: internal}
releases:
  - {categories: [person, contact], to: cloud, by: redact}
  - {categories: [health], to: cloud, by: approval}
  - {categories: [finance], to: cloud, by: sketch}
approvals: {wait_s: 60}
placeholders: surrogates
when_unsure: restricted
cloud_away: queue
"""
IBAN = "DE89370400440532013000"
QUESTION = "which lantern did the copper heron carry"
ANSWER = "lantern-answer-canary-78"
WORDS = "person-answer-canary-79"
CANARIES = (NAME, "Quillfeather", PHONE, MAIL, IBAN, QUESTION, "copper heron", ANSWER, WORDS)
PERSONAL = (NAME, "Quillfeather", PHONE, MAIL, IBAN)
ABOUT = f"Patient {NAME} (phone {PHONE}, mail {MAIL})"
ASKED_OF_MONEY = (
    "How many accounts may one have?",
    "What is the limit?",
    "How long does a transfer take?",
    "What does a transfer cost?",
    "How many may one have at most?",
)
CONSENT = {"x-leeward-capture": "yes"}
ROLES = ("edge", "cloud")
ASK_PERSON = parse_graph("""
leeward: graph/v1
name: ask-person
steps:
  near: {role: assistant, model: tern-s, max_tokens: 8}
  person: {role: guard, rule: person}
edges: [near -> person]
""")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector
) -> AsyncIterator[QueueingHouse]:
    root = tmp_path_factory.mktemp("everything")
    (root / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(root / "tmp"), "OPENAI_LOG": "debug"}
    async with running_queueing_house(
        root,
        WEIGHTS,
        environment,
        script=Script(pieces=(f"{ANSWER}. ", "Answer: 14")),
        policy_text=POLICY,
        edge_changes={
            "sentinel": {"model": "builtin"},
            "sketch_model": "tern-s",
            "capture": {"categories": ["person", "contact"]},
            "people": {"wait_s": 60},
            "routing": {
                "graphs": {"ask-edge": "smaller", "ask-cloud": "larger"},
                "right_usd": 1.0,
                "learn": {},
            },
        },
        cloud_changes={
            "cache": {
                "embedding": "sentinel",
                "max_level": "restricted",
                "models": {"gannet-m": {"always": True, "same_question": {}}},
            },
            "metrics": {"listen": f"127.0.0.1:{free_port()}"},
            "traces": {"otlp": collector.endpoint},
        },
    ) as running:
        yield running


async def over_http(house: QueueingHouse, text: str, model: str = "leeward/ask-cloud") -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    async with httpx.AsyncClient(timeout=60) as http:
        return await http.post(f"{house.edge_http}/chat/completions", json=body, headers=CONSENT)


async def asked_person(house: QueueingHouse, *, answer: str = "") -> str:
    """Wait until a person is asked, and say yes; return what they were shown."""
    async with asyncio.timeout(60):
        while True:
            if waiting := await read_approvals(house.edge):
                break
            await asyncio.sleep(0.1)
    (item,) = waiting
    await decide_approval(house.edge, item["id"], approved=True, by="dr.may", answer=answer)
    return str(item["content"])


async def metrics_of(house: QueueingHouse) -> str:
    """Return what both processes tell whoever measures them."""
    listen = yaml.safe_load(house.layout.cloud_config.read_text())["metrics"]["listen"]
    addresses = (house.edge_http.removesuffix("/v1"), f"http://{listen}")
    async with httpx.AsyncClient(timeout=20) as http:
        answers = [await http.get(f"{address}/metrics") for address in addresses]
    assert [answer.status_code for answer in answers] == [200, 200]
    return "".join(answer.text for answer in answers)


async def verdict_on(house: QueueingHouse, answer: httpx.Response) -> Any:
    """Say that an answer was right; return who could use that."""
    verdict = {"request_id": answer.headers["x-leeward-request-id"], "verdict": "right"}
    async with httpx.AsyncClient(timeout=20) as http:
        return (await http.post(f"{house.edge_http}/feedback", json=verdict)).json()


async def with_consent(house: QueueingHouse) -> None:
    """A request is kept with its answer, and judged."""
    answer = await over_http(house, f"{ABOUT} takes 2 tablets. How many in a week?")
    assert NAME not in answer.text
    assert ANSWER in answer.text
    auto = await over_http(house, "How many hours has a week?", "leeward/auto")
    assert (await verdict_on(house, answer))["by_capture"]
    assert (await verdict_on(house, auto))["by_router"]
    config = str(house.layout.edge_config)
    listed = await leeward("edge", "capture", "list", "--config", config, environment={})
    assert "contact, person" in listed.stdout


async def by_approval(house: QueueingHouse) -> None:
    asking = asyncio.create_task(house.ask(f"{ABOUT} has diabetes. What may be eaten?"))
    shown = await asked_person(house)
    told = await asking
    assert "diabetes" in shown
    assert [release.by for release in told.receipt.releases] == ["redact", "approval"]


async def by_sketch(house: QueueingHouse) -> None:
    """The tiny model abstracts into nonsense, and the gate keeps back what reads like a name."""
    for asked in ASKED_OF_MONEY:
        with suppress(GateRefused):
            told = await house.ask(f"{ABOUT} pays from {IBAN}. {asked}")
            assert "sketch" in [release.by for release in told.receipt.releases]
            return
    raise AssertionError("no abstract left the device")


async def by_a_person(house: QueueingHouse) -> None:
    asking = asyncio.create_task(ask(house.edge, ASK_PERSON, QUESTION))
    assert QUESTION in await asked_person(house, answer=WORDS)
    assert (await asking).answer == WORDS


async def from_the_cache(house: QueueingHouse) -> None:
    await house.ask(f"{QUESTION}?")
    told = await house.ask(f"Please tell me, {QUESTION}?")
    assert ANSWER in told.answer
    assert 'outcome="reworded"' in await metrics_of(house)


async def through_the_outbox(house: QueueingHouse) -> None:
    await house.link.cut()
    with pytest.raises(RequestQueued):
        await house.ask(f"{ABOUT} asks: {QUESTION}?", key="waits")
    assert (house.layout.root / "edge-state" / "outbox").exists()
    assert traces(house.layout.root, CANARIES) == []  # while it waits
    house.link.mend()
    async with asyncio.timeout(60):
        while True:
            if (await house.queued("waits")).answer is not None:
                return
            await asyncio.sleep(0.2)


def neither_process_nor_its_children_may_be_dumped(house: QueueingHouse) -> None:
    running = [psutil.Process(house.roles.pid(role)) for role in ROLES]
    children = [child for process in running for child in process.children(recursive=True)]

    assert children
    for process in (*running, *children):
        assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0), process.cmdline()


async def test_nothing_that_is_kept_or_told_shows_a_canary(
    house: QueueingHouse, collector: Collector
) -> None:
    neither_process_nor_its_children_may_be_dumped(house)  # before they are stopped
    for use in (with_consent, by_approval, by_sketch, by_a_person, from_the_cache):
        await use(house)
    await through_the_outbox(house)
    told = await metrics_of(house)

    sent = str(house.provider.calls)
    assert QUESTION in sent  # no detector knows it, so it reached the provider, and no file
    assert "Quellimar" in sent
    assert not any(canary in sent for canary in PERSONAL)
    assert not any(canary in told for canary in CANARIES)
    assert traces(house.layout.root, CANARIES) == []
    for role in ROLES:
        house.roles.signal(role, signal.SIGTERM)
        assert await house.roles.wait_exit(role, timeout_s=20) == 0
    assert collector.requests
    assert not any(form in collector.received() for text in CANARIES for form in spellings(text))
    assert traces(house.layout.root, CANARIES) == []
