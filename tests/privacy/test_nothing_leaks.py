"""Promise 6, and no content in any log: a whole system runs on canaries, then every byte is read.

Names, a phone number, an account and a sentence that no detector knows go through both fronts, in
requests that succeed, fall back, are refused and fail. Afterwards every file that any process
wrote (state, ledger, vault, database, logs, temporary files) is searched for them.
"""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from runtime.errors import LeewardError
from runtime.testing.faulty_house import FaultyHouse, ask, running_house
from runtime.testing.scripted_provider import Script

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
NAME = "Zbigniewa Quillfeather"
PHONE = "+48 601 234 567"
MAIL = "zq.canary@example.org"
SENTENCE = "the heron sings at quarter past nine beside the copper gate"
ANSWER = "copper-answer-canary-77"
REQUEST = f"Patient {NAME} (phone {PHONE}, mail {MAIL}): {SENTENCE}. How many mg?"
PERSONAL = (NAME, PHONE, MAIL, "Quillfeather")


def spellings(text: str) -> Iterator[bytes]:
    """How a text could stand in a file."""
    plain = text.encode()
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


async def through_every_front(house: FaultyHouse) -> int:
    """Send the canaries everywhere; return how many requests failed with a typed error."""
    failed = 0
    scripts = (
        Script(pieces=(f"<PERSON_1>: {ANSWER} ", "Answer: 14")),
        Script(stall_before=0),
        Script(pieces=(ANSWER, "b"), cut_before=1),
        Script(status=500),
        Script(status=400),
    )
    for script in scripts:
        house.play(script)
        for edge in (house.edge, house.strict):
            for graph in ("ask-cloud", "parallel-fuse", "no-such-graph"):
                try:
                    await ask(edge, graph, REQUEST)
                except LeewardError:
                    failed += 1
    async with httpx.AsyncClient(timeout=20) as http:
        for body in (
            {"model": "leeward/auto", "messages": [{"role": "user", "content": REQUEST}]},
            {"model": REQUEST[:200], "messages": [{"role": "user", "content": REQUEST}]},
            {"model": "leeward/auto", "messages": REQUEST},
            {"model": "leeward/auto", "temperature": REQUEST},
        ):
            for url in (house.edge_http, house.strict_http):
                answer = await http.post(f"{url}/chat/completions", json=body)
                failed += answer.status_code >= 400
    return failed


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_no_file_of_any_process_holds_a_canary(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    asked: list[str] = []

    async with running_house(tmp_path / "house", WEIGHTS, environment) as house:
        house.play(Script(pieces=(f"<PERSON_1>: {ANSWER}. ", "Answer: 14")))
        told = await ask(house.edge, "ask-cloud", REQUEST)
        asked = [turn["content"] for call in house.provider.calls for turn in call["messages"]]
        failed = await through_every_front(house)

    # The workload was real: restored for the caller, placeholders for the provider, failures.
    assert NAME in told.answer
    assert ANSWER in told.answer
    assert asked
    assert all("<PERSON_1>" in text and SENTENCE in text for text in asked)
    assert failed > 5
    # Personal data never reached the provider; nothing at all was written down by anybody.
    assert not [text for text in asked if any(canary in text for canary in PERSONAL)]
    assert traces(tmp_path, (*PERSONAL, SENTENCE, ANSWER)) == []


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"..." + base64.b64encode(b"xy" + SENTENCE.encode() + b"z"))
    (tmp_path / "b").write_text(f"...{NAME}...")

    found = traces(tmp_path, (SENTENCE, NAME))

    assert found == [f"a: {SENTENCE}", f"b: {NAME}"]
