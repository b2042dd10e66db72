"""Calls are told once each, in order, whatever is lost, repeated or restarted in between."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.stores.fleet_devices import _is_new
from edge.fleet.usage_journal import UsageJournal
from runtime.fleet.report import UsageBatch, UsageReport
from runtime.ids import ModelName

NAME = ModelName("slm")


def total(calls: int, name: ModelName = NAME) -> UsageReport:
    counts = {"failed.EngineCrashed": calls // 2, "total_s.1": calls}
    return UsageReport(name, calls, calls // 2, calls * 10, calls * 3, counts)


class Gateway:
    """Adds batches as the gateway's store does."""

    def __init__(self) -> None:
        self.known: SimpleNamespace | None = None
        self.calls = self.timed = 0
        self.numbers: list[int] = []

    def take(self, batch: UsageBatch) -> None:
        if not batch.usage or not _is_new(batch, self.known):
            return
        self.known = SimpleNamespace(usage_series=batch.series, usage_batch=batch.number)
        self.numbers.append(batch.number)
        self.calls += sum(one.calls for one in batch.usage)
        self.timed += sum(one.counts["total_s.1"] for one in batch.usage)


class Device:
    """A daemon with its journal, which may be killed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.noted = 0
        self.boot()

    def boot(self) -> None:
        self.journal = UsageJournal(self._file)
        self.called = self.counted = 0

    def note(self) -> None:
        self.journal.note([total(self.called)])
        self.noted += self.called - self.counted
        self.counted = self.called


STEPS = st.lists(
    st.sampled_from(["call", "note", "kill", "lost", "unanswered", "answered", "killed_after"]),
    max_size=60,
)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_what_was_noted_is_added_once_and_in_order(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        device, gateway = Device(Path(folder) / "usage.json"), Gateway()
        for step in [*steps, "answered", "answered"]:
            if step == "call":
                device.called += 1
            elif step == "note":
                device.note()
            elif step == "kill":
                device.boot()
            else:
                device.note()
                batch = device.journal.next()
                if step != "lost":
                    gateway.take(batch)
                if step == "answered":
                    device.journal.answered()
                if step == "killed_after":
                    device.boot()
            assert gateway.calls <= device.noted
        assert gateway.calls == gateway.timed == device.noted
        assert gateway.numbers == sorted(set(gateway.numbers))


def test_a_batch_stays_as_it_is_until_it_is_answered(tmp_path: Path) -> None:
    journal = UsageJournal(tmp_path / "usage.json")
    journal.note([total(2)])
    first = journal.next()
    journal.note([total(5)])

    assert journal.next() == first
    assert UsageJournal(tmp_path / "usage.json").next() == first
    journal.answered()
    second = journal.next()
    assert (second.number, second.usage[0].calls) == (first.number + 1, 3)
    journal.answered()
    assert journal.next() == UsageBatch(first.series, 0, ())


def test_a_model_that_begins_anew_is_counted_anew(tmp_path: Path) -> None:
    journal = UsageJournal(tmp_path / "usage.json")
    journal.note([total(5)])
    journal.note([total(1)])

    assert journal.next().usage[0].calls == 6


def test_a_count_that_begins_anew_while_calls_go_on_is_counted_anew(tmp_path: Path) -> None:
    journal = UsageJournal(tmp_path / "usage.json")
    for calls, restarts in ((1, 3), (2, 1)):  # loaded again in between
        journal.note([UsageReport(NAME, calls, 0, 0, 0, {"restarts": restarts})])

    assert journal.next().usage[0].counts == {"restarts": 4}


def test_a_journal_of_the_release_before_is_read(tmp_path: Path) -> None:
    file = tmp_path / "usage.json"
    counts = '{"calls": 2, "failures": 1, "prompt_tokens": 5, "completion_tokens": 3}'
    file.write_text(
        f'{{"series": 9, "number": 4, "sent": {{"slm": {counts}}}, "waiting": {{}}, "dropped": 0}}'
    )

    assert UsageJournal(file).next() == UsageBatch(9, 4, (UsageReport(NAME, 2, 1, 5, 3),))


def test_more_models_than_fit_cost_the_least_called_and_that_is_counted(tmp_path: Path) -> None:
    journal = UsageJournal(tmp_path / "usage.json")
    journal.note([total(number, ModelName(f"m{number}")) for number in range(1, 259)])

    batch = journal.next()
    assert len(batch.usage) == 256
    assert {one.calls for one in batch.usage}.isdisjoint({1, 2})
    assert journal.dropped == 3
    assert UsageJournal(tmp_path / "usage.json").dropped == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"series": 1}', b'{"series": "x"}'])
def test_a_damaged_journal_begins_another_series(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "usage.json"
    file.write_bytes(content)
    journal = UsageJournal(file)
    journal.note([total(1)])

    batch = journal.next()
    assert batch.number == 1
    assert batch.series > 1


def test_what_cannot_be_written_is_counted_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = UsageJournal(tmp_path / "usage.json")

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("edge.fleet.usage_journal.write_private_file", full)
        with pytest.raises(OSError, match="No space"):
            journal.note([total(3)])
    journal.note([total(4)])

    assert journal.next().usage[0].calls == 4
