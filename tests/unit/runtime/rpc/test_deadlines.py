"""Every call has a finite time, whatever its caller says."""

from typing import Any, cast

import grpc
import pytest

from runtime.errors import DeadlineExceeded
from runtime.rpc.deadlines import DEFAULT_TIMEOUT_S, MAX_TIMEOUT_S, remaining_s


class Context:
    """A call with so much time left."""

    def __init__(self, left_s: float | None) -> None:
        self._left_s = left_s

    def time_remaining(self) -> float | None:
        return self._left_s


def context(left_s: float | None) -> grpc.aio.ServicerContext[Any, Any]:
    return cast("grpc.aio.ServicerContext[Any, Any]", Context(left_s))


def test_a_caller_without_a_deadline_gets_the_default() -> None:
    assert remaining_s(context(None)) == DEFAULT_TIMEOUT_S
    assert remaining_s(context(None), default_s=3) == 3


def test_a_callers_deadline_counts() -> None:
    assert remaining_s(context(1.5)) == 1.5


def test_no_caller_gets_more_than_the_most() -> None:
    assert remaining_s(context(1e9)) == MAX_TIMEOUT_S


@pytest.mark.parametrize("left_s", [0.0, -1.0])
def test_a_deadline_that_has_passed_is_a_named_failure(left_s: float) -> None:
    with pytest.raises(DeadlineExceeded):
        remaining_s(context(left_s))
