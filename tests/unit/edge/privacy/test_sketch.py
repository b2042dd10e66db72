"""Abstracts: what leaves in place of a task, checked before it does."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bench.noninterference_house import ASK_CLOUD, RULES, World, opened_house, run_once
from edge.config import parse_config
from edge.documents import load_documents
from edge.privacy.releases import EdgeReleases
from edge.privacy.sketch import ModelSketcher, Sketcher, quotes
from edge.privacy.vault import Vault
from runtime.clock import SystemClock
from runtime.collaboration.collaboration import CollaborationRequest
from runtime.collaboration.graphs import Inline, PlainModel
from runtime.errors import ConfigInvalid, GateRefused, NotImplementedYet, StreamBroken
from runtime.ids import Category, ModelName, PlanId, RequestId, SessionId, StepId
from runtime.policy.document import parse_policy
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    Provenance,
    ReleaseRecord,
    TextDelta,
    ToolDefinition,
)
from runtime.sentinel.categories import HEALTH
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel
from tests.unit.edge.test_documents import CONFIG, FILES

TEXT = "Patient Anna Kowalska has diabetes since the heron sang. What may she eat on a long trip?"
GOOD = "Which provisions suit a long trip under dietary limits, for <PERSON_1>?"
PROVENANCE = Provenance(RequestId("r1"), SessionId("s1"), PlanId("p"), StepId("step"))
POLICY = """
leeward: policy/v1
categories: {person: confidential, health: restricted}
clearance: {edge: restricted, cloud: internal}
releases:
  - {categories: [person], to: cloud, by: redact}
  - {categories: [health], to: cloud, by: sketch}
when_unsure: restricted
"""


@dataclass
class Scripted:
    """Writes what it was told to, and remembers what it was asked."""

    abstracts: list[str]
    asked: list[Sequence[ChatMessage]] = field(default_factory=list)

    async def write(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
        *,
        attempt: int,
    ) -> str:
        self.asked.append(messages)
        return self.abstracts[min(attempt, len(self.abstracts) - 1)]


async def sketched(
    vault: Vault, sketcher: Sketcher | None, text: str = TEXT
) -> tuple[tuple[ChatMessage, ...], ReleaseRecord]:
    sentinel = Sentinel(default_detectors())
    releases = EdgeReleases(sentinel, vault, clock=SystemClock(), sketcher=sketcher)
    messages = [ChatMessage("system", "Be kind."), ChatMessage("user", text)]
    first = await releases.release(messages, frozenset({HEALTH}), PROVENANCE, by="sketch")
    assert await releases.release(messages, frozenset({HEALTH}), PROVENANCE, by="sketch") == first
    return first


async def test_an_abstract_goes_in_place_of_the_whole_chat_and_is_written_once(
    vault: Vault,
) -> None:
    sketcher = Scripted([GOOD])

    messages, record = await sketched(vault, sketcher)

    assert messages == (ChatMessage("user", GOOD),)
    assert (record.by, record.categories) == ("sketch", (HEALTH,))
    assert len(sketcher.asked) == 1


@pytest.mark.parametrize(
    "bad",
    [
        "What may somebody with diabetes eat?",
        "since the heron sang what may she eat on a long trip",
        "",
    ],
    ids=["shows the category", "copies", "says nothing"],
)
async def test_an_abstract_that_shows_what_it_should_not_is_written_again(
    vault: Vault, bad: str
) -> None:
    messages, _ = await sketched(vault, Scripted([bad, bad, GOOD]))

    assert messages[0].content == GOOD
    with pytest.raises(GateRefused, match="3 abstracts in turn"):
        await sketched(vault, Scripted([bad]), TEXT + " Thanks.")


async def test_without_a_sketcher_there_is_no_abstract(vault: Vault) -> None:
    with pytest.raises(NotImplementedYet, match="sketch_model"):
        await sketched(vault, None)


@pytest.mark.parametrize(
    ("abstract", "copies"),
    [
        ("one two three four five six seven", False),
        ("and One, two three FOUR five six seven; eight", True),
        ("one two three <PERSON_1> four five six seven eight", True),
        ("", False),
    ],
)
def test_eight_words_in_a_row_are_a_copy(abstract: str, copies: bool) -> None:
    source = [ChatMessage("user", "x one two three four five six seven eight nine")]

    assert quotes(abstract, source) is copies


class Model:
    """A model of the device that answers with fixed pieces."""

    def __init__(self, *pieces: str, ends: FinishReason | None = FinishReason.STOP) -> None:
        self._pieces = pieces
        self._ends = ends
        self.requests: list[GenerateRequest] = []

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        for piece in self._pieces:
            yield TextDelta(piece)
        if self._ends is not None:
            yield Completion(self._ends)


async def test_the_model_is_told_what_to_leave_out_and_its_text_taken_whole() -> None:
    model = Model(" Which ", "bread? ")
    sketcher = ModelSketcher(model, ModelName("tern-s"))
    messages = [ChatMessage("user", "asked")]

    text = await sketcher.write(messages, frozenset({HEALTH}), PROVENANCE, attempt=0)

    (request,) = model.requests
    assert text == "Which bread?"
    assert "health" in request.messages[0].content
    assert request.messages[1].content == "asked"
    assert request.sampling.temperature == 0
    with pytest.raises(StreamBroken):
        await ModelSketcher(Model("half", ends=None), ModelName("tern-s")).write(
            messages, frozenset({HEALTH}), PROVENANCE, attempt=0
        )


async def test_an_abstract_that_found_no_end_is_none(vault: Vault) -> None:
    endless = Model("Which bread, and", ends=FinishReason.LENGTH)

    with pytest.raises(GateRefused, match="or found no end"):
        await sketched(vault, ModelSketcher(endless, ModelName("tern-s")))
    assert len(endless.requests) == 3


async def through(tmp_path: Path, sketcher: Scripted | None) -> tuple[bytes, str, list[str]]:
    root = tmp_path / "house"
    root.mkdir()
    world = World(parse_policy(POLICY), RULES.catalog, sketcher=sketcher)
    outcome = await run_once(root, tmp_path / "keys", ASK_CLOUD, [TEXT], world=world)
    records = outcome.receipt.releases if outcome.receipt else ()
    return b"".join(outcome.passages), outcome.failure, [record.by for record in records]


async def test_the_abstract_passes_the_gate_after_names_are_redacted(tmp_path: Path) -> None:
    sketcher = Scripted([GOOD])

    passed, failure, records = await through(tmp_path, sketcher)

    assert failure == ""
    assert GOOD.encode() in passed
    assert b"diabetes" not in passed
    assert b"heron" not in passed
    assert records == ["redact", "sketch"]
    assert "<PERSON_1> has diabetes" in sketcher.asked[0][0].content


async def test_an_abstract_goes_in_place_of_a_long_chat_and_not_where_tools_are_offered(
    tmp_path: Path,
) -> None:
    messages = (
        ChatMessage("system", "Be kind."),
        ChatMessage("user", TEXT),
        ChatMessage("assistant", "Rice."),
        ChatMessage("user", "And with diabetes in the mountains?"),
    )
    tool = ToolDefinition("look_up", "finds recipes", "{}")
    chat = CollaborationRequest(Inline(ASK_CLOUD), messages, request_id=RequestId("1" * 32))
    plain = PlainModel(ModelName("gannet-m"))
    with_tools = replace(chat, choice=plain, tools=(tool,), request_id=RequestId("2" * 32))
    world = World(parse_policy(POLICY), RULES.catalog, sketcher=Scripted([GOOD]))
    (tmp_path / "house").mkdir()

    async with opened_house(tmp_path / "house", tmp_path / "keys", world=world) as house:
        async with aclosing(house.collaboration.run(chat)) as events:
            async for _ in events:
                pass
        (passed,) = house.recorder.passages
        decided = await house.collaboration.plan(with_tools)

    assert GOOD.encode() in passed
    assert b"Be kind" not in passed
    assert b"Rice" not in passed
    assert decided.steps[0].zone == "edge"


async def test_a_bad_writer_lets_nothing_out(tmp_path: Path) -> None:
    passed, failure, _ = await through(tmp_path, Scripted(["Anna has diabetes."]))

    assert (passed, failure) == (b"", "GateRefused")


async def test_without_a_writer_the_edge_answers_alone(tmp_path: Path) -> None:
    assert await through(tmp_path, None) == (b"", "", [])


def test_the_writer_is_a_model_that_the_device_runs(tmp_path: Path) -> None:
    (tmp_path / "graphs").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)

    fine = parse_config(CONFIG + "sketch_model: small\n", base=tmp_path)
    other = parse_config(CONFIG + "sketch_model: large\n", base=tmp_path)

    assert load_documents(fine).policy
    with pytest.raises(ConfigInvalid, match="not among `models`: small"):
        load_documents(other)
