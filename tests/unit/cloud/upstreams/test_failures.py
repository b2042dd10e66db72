"""When a provider says to come back: both forms of the header, and nonsense."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.upstreams.failures import retry_after_s

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("-3", 0.0),
        ("1e9", 3600.0),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Sun, 29 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 29 Nov 2026 11:59:00 GMT", 0.0),
        ("Sun, 29 Nov 2026 12:00:30", 30.0),
        ("Sun, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_it_is_read_as_far_as_it_makes_sense(text: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": text}, NOW) == seconds


@given(st.text(max_size=40))
def test_whatever_is_written_it_is_seconds_or_nothing(text: str) -> None:
    wait_s = retry_after_s({"retry-after": text}, NOW)

    assert wait_s is None or (math.isfinite(wait_s) and 0 <= wait_s <= 3600)
