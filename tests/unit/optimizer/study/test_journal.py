"""The journal keeps every event, survives a cut anywhere, and refuses what it did not write."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.evaluation.model import Answered, Evaluated, Source, Spend
from optimizer.evaluation.virtual import FreeGraph
from optimizer.search.model import Candidate, CandidateKey, Recommendation, Trial
from optimizer.study.events import (
    Asked,
    Done,
    Ended,
    Event,
    Failed,
    Header,
    Learned,
    Outcome,
    Recommended,
    decode_line,
    encode_line,
)
from optimizer.study.journal import Journal, read_journal
from optimizer.study.virtual import Virtual
from runtime.errors import StudyInvalid

HEADER = Header("one", "hash", "outcomes", "random", 3, 10)
WHOLE = st.integers(0, 2**40)
NUMBER = st.floats(0, 1e12, allow_nan=False)
CANDIDATE = st.builds(
    Candidate, st.text(max_size=20).map(CandidateKey), st.lists(WHOLE, max_size=4).map(tuple)
)
ANSWERED = st.builds(
    Answered,
    NUMBER,
    st.booleans(),
    NUMBER,
    NUMBER,
    NUMBER,
    WHOLE,
    WHOLE,
    WHOLE,
    st.lists(WHOLE, max_size=3).map(tuple),
    egress_bytes=st.none() | NUMBER,
)
UNTRACED = st.builds(  # of a virtual trial: its calls are known from the graphs that paid for them
    Answered,
    NUMBER,
    st.booleans(),
    NUMBER,
    NUMBER,
    NUMBER,
    WHOLE,
    WHOLE,
    WHOLE,
    egress_bytes=st.none() | NUMBER,
)
FREE = st.builds(FreeGraph, CANDIDATE, st.lists(st.tuples(WHOLE, UNTRACED), max_size=3).map(tuple))
SPEND = st.builds(
    Spend, NUMBER, WHOLE, WHOLE, WHOLE, NUMBER, st.frozensets(WHOLE, max_size=3), WHOLE
)
EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(Header, st.text(), st.text(), st.text(), st.text(), WHOLE, WHOLE, WHOLE),
    st.builds(Virtual, WHOLE, st.lists(FREE, max_size=3).map(tuple)),
    st.builds(Asked, st.builds(Trial, WHOLE, CANDIDATE, st.lists(WHOLE, max_size=4).map(tuple))),
    st.builds(
        Outcome, WHOLE, st.builds(Evaluated, WHOLE, ANSWERED, st.sampled_from(Source), SPEND)
    ),
    st.builds(Failed, WHOLE, WHOLE, st.text(), SPEND),
    st.builds(Done, WHOLE, WHOLE, WHOLE, NUMBER, st.none() | NUMBER),
    st.builds(
        Recommended,
        WHOLE,
        st.none() | st.builds(Recommendation, CANDIDATE, NUMBER, st.tuples(NUMBER, NUMBER), WHOLE),
    ),
    st.builds(Learned, WHOLE, st.dictionaries(st.text(), NUMBER | st.text(), max_size=3)),
    st.builds(Ended, st.text()),
)


@given(EVENT)
def test_every_event_reads_back_as_it_was_written(event: Event) -> None:
    line = encode_line(event)

    assert decode_line(line) == event
    assert line.count(b"\n") == 1


@given(st.binary(max_size=80))
def test_bytes_that_are_no_line_are_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which one does not matter
        decode_line(line)


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    whole = encode_line(HEADER)
    path.write_bytes(whole + encode_line(Ended("finished"))[:-1])

    with Journal(path) as journal:
        assert journal.recorded == (HEADER,)
        journal.append([Ended("again")])

    assert read_journal(path) == (HEADER, Ended("again"))


def test_reading_leaves_a_torn_line_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(encode_line(HEADER) + b'{"event":')

    assert read_journal(path) == (HEADER,)
    assert path.read_bytes().endswith(b'{"event":')


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEADER, b"{}\n"], "2: is not a line of a journal"),
        ([HEADER, b"\xff\n"], "2: is not a line of a journal"),
        ([Ended("x")], "1: must begin with the study's line"),
        ([HEADER, HEADER], "2: is a second beginning"),
        ([HEADER, b'{"event":"done","trial":true}\n'], "2: is not a line of a journal"),
    ],
)
def test_a_changed_journal_is_refused_with_its_line(
    tmp_path: Path, lines: list[Event | bytes], message: str
) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(x if isinstance(x, bytes) else encode_line(x) for x in lines))

    with pytest.raises(StudyInvalid, match=message):
        read_journal(path)


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "journal.jsonl"),
        pytest.raises(StudyInvalid, match="another run is at work"),
    ):
        Journal(tmp_path / "journal.jsonl")


def test_a_missing_journal_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StudyInvalid, match="`leeward optimizer run` makes it"):
        read_journal(tmp_path / "journal.jsonl")
