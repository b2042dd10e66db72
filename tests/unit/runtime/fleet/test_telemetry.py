"""What is told of calls beyond usage: closed names, and no text whatever a call says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leeward.v1 import desired_state_pb2 as pb
from runtime import errors
from runtime.codec.fleet import decode_sync_request, encode_sync_request
from runtime.errors import RequestInvalid
from runtime.fleet.report import HostReport, StateReport, SyncReport, UsageBatch, UsageReport
from runtime.fleet.telemetry import BOUNDS_S, COUNTS, STAGES, bucket, failed, quantile_s
from runtime.ids import ModelName

CANARY = "Anna Kowalska takes 3 tablets"
SECONDS = st.floats(0, 1000)


def report(**counts: int) -> SyncReport:
    usage = UsageReport(ModelName("slm"), 3, 1, 30, 12, counts)
    host = HostReport(disk_free_mib=900, memory_free_mib=400, models_mib=70)
    batch = UsageBatch(7, 1, (usage,))
    return SyncReport(StateReport(), is_complete=False, batch=batch, usage_dropped=2, host=host)


def test_every_error_of_the_catalogue_has_a_name() -> None:
    names = [name for name in errors.__all__ if isinstance(vars(errors)[name], type)]

    assert {failed(name) for name in names} <= COUNTS
    assert len({failed(name) for name in names}) == len(names)


@given(text=st.text() | st.just(CANARY))
def test_a_failure_that_nobody_knows_is_other(text: str) -> None:
    known = text in vars(errors) or text in ("cancelled", "other")

    assert failed(text) in COUNTS
    assert known or failed(text) == "failed.other"


@given(times=st.lists(SECONDS, min_size=1), share=st.floats(0.01, 1))
def test_a_quantile_is_the_bound_of_the_bucket_that_it_lies_in(
    times: list[float], share: float
) -> None:
    names = [bucket("total_s", one) for one in times]
    counts = {name: names.count(name) for name in names}

    bound = quantile_s(counts, "total_s", share)

    assert set(names) <= COUNTS
    assert bound is not None
    assert sum(one <= bound for one in times) >= share * len(times) - 1e-9
    below = [limit for limit in (0.0, *BOUNDS_S) if limit < bound]
    assert sum(one <= below[-1] for one in times) < max(share * len(times), 1) + 1e-9


def test_where_nothing_was_counted_nothing_is_said() -> None:
    assert [quantile_s({}, stage, 0.5) for stage in STAGES] == [None] * 3


def test_a_report_arrives_with_its_counts_and_its_room() -> None:
    sent = report(**{"failed.EngineCrashed": 1, "total_s.3": 3, "restarts": 2})

    assert decode_sync_request(encode_sync_request(sent)) == sent


def test_text_under_which_something_was_counted_does_not_leave_and_is_not_taken() -> None:
    message = encode_sync_request(report(**{CANARY: 1, f"failed.{CANARY}": 1, "restarts": 1}))
    assert CANARY.encode() not in message.SerializeToString()

    forged = pb.SyncRequest(usage=[pb.UsageReport(model="slm", counts={CANARY: 5, "restarts": 1})])
    (taken,) = decode_sync_request(forged).batch.usage
    assert taken.counts == {"restarts": 1}


def test_a_report_with_ever_more_names_is_refused() -> None:
    many = {f"n{number}": 1 for number in range(600)}

    with pytest.raises(RequestInvalid):
        decode_sync_request(pb.SyncRequest(usage=[pb.UsageReport(model="slm", counts=many)]))
