from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import LedgerCorrupt, RequestInvalid
from runtime.ids import NodeName, RequestId, SessionId
from runtime.ledger.record import (
    ContentPassage,
    ControlPassage,
    ControlPurpose,
    Destination,
    EntryKind,
    KeyChanged,
    Opened,
    Outcome,
    Record,
    Recovered,
    kind_of,
    record_from_fields,
    record_to_fields,
)

OTHERS: tuple[Record, ...] = (
    Opened("0.1.0"),
    Recovered(17),
    Outcome(of=3, status="ok", received_bytes=9, duration_s=0.25),
    ControlPassage(Destination(NodeName(""), "[::1]:7443"), ControlPurpose.ENROL, 10, 20),
    KeyChanged(key_id="0123456789abcdef", public_key=bytes(range(32))),
)


@pytest.mark.parametrize("record", OTHERS)
def test_what_is_recorded_reads_back_the_same(record: Record) -> None:
    assert record_from_fields(kind_of(record), record_to_fields(record)) == record


def test_a_content_passage_reads_back_the_same(
    passage: Callable[[str], ContentPassage],
) -> None:
    record = passage("request-1")

    assert record_from_fields(EntryKind.CONTENT, record_to_fields(record)) == record


@pytest.mark.parametrize(
    "text", ["Anna Kowalska", "two\nlines", "zażółć", "x" * 201, '{"a":1}', "a\tb"]
)
def test_a_string_that_could_be_content_is_refused(
    text: str, passage: Callable[[str], ContentPassage]
) -> None:
    record = passage("request-1")
    spoiled = [
        replace(record, request_id=RequestId(text)),
        replace(record, session_id=SessionId(text)),
        replace(record, graph=text),
        replace(record, policy_hash=text),
        replace(record, destination=Destination(NodeName(text), "a:1")),
        replace(record, releases=(replace(record.releases[0], by=text),)),
    ]

    for one in spoiled:
        with pytest.raises(RequestInvalid) as refused:
            record_to_fields(one)
        assert text not in str(refused.value)


@settings(deadline=None)
@given(
    st.sampled_from(EntryKind),
    st.dictionaries(
        st.sampled_from(["of", "status", "destination", "releases", "label", "public_key"]),
        st.none() | st.integers() | st.text() | st.lists(st.integers()) | st.just({}),
    ),
)
def test_hostile_fields_raise_nothing_but_the_named_error(
    kind: EntryKind, fields: dict[str, object]
) -> None:
    with pytest.raises(LedgerCorrupt):
        record_from_fields(kind, fields)
