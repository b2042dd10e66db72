"""The outbox on the disk: nothing readable, nothing lost, one key after the other."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.outbox.form import from_form, is_same_request, to_form
from edge.outbox.lifetime import Mark
from edge.outbox.model import ENDED, QueuedState
from edge.outbox.store import OutboxStore
from runtime.collaboration.collaboration import CollaborationRequest
from runtime.collaboration.graphs import Auto, Inline, Named, PlainModel
from runtime.errors import RequestInvalid, VaultLocked
from runtime.graph.document import parse_graph
from runtime.ids import ModelName, SessionId
from runtime.labels import Label
from runtime.ports import ChatMessage, SamplingOverrides, ToolCall, ToolDefinition
from tests.unit.edge.outbox.conftest import ASK_CLOUD

SECRET = "Anna Nowak has diabetes"
NOW = Mark("boot", 1.0, 2.0)


def opened(folder: Path) -> OutboxStore:
    return OutboxStore(folder, max_items=10, max_bytes=1 << 20)


def asked(text: str = SECRET) -> CollaborationRequest:
    return CollaborationRequest(Named("ask"), (ChatMessage("user", text),))


def add(store: OutboxStore, key: str) -> int:
    form = to_form(asked())
    return store.add(
        key, form, state=QueuedState.RUNNING, ttl_s=60, queued_at=NOW, cloud_steps=("far",)
    ).position


def test_nothing_of_a_request_its_calls_or_its_answer_is_readable_on_the_disk(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path)
    answered, running = add(store, "order of Anna Nowak"), add(store, "another")
    store.calls.begin(running, "id/step/0", SECRET.encode(), {"<PERSON_1>": "Anna Nowak"})
    store.calls.answer(running, "id/step/0", SECRET.encode(), repeats=0)
    store.end(answered, QueuedState.ANSWERED, now_s=1.0, result=SECRET.encode())

    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    store.close()

    assert b"Anna" not in written
    assert b"order of" not in written
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_fresh_key_opens_everything_and_the_old_one_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    answered, running = add(store, "a"), add(store, "b")
    store.calls.begin(running, "id/step/0", b"sent", {"<PERSON_1>": "Anna"})
    store.end(answered, QueuedState.ANSWERED, now_s=1.0, result=b"answer")
    before = store.find("a")

    store.rotate()

    assert store.find("a") == before
    call = store.calls.find("id/step/0")
    assert call is not None
    assert (call.request, call.originals) == (b"sent", {"<PERSON_1>": "Anna"})
    store.close()
    assert opened(tmp_path).find("a") == before


def test_rows_cannot_be_swapped_on_the_disk(tmp_path: Path) -> None:
    store = opened(tmp_path)
    first, second = add(store, "a"), add(store, "b")
    store.close()
    with sqlite3.connect(tmp_path / "outbox.sqlite") as other:
        (sealed,) = other.execute(
            "SELECT sealed FROM items WHERE position = ?", (first,)
        ).fetchone()
        other.execute("UPDATE items SET sealed = ? WHERE position = ?", (sealed, second))

    with pytest.raises(VaultLocked):
        opened(tmp_path).find("b")


def test_a_crash_leaves_what_was_running_waiting(tmp_path: Path) -> None:
    store = opened(tmp_path)
    position = add(store, "a")

    again = opened(tmp_path)  # the first was never closed

    assert again.waiting() == (position,)
    store.close()


@pytest.mark.parametrize("state", sorted(ENDED))
def test_a_request_ends_once(tmp_path: Path, state: QueuedState) -> None:
    store = opened(tmp_path)
    position = add(store, "a")

    ended = [
        store.end(position, state, now_s=1.0),
        store.end(position, QueuedState.FAILED, now_s=2),
    ]

    assert ended == [True, False]
    assert not store.put_back(position, "")
    assert store.read(position).state is state


TEXTS = st.text(max_size=20)
CHOICES = st.sampled_from(
    (Named("ask"), Auto(), PlainModel(ModelName("m")), Inline(parse_graph(ASK_CLOUD)))
)


@given(
    choice=CHOICES,
    text=TEXTS,
    stop=st.none() | st.tuples(TEXTS),
    bias=st.none() | st.tuples(st.tuples(st.integers(0, 9), st.floats(-1, 1))),
    label=st.sampled_from((Label.of(), Label.of("person", "health"))),
    session=st.none() | st.just(SessionId("s")),
    calls=st.sampled_from(((), (ToolCall("1", "f", "{}"),))),
    tools=st.sampled_from(((), (ToolDefinition("f", "does", "{}", is_strict=True),))),
)
def test_a_request_is_the_same_when_it_comes_back(
    choice: Named, text: str, stop: tuple[str, ...] | None, bias: tuple[tuple[int, float]] | None,
    label: Label, session: SessionId | None, calls: tuple[ToolCall, ...],
    tools: tuple[ToolDefinition, ...],
) -> None:  # fmt: skip
    request = CollaborationRequest(
        choice,
        (ChatMessage("user", text), ChatMessage("assistant", "", calls)),
        declared=label,
        session_id=session,
        sampling=SamplingOverrides(stop=stop, logit_bias=bias, seed=7),
        tools=tools,
        idempotency_key="k",
        deadline_s=5.0,
    )
    form = to_form(request)

    back = from_form(form, key="k", deadline_s=5.0)

    assert to_form(back) == form
    assert (back.messages, back.sampling, back.tools, back.choice, back.declared) == (
        request.messages, request.sampling, request.tools, request.choice, request.declared
    )  # fmt: skip
    assert is_same_request(form, to_form(back))


def test_a_damaged_form_is_refused_by_name() -> None:
    with pytest.raises(RequestInvalid, match="damaged"):
        from_form({"choice": {"graph": "ask"}}, key="k", deadline_s=1.0)
