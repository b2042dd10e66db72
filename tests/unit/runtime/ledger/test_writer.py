import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.clock import Clock
from runtime.errors import LedgerCorrupt, LedgerUnavailable, RequestInvalid
from runtime.ledger.read import entries_of_request, read_entries
from runtime.ledger.record import (
    ContentPassage,
    EntryKind,
    Opened,
    Outcome,
    Recovered,
)
from runtime.ledger.verify import verify_ledger
from runtime.ledger.writer import LedgerWriter

Passage = Callable[[str], ContentPassage]


async def test_an_append_is_in_the_file_when_it_returns(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    async with LedgerWriter.open(tmp_path / "ledger", clock=clock) as writer:
        head = await writer.append(passage("request-1"))

        newest = list(read_entries(tmp_path / "ledger"))[-1]

        assert newest.head == head == writer.head()
        assert newest.record == passage("request-1")


async def test_an_append_returns_only_after_the_fsync(
    tmp_path: Path, clock: Clock, passage: Passage, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_sync = threading.Event()
    real_fsync = os.fsync

    def slow_fsync(descriptor: int) -> None:
        may_sync.wait(10)
        real_fsync(descriptor)

    async with LedgerWriter.open(tmp_path / "ledger", clock=clock) as writer:
        monkeypatch.setattr(os, "fsync", slow_fsync)
        append = asyncio.ensure_future(writer.append(passage("request-1")))
        done, _ = await asyncio.wait({append}, timeout=0.1)
        assert not done
        assert writer.head().position == 0

        may_sync.set()

        assert (await append).position == 1


async def test_appends_that_wait_together_share_one_fsync(
    tmp_path: Path, clock: Clock, passage: Passage, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    real_fsync = os.fsync

    def counting_fsync(descriptor: int) -> None:
        syncs.append(descriptor)
        real_fsync(descriptor)

    async with LedgerWriter.open(tmp_path / "ledger", clock=clock) as writer:
        monkeypatch.setattr(os, "fsync", counting_fsync)
        heads = await asyncio.gather(*(writer.append(passage(f"r{i}")) for i in range(100)))

    assert [head.position for head in heads] == list(range(1, 101))
    assert len(syncs) <= 10


async def test_a_note_is_durable_after_the_close(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    async with LedgerWriter.open(tmp_path / "ledger", clock=clock) as writer:
        head = await writer.append(passage("request-1"))
        writer.note(Outcome(of=head.position, status="ok"))

    of_request = entries_of_request(tmp_path / "ledger", passage("request-1").request_id)
    assert [entry.kind for entry in of_request] == [EntryKind.CONTENT, EntryKind.OUTCOME]
    assert verify_ledger(tmp_path / "ledger").is_intact


async def test_positions_go_on_after_a_restart(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    for round_ in range(3):
        async with LedgerWriter.open(tmp_path / "ledger", clock=clock) as writer:
            await writer.append(passage(f"request-{round_}"))

    report = verify_ledger(tmp_path / "ledger", every_signature=True)
    assert report.is_intact
    assert report.entries == 6
    assert report.by_kind[EntryKind.OPEN] == 3


async def test_a_second_writer_is_refused(tmp_path: Path, clock: Clock) -> None:
    async with LedgerWriter.open(tmp_path / "ledger", clock=clock):
        with pytest.raises(LedgerUnavailable, match="another process"):
            LedgerWriter.open(tmp_path / "ledger", clock=clock)

    async with LedgerWriter.open(tmp_path / "ledger", clock=clock) as writer:
        assert writer.head().position == 1


async def test_a_failed_fsync_refuses_this_append_and_every_later_one(
    tmp_path: Path, clock: Clock, passage: Passage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing_fsync(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    async with LedgerWriter.open(tmp_path / "ledger", clock=clock) as writer:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", failing_fsync)
            with pytest.raises(LedgerUnavailable):
                await writer.append(passage("request-1"))

        with pytest.raises(LedgerUnavailable):
            await writer.append(passage("request-2"))
        with pytest.raises(LedgerUnavailable):
            writer.note(Outcome(of=0, status="ok"))
        assert not writer.is_writable
        assert writer.head().position == 0

    async with LedgerWriter.open(tmp_path / "ledger", clock=clock) as writer:
        await writer.append(passage("request-3"))
    assert verify_ledger(tmp_path / "ledger").is_intact


async def test_an_append_after_the_close_is_refused(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    writer = LedgerWriter.open(tmp_path / "ledger", clock=clock)
    await writer.close()

    with pytest.raises(LedgerUnavailable, match="closed"):
        await writer.append(passage("request-1"))
    await writer.close()


async def test_content_does_not_get_in_and_does_no_harm(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    async with LedgerWriter.open(tmp_path / "ledger", clock=clock) as writer:
        with pytest.raises(RequestInvalid):
            await writer.append(passage("Patient Anna Kowalska"))

        assert (await writer.append(passage("request-1"))).position == 1


async def test_a_cancelled_append_leaves_the_ledger_usable(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    async with LedgerWriter.open(tmp_path / "ledger", clock=clock) as writer:
        append = asyncio.ensure_future(writer.append(passage("request-1")))
        await asyncio.sleep(0)
        append.cancel()
        await asyncio.wait({append})

        await writer.append(passage("request-2"))

    assert verify_ledger(tmp_path / "ledger").is_intact


async def test_segments_rotate_and_stay_one_chain(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    directory = tmp_path / "ledger"
    async with LedgerWriter.open(directory, clock=clock, segment_bytes=2000) as writer:
        for number in range(10):
            await writer.append(passage(f"request-{number}"))
    async with LedgerWriter.open(directory, clock=clock, segment_bytes=2000) as writer:
        await writer.append(passage("request-10"))

    assert len(list(directory.glob("*.jsonl"))) > 3
    report = verify_ledger(directory)
    assert report.is_intact
    assert report.entries == 13
    assert [entry.position for entry in read_entries(directory, first_position=9)] == [
        9,
        10,
        11,
        12,
    ]


@pytest.mark.parametrize("kept_bytes", [1, 15, 100, 500])
async def test_a_torn_last_line_is_cut_off_and_recorded(
    tmp_path: Path, clock: Clock, passage: Passage, kept_bytes: int
) -> None:
    directory = tmp_path / "ledger"
    async with LedgerWriter.open(directory, clock=clock) as writer:
        await writer.append(passage("request-1"))
    segment = directory / "000000000000.jsonl"
    whole = segment.read_bytes()
    segment.write_bytes(whole + whole.splitlines()[-1][:kept_bytes])
    torn = verify_ledger(directory)
    assert torn.is_intact
    assert torn.torn_tail is not None
    assert torn.torn_tail.dropped_bytes == kept_bytes

    async with LedgerWriter.open(directory, clock=clock) as writer:
        assert writer.recovered_bytes == kept_bytes

    report = verify_ledger(directory)
    assert report.is_intact
    assert report.torn_tail is None
    assert report.recoveries == 1
    records = [entry.record for entry in read_entries(directory)]
    assert records[-2:] == [Opened(), Recovered(kept_bytes)]


async def test_a_torn_first_line_of_a_new_segment_is_cut_off(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    directory = tmp_path / "ledger"
    async with LedgerWriter.open(directory, clock=clock, segment_bytes=500) as writer:
        await writer.append(passage("request-1"))
    newest = max(directory.glob("*.jsonl"))
    position = int(newest.stem) + len(newest.read_bytes().splitlines())
    (directory / f"{position:012d}.jsonl").write_bytes(b'{"entry":{"at":"2026')

    async with LedgerWriter.open(directory, clock=clock) as writer:
        await writer.append(passage("request-2"))

    report = verify_ledger(directory)
    assert report.is_intact
    assert report.recoveries == 1


async def test_blocks_of_zeros_at_the_end_are_what_a_crash_left(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    directory = tmp_path / "ledger"
    async with LedgerWriter.open(directory, clock=clock) as writer:
        await writer.append(passage("request-1"))
    with (directory / "000000000000.jsonl").open("ab") as file:
        file.write(bytes(4096))
    assert verify_ledger(directory).torn_tail is not None

    async with LedgerWriter.open(directory, clock=clock) as writer:
        assert writer.recovered_bytes == 4096

    assert verify_ledger(directory).is_intact


async def test_an_altered_ledger_is_not_written_on(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    directory = tmp_path / "ledger"
    async with LedgerWriter.open(directory, clock=clock) as writer:
        await writer.append(passage("request-1"))
    segment = directory / "000000000000.jsonl"
    altered = segment.read_bytes().replace(b"request-1", b"request-2")
    segment.write_bytes(altered)

    with pytest.raises(LedgerCorrupt, match=r"000000000000\.jsonl:2"):
        LedgerWriter.open(directory, clock=clock)

    assert segment.read_bytes() == altered


async def test_a_reordered_ledger_is_not_written_on(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    directory = tmp_path / "ledger"
    async with LedgerWriter.open(directory, clock=clock) as writer:
        for number in range(3):
            await writer.append(passage(f"request-{number}"))
    segment = directory / "000000000000.jsonl"
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([lines[0], lines[2], lines[1], lines[3]]))

    with pytest.raises(LedgerCorrupt, match="does not follow"):
        LedgerWriter.open(directory, clock=clock)


async def test_a_dropped_newest_but_one_segment_is_noticed_at_the_start(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    directory = tmp_path / "ledger"
    async with LedgerWriter.open(directory, clock=clock, segment_bytes=500) as writer:
        await writer.append(passage("request-1"))
        await writer.append(passage("request-2"))
    segments = sorted(directory.glob("*.jsonl"))
    segments[-1].write_bytes(b"")
    segments[-2].unlink()

    with pytest.raises(LedgerCorrupt, match="missing"):
        LedgerWriter.open(directory, clock=clock)


async def test_missing_keys_are_never_replaced(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    directory = tmp_path / "ledger"
    async with LedgerWriter.open(directory, clock=clock) as writer:
        await writer.append(passage("request-1"))
    (directory / "ledger-secret.key").unlink()

    with pytest.raises(LedgerUnavailable, match="keys are missing"):
        LedgerWriter.open(directory, clock=clock)


async def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, clock: Clock) -> None:
    directory = tmp_path / "ledger"
    async with LedgerWriter.open(directory, clock=clock):
        pass
    (directory / "ledger-secret.key").chmod(0o644)

    with pytest.raises(LedgerUnavailable, match="0600"):
        LedgerWriter.open(directory, clock=clock)


async def test_keys_and_entries_are_readable_by_the_owner_alone(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    directory = tmp_path / "ledger"
    async with LedgerWriter.open(directory, clock=clock) as writer:
        await writer.append(passage("request-1"))

    assert directory.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in directory.iterdir()} == {0o600}


async def test_a_key_change_is_vouched_for_by_the_old_key(
    tmp_path: Path, clock: Clock, passage: Passage
) -> None:
    directory = tmp_path / "ledger"
    async with LedgerWriter.open(directory, clock=clock) as writer:
        first_key_id = next(iter(read_entries(directory))).key_id
        new_key_id = await writer.change_key()
        await writer.append(passage("request-1"))
    async with LedgerWriter.open(directory, clock=clock) as writer:
        await writer.append(passage("request-2"))

    report = verify_ledger(directory, every_signature=True)
    assert report.is_intact
    keys = [entry.key_id for entry in read_entries(directory)]
    assert keys == [first_key_id, first_key_id, new_key_id, new_key_id, new_key_id]
    assert not (directory / f"signing-{first_key_id}.pem").exists()


async def test_payload_digests_depend_on_the_ledgers_own_secret(
    tmp_path: Path, clock: Clock
) -> None:
    async with (
        LedgerWriter.open(tmp_path / "one", clock=clock) as one,
        LedgerWriter.open(tmp_path / "two", clock=clock) as two,
    ):
        assert one.payload_digest(b"601 234 567") == one.payload_digest(b"601 234 567")
        assert one.payload_digest(b"601 234 567") != two.payload_digest(b"601 234 567")
