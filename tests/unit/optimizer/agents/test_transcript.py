"""The record of every exchange: durable, private, and honest about what was cut short."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.agents.failures import TranscriptMismatch
from optimizer.agents.model import FailureKind
from optimizer.agents.spend import Tokens
from optimizer.agents.transcript import (
    Exchange,
    MemoryTranscript,
    TranscriptFile,
    exchange_line,
    read_transcript,
)

OPENED = Exchange(1, {"model": "m", "messages": []}, tokens=Tokens(900, 100))
ANSWERED = replace(
    OPENED, text="回答 {}\n\u2028", finish_reason="stop", tokens=Tokens(7, 2), latency_s=0.5
)
FAILED = replace(OPENED, number=2, failure=FailureKind.TIMED_OUT, estimated=True)


def write(path: Path, *exchanges: Exchange) -> None:
    file = TranscriptFile(path)
    for exchange in exchanges:
        file.open(replace(OPENED, number=exchange.number, request=exchange.request))
        file.close(exchange)
    file.close_file()


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "agent.jsonl"

    write(path, ANSWERED, FAILED)

    assert read_transcript(path) == (ANSWERED, FAILED)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_was_cut_keeps_whole_calls_and_counts_an_open_one_as_lost(
    tmp_path: Path,
) -> None:
    path = tmp_path / "agent.jsonl"
    write(path, ANSWERED)
    whole = path.read_bytes()
    opened = whole.index(b"\n") + 1
    lost = replace(OPENED, failure=FailureKind.LOST, estimated=True)

    for length in {*range(0, len(whole), 7), opened - 1, opened, len(whole) - 1}:
        path.write_bytes(whole[:length])
        assert read_transcript(path) == ((lost,) if length >= opened else ())


def test_writing_goes_on_behind_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "agent.jsonl"
    write(path, ANSWERED)
    with path.open("ab") as file:
        file.write(b'{"form": "agent-tr')

    write(path, FAILED)

    assert read_transcript(path) == (ANSWERED, FAILED)


def test_what_the_file_already_holds_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "agent.jsonl"
    write(path, ANSWERED)
    before = path.read_bytes()

    write(path, ANSWERED)

    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[]\n",
        b"{}\n",
        b'{"form": "agent-transcript/v9"}\n',
        exchange_line(ANSWERED).replace(b'"model":"m"', b'"model":"n"'),
        exchange_line(FAILED).replace(b"timed_out", b"sulked"),
    ],
)
def test_a_line_that_is_none_of_ours_is_refused_with_its_place(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "agent.jsonl"
    path.write_bytes(line)

    with pytest.raises(TranscriptMismatch, match=r"agent\.jsonl:1"):
        read_transcript(path)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=50))
def test_any_reply_fits_on_one_line(text: str) -> None:
    line = exchange_line(replace(ANSWERED, text=text))

    assert line.count(b"\n") == 1
    assert json.loads(line)["text"] == text


def test_in_memory_an_open_call_is_lost_until_it_is_closed() -> None:
    transcript = MemoryTranscript()

    transcript.open(OPENED)
    open_now = list(transcript.exchanges)
    transcript.close(ANSWERED)

    assert open_now[0].failure is FailureKind.LOST
    assert transcript.exchanges == [ANSWERED]
