"""Nothing is kept without consent and switch; what is kept is sealed, versioned and erased."""

import json
import stat
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.capture.capture import Capture
from edge.capture.settings import CaptureSettings
from edge.capture.store import CaptureStore, Example
from edge.cli_capture import capture_app
from edge.privacy.keyring import Keyring
from runtime.collaboration.collaboration import CollaborationRequest
from runtime.collaboration.graphs import Named
from runtime.errors import NotFound, VaultLocked
from runtime.executor.events import AnswerFinished, Event, Receipt, RunFinished
from runtime.ids import Category, PlanId, RequestId, SessionId
from runtime.labels import PUBLIC, Label
from runtime.ports import ChatMessage, FinishReason, Usage
from runtime.testing.fakes import ManualClock

SECRET = "Anna Kowalska"
PERSON = frozenset({Category("person")})
CONFIG = """\
leeward: edge/v1
policy: policy.yaml
catalog: catalog.yaml
graphs: graphs
default_graph: g
state: .
models: {small: {file: small.gguf}}
capture: {categories: [person]}
"""


def example(request: str = "r1", text: str = SECRET) -> Example:
    messages = (ChatMessage("user", f"Who is {text}?"),)
    return Example(RequestId(request), messages, f"{text} it is", tuple(PERSON), "g")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[CaptureStore]:
    settings = CaptureSettings(PERSON, keep_days=2, most_examples=3)
    opened = CaptureStore(tmp_path / "capture", settings, clock=clock)
    yield opened
    opened.close()


async def followed(
    store: CaptureStore,
    *,
    label: Label = PUBLIC,
    reason: FinishReason = FinishReason.STOP,
    ends: bool = True,
) -> None:
    receipt = Receipt(
        RequestId("r1"), SessionId("s"), PlanId("p"), "g", "", label, (), (),
        left_the_edge=False, latency_s=1, cost_usd=0, usage=Usage(),
    )  # fmt: skip

    async def events() -> AsyncGenerator[Event, None]:
        yield AnswerFinished("4", reason, label)
        if ends:
            yield RunFinished(receipt)

    request = CollaborationRequest(
        Named("g"), (ChatMessage("user", "2 + 2?"),), request_id=RequestId("r1")
    )
    async with aclosing(Capture(store, PERSON).following(request, events())) as passed:
        seen = [event async for event in passed]

    assert len(seen) == 1 + ends


async def test_a_run_is_kept_with_its_prompt_and_its_answer(store: CaptureStore) -> None:
    await followed(store, label=Label(PERSON))

    (kept,) = store.dataset().examples
    assert (kept.messages[0].content, kept.answer, kept.categories) == (
        "2 + 2?", "4", ("person",),
    )  # fmt: skip


@pytest.mark.parametrize(
    "how",
    [
        {"label": Label.of("person", "health")},
        {"label": Label.of("unsure")},
        {"reason": FinishReason.LENGTH},
        {"ends": False},
    ],
)
async def test_other_categories_and_runs_that_did_not_end_well_are_not_kept(store, how) -> None:
    await followed(store, **how)

    assert store.listed() == ()


def test_nothing_of_an_example_stands_on_the_disk_and_no_other_key_opens_it(
    store: CaptureStore, tmp_path: Path, clock: ManualClock
) -> None:
    store.add(example())
    store.close()

    written = b"".join(file.read_bytes() for file in (tmp_path / "capture").iterdir())
    assert SECRET.encode() not in written
    assert b"it is" not in written
    Keyring(tmp_path / "capture" / "capture.keys").create()
    with pytest.raises(VaultLocked):
        CaptureStore(tmp_path / "capture", CaptureSettings(), clock=clock)


def test_the_same_examples_and_verdicts_are_the_same_version(store: CaptureStore) -> None:
    store.add(example())
    first = store.dataset()
    assert store.dataset().version == first.version

    store.judge(RequestId("r1"), "right")
    second = store.dataset()

    assert second.version == first.version + 1
    assert second.examples[0].verdict == "right"
    assert store.dataset(verdicts=["wrong"]).examples == ()
    assert store.dataset(without=["person"]).examples == ()


def test_what_is_too_old_or_too_much_goes(store: CaptureStore, clock: ManualClock) -> None:
    store.add(example("old"))
    clock.advance(3 * 86_400)
    for number in range(5):
        store.add(example(f"r{number}"))

    assert [one.request for one in store.listed()] == ["r2", "r3", "r4"]


def test_what_is_erased_is_gone(store: CaptureStore) -> None:
    store.add(example())
    store.add(example("r2"))

    assert store.erase([RequestId("r1"), RequestId("other")]) == 1
    assert [one.request for one in store.listed()] == ["r2"]
    assert store.erase() == 1
    with pytest.raises(NotFound, match="no example is kept of request r2"):
        store.judge(RequestId("r2"), "right")


def test_the_commands_list_judge_export_and_erase(store: CaptureStore, tmp_path: Path) -> None:
    store.add(example())
    config = tmp_path / "edge.yaml"
    config.write_text(CONFIG)
    out = tmp_path / "data.jsonl"

    def run(*words: str) -> str:
        done = CliRunner().invoke(capture_app, [*words, "--config", str(config)])
        assert done.exit_code == 0, done.output
        return done.output

    assert "not judged" in run("list")
    assert SECRET not in run("list")
    assert run("judge", "r1", "right") == "r1: right\n"
    assert "version 1, 1 examples" in run("export", "--out", str(out)).replace("\n", " ")
    line = json.loads(out.read_text())
    assert [turn["role"] for turn in line["messages"]] == ["user", "assistant"]
    assert (line["verdict"], line["dataset_version"]) == ("right", 1)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert run("erase", "--all") == "erased 1\n"
    assert run("list") == "nothing is kept\n"
