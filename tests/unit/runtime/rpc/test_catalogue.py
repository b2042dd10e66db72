"""The status table is total, and its sentences are fixed."""

import grpc
import pytest

from runtime import errors
from runtime.rpc.catalogue import CATALOGUE, by_code, known_class, public_status


def all_subclasses(kind: type[errors.LeewardError]) -> set[type[errors.LeewardError]]:
    found = {kind}
    for child in kind.__subclasses__():
        found |= all_subclasses(child)
    return {item for item in found if item.__module__ == "runtime.errors"}


def test_every_named_failure_has_a_public_status() -> None:
    assert set(CATALOGUE) == all_subclasses(errors.LeewardError)


def test_no_failure_looks_like_success() -> None:
    assert grpc.StatusCode.OK not in {status.code for status in CATALOGUE.values()}


# RESOURCE_EXHAUSTED is what clients know a quota by; that it carries no RetryInfo says not to wait.
USED_UP = {errors.BudgetExhausted}


@pytest.mark.parametrize("kind", sorted(set(CATALOGUE) - USED_UP, key=lambda kind: kind.__name__))
def test_retrying_callers_are_told_so_by_a_retryable_code(kind: type[errors.LeewardError]) -> None:
    retryable_codes = {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
    }

    assert (CATALOGUE[kind].code in retryable_codes) == kind.retryable


def test_failures_about_identity_are_told_apart_by_nobody() -> None:
    kinds = (errors.IdentityError, errors.CertificateInvalid, errors.TokenRefused)

    assert len({CATALOGUE[kind] for kind in kinds}) == 1


def test_a_failure_that_a_role_adds_is_known_by_its_parent() -> None:
    class OwnFailure(errors.UpstreamUnavailable):
        """Of a role."""

    assert known_class(OwnFailure("x")) is errors.UpstreamUnavailable
    assert public_status(OwnFailure("x")) == CATALOGUE[errors.UpstreamUnavailable]


def test_every_code_but_success_stands_for_a_failure() -> None:
    for code in set(grpc.StatusCode) - {grpc.StatusCode.OK}:
        assert issubclass(by_code(code), errors.LeewardError)
