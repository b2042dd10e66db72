"""Promise 6, and no content in any log: a whole system runs on canaries, then every byte is read.

A name, a phone number, an address and a sentence that no detector knows go through all fronts, in
requests that succeed, fall back, are refused and fail. Afterwards every file that any process
wrote (state, ledger, vault, database, logs, temporary files) is searched for them.
"""

import base64
import os
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from runtime.errors import LeewardError
from runtime.ids import ModelName
from runtime.ports import ChatMessage, GenerateRequest
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.inference_client import InferenceClient
from runtime.testing.faulty_house import EDGE_MODEL, FaultyHouse, ask, running_house
from runtime.testing.scripted_provider import Script

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
NAME = "Zbigniewa Quillfeather"
PHONE = "+48 601 234 567"
MAIL = "zq.canary@example.org"
SENTENCE = "the heron sings at quarter past nine beside the copper gate"
ANSWER = "copper-answer-canary-77"
REQUEST = f"Patient {NAME} (phone {PHONE}, mail {MAIL}): {SENTENCE}. How many mg?"
NO_MODEL = f"model-of-{NAME}"
PERSONAL = (NAME, PHONE, MAIL, "Quillfeather")


def spellings(text: str) -> Iterator[bytes]:
    """How a text could stand in a file."""
    plain = text.encode()
    if quote(text) != text:
        yield quote(text).encode()
    yield from (plain, text.encode("utf-16-le"), plain.hex().encode(), plain.hex().upper().encode())
    for shift in range(3):
        # Base64 depends on where in the input the text begins.
        coded = base64.b64encode(b"\0" * shift + plain)
        yield coded[4 if shift else 0 : -4]


def traces(folder: Path, canaries: tuple[str, ...]) -> list[str]:
    """Return where any canary stands in any file below ``folder``."""
    wanted = [(canary, form) for canary in canaries for form in spellings(canary)]
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found += [
                f"{path.relative_to(folder)}: {name}" for name, form in wanted if form in data
            ]
    return found


async def through_every_front(house: FaultyHouse) -> list[str]:
    """Send the canaries everywhere; return what the failures told."""
    told: list[str] = []
    scripts = (
        Script(pieces=(f"<PERSON_1>: {ANSWER} ", "Answer: 14")),
        Script(stall_before=0),
        Script(pieces=(ANSWER, "b"), cut_before=1),
        Script(status=500),
        Script(status=400),
    )
    for script in scripts:
        house.play(script)
        asked = [
            (edge, graph, REQUEST)
            for edge in (house.edge, house.strict)
            for graph in ("ask-cloud", "parallel-fuse", "no-such-graph")
        ]
        # What no detector knows passes the strict edge too, where the failure is the answer.
        for edge, graph, text in (*asked, (house.strict, "ask-cloud", SENTENCE)):
            try:
                await ask(edge, graph, text)
            except LeewardError as error:
                told.append(str(error))
    return told + await over_http(house) + await of_a_plain_model(house)


async def over_http(house: FaultyHouse) -> list[str]:
    chat = [{"role": "user", "content": REQUEST}]
    auto: dict[str, Any] = {"model": "leeward/auto", "messages": chat}
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("chat/completions", auto),
        ("chat/completions", auto | {"leeward": {"session_id": NAME}}),
        ("chat/completions", auto | {"leeward": {"labels": [SENTENCE]}}),
        ("chat/completions", auto | {"stream": True, "stop": [SENTENCE]}),
        ("chat/completions", auto | {"model": NO_MODEL}),
        ("chat/completions", auto | {"messages": REQUEST}),
        ("chat/completions", auto | {"temperature": REQUEST}),
        ("completions", {"model": "leeward/ask-cloud", "prompt": REQUEST}),
        ("embeddings", {"model": EDGE_MODEL, "input": REQUEST}),
        (quote(REQUEST), {}),
    ]
    told: list[str] = []
    async with httpx.AsyncClient(timeout=20) as http:
        for url in (house.edge_http, house.strict_http):
            for path, body in bodies:
                answer = await http.post(f"{url}/{path}", json=body)
                if answer.status_code >= 400:
                    # The caller is told which model there is not: a name, no part of a text.
                    told.append(answer.text.replace(NO_MODEL, ""))
    return told


async def of_a_plain_model(house: FaultyHouse) -> list[str]:
    told: list[str] = []
    for model in (EDGE_MODEL, "no-such-model"):
        call = GenerateRequest(ModelName(model), (ChatMessage("user", REQUEST),), timeout_s=20)
        async with open_channel(ChannelSettings(target=house.edge, tls=None)) as channel:
            try:
                async with aclosing(InferenceClient(channel).generate(call)) as chunks:
                    assert [chunk async for chunk in chunks]
            except LeewardError as error:
                told.append(str(error))
    return told


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_no_file_of_any_process_holds_a_canary(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    # Also with the client library at its most talkative.
    environment = {**os.environ, "TMPDIR": str(temporary), "OPENAI_LOG": "debug"}
    asked: list[str] = []

    async with running_house(tmp_path / "house", WEIGHTS, environment) as house:
        house.play(Script(pieces=(f"<PERSON_1>: {ANSWER}. ", "Answer: 14")))
        told = await ask(house.edge, "ask-cloud", REQUEST)
        asked = [turn["content"] for call in house.provider.calls for turn in call["messages"]]
        failures = await through_every_front(house)

    # The workload was real: restored for the caller, placeholders for the provider, failures.
    assert NAME in told.answer
    assert ANSWER in told.answer
    assert asked
    assert all("<PERSON_1>" in text and SENTENCE in text for text in asked)
    assert len(failures) > 20
    # No failure repeats a text; its caller knows it, but whoever logs the failure would keep it.
    canaries = (*PERSONAL, SENTENCE, ANSWER)
    assert not [failure for failure in failures if any(text in failure for text in canaries)]
    # Personal data never reached the provider; nothing at all was written down by anybody.
    assert not [text for text in asked if any(canary in text for canary in PERSONAL)]
    assert traces(tmp_path, canaries) == []


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"..." + base64.b64encode(b"xy" + SENTENCE.encode() + b"z"))
    (tmp_path / "b").write_text(f"...{NAME}...")

    found = traces(tmp_path, (SENTENCE, NAME))

    assert found == [f"a: {SENTENCE}", f"b: {NAME}"]
