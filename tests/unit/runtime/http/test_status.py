"""Every named failure has an HTTP status."""

from http import HTTPStatus

import pytest

from runtime.errors import (
    AlreadyAnswered,
    BudgetExhausted,
    CallInFlight,
    CapacityExhausted,
    LeewardError,
    PriceMissing,
    RequestInvalid,
    RequestTooLarge,
    UpstreamUnavailable,
)
from runtime.http.status import error_body, retry_headers, status_of


def _named(kind: type[LeewardError]) -> list[type[LeewardError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _named(child))]


def test_every_failure_has_a_status() -> None:
    own = [kind for kind in _named(LeewardError) if kind.__module__ == "runtime.errors"]

    assert len(own) > 20
    for kind in own:
        assert status_of(kind("x")) >= HTTPStatus.BAD_REQUEST


def test_what_is_too_large_has_a_status_of_its_own() -> None:
    assert status_of(RequestTooLarge("x")) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.2, "2")])
def test_nobody_is_told_to_come_back_a_moment_early(seconds: float, header: str) -> None:
    assert retry_headers(CapacityExhausted("x", retry_after_s=seconds)) == {"retry-after": header}


@pytest.mark.parametrize("kind", [BudgetExhausted, PriceMissing, AlreadyAnswered, LeewardError])
def test_a_client_that_retries_by_status_is_told_not_to(kind: type[LeewardError]) -> None:
    assert retry_headers(kind("x")) == {"x-should-retry": "false"}


@pytest.mark.parametrize("kind", [CallInFlight, UpstreamUnavailable, RequestInvalid])
def test_nothing_is_said_where_the_client_judges_right(kind: type[LeewardError]) -> None:
    assert retry_headers(kind("x")) == {}


def test_a_used_up_budget_reads_as_openais_own_quota() -> None:
    assert status_of(BudgetExhausted("x")) == HTTPStatus.TOO_MANY_REQUESTS
    assert error_body(BudgetExhausted("x"))["error"]["code"] == "insufficient_quota"
    assert error_body(CapacityExhausted("x"))["error"]["code"] == "rate_limit_exceeded"
