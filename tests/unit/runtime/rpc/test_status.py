"""A failure crosses the wire as its class and its fixed sentence, and nothing else."""

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, PreconditionFailure, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import errors
from runtime.rpc.catalogue import CATALOGUE
from runtime.rpc.status import DETAILS_KEY, from_rpc_error, has_details, to_rich_status

SECRET = "Anna Kowalska, +48 600 700 800"
# Told to nobody, these share a status but keep their class for the log of the other end.
KINDS = sorted(CATALOGUE, key=lambda kind: kind.__name__)


def make(kind: type[errors.LeewardError]) -> errors.LeewardError:
    if issubclass(kind, errors.DocumentInvalid):
        return kind(SECRET, file="/etc/leeward/own.yaml", line=3, field="steps")
    if issubclass(kind, errors.LeakFound):
        return kind(SECRET, path=("request", "near", "far@cloud-1"))
    return kind(SECRET)


def arrived(status: Status, code: grpc.StatusCode | None = None) -> grpc.aio.AioRpcError:
    codes = {item.value[0]: item for item in grpc.StatusCode}
    return grpc.aio.AioRpcError(
        code or codes[status.code],
        grpc.aio.Metadata(),
        grpc.aio.Metadata((DETAILS_KEY, status.SerializeToString())),
        details=status.message,
    )


def bare(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=SECRET)


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_is_rebuilt_as_its_own_class(kind: type[errors.LeewardError]) -> None:
    rebuilt = from_rpc_error(arrived(to_rich_status(make(kind))))

    assert type(rebuilt) is kind


@pytest.mark.parametrize("kind", KINDS)
def test_no_failure_sends_its_own_text(kind: type[errors.LeewardError]) -> None:
    sent = to_rich_status(make(kind)).SerializeToString()

    assert SECRET.encode() not in sent
    assert b"/etc/leeward" not in sent


def test_a_full_node_says_when_to_come_back() -> None:
    sent = to_rich_status(errors.CapacityExhausted("full", retry_after_s=2.5))

    rebuilt = from_rpc_error(arrived(sent))

    assert isinstance(rebuilt, errors.CapacityExhausted)
    assert rebuilt.retry_after_s == 2.5


def test_a_used_up_budget_is_named_with_its_renewal_and_no_invitation_to_retry() -> None:
    error = errors.BudgetExhausted(SECRET, budget="acme-monthly", renews_at="2026-12-01T00:00:00Z")
    sent = to_rich_status(error)

    rebuilt = from_rpc_error(arrived(sent))

    assert isinstance(rebuilt, errors.BudgetExhausted)
    assert (rebuilt.budget, rebuilt.renews_at) == ("acme-monthly", "2026-12-01T00:00:00Z")
    assert not any(detail.Is(RetryInfo.DESCRIPTOR) for detail in sent.details)


def test_retryable_failures_carry_a_delay_and_others_do_not() -> None:
    def delays(error: errors.LeewardError) -> list[bool]:
        return [detail.Is(RetryInfo.DESCRIPTOR) for detail in to_rich_status(error).details]

    assert any(delays(errors.CloudAway("x")))
    assert not any(delays(errors.NotFound("x")))


def test_a_leak_is_reported_with_its_path() -> None:
    path = ("request", "near", "far@cloud-1")

    rebuilt = from_rpc_error(arrived(to_rich_status(errors.LeakFound(SECRET, path=path))))

    assert isinstance(rebuilt, errors.LeakFound)
    assert rebuilt.path == path


def test_a_refusal_of_content_is_reported_with_categories_and_counts() -> None:
    error = errors.ContentRefused(SECRET, found={"person": 2, "health": 0})

    rebuilt = from_rpc_error(arrived(to_rich_status(error)))

    assert isinstance(rebuilt, errors.ContentRefused)
    assert rebuilt.found == {"person": 2, "health": 0}


def test_a_count_that_is_none_is_left_out() -> None:
    status = to_rich_status(errors.ContentRefused(SECRET, found={"person": 2, "contact": 1}))
    failure = PreconditionFailure()
    status.details[1].Unpack(failure)
    failure.violations[0].description = "Anna Kowalska"
    status.details[1].Pack(failure)

    rebuilt = from_rpc_error(arrived(status))

    assert isinstance(rebuilt, errors.ContentRefused)
    assert rebuilt.found == {"person": 2}


def test_the_callers_own_graph_is_criticised_by_field_and_reason() -> None:
    error = errors.GraphInvalid("closes the cycle a -> b -> a", field="edges[1]")

    rebuilt = from_rpc_error(arrived(to_rich_status(error)))

    assert isinstance(rebuilt, errors.GraphInvalid)
    assert (rebuilt.field, rebuilt.reason) == ("edges[1]", "closes the cycle a -> b -> a")


def test_the_nodes_own_graph_is_not_described_to_callers() -> None:
    error = errors.GraphInvalid("secret reason", file="/etc/leeward/g.yaml", field="edges")

    assert b"secret reason" not in to_rich_status(error).SerializeToString()


def test_a_bad_request_names_its_field_and_keeps_its_reason() -> None:
    error = errors.RequestInvalid(SECRET, field="messages[3].role")

    rebuilt = from_rpc_error(arrived(to_rich_status(error)))

    assert isinstance(rebuilt, errors.RequestInvalid)
    assert rebuilt.field == "messages[3].role"
    assert SECRET not in str(rebuilt)


def test_the_details_of_the_longest_path_fit_into_metadata() -> None:
    path = tuple("step" * 200 for _ in range(500))

    sent = to_rich_status(errors.LeakFound("x", path=path)).SerializeToString()

    assert len(sent) < 8000


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.BackendUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceeded),
        (grpc.StatusCode.UNIMPLEMENTED, errors.NotImplementedYet),
        (grpc.StatusCode.UNAUTHENTICATED, errors.IdentityError),
        (grpc.StatusCode.UNKNOWN, errors.BackendUnavailable),
    ],
)
def test_a_status_without_details_is_read_by_its_code_and_not_quoted(
    code: grpc.StatusCode, kind: type[errors.LeewardError]
) -> None:
    rebuilt = from_rpc_error(bare(code))

    assert type(rebuilt) is kind
    assert SECRET not in str(rebuilt)
    assert not has_details(bare(code))


def test_details_of_another_domain_are_not_ours() -> None:
    status = Status(code=grpc.StatusCode.NOT_FOUND.value[0])
    status.details.add().Pack(ErrorInfo(reason="PolicyViolation", domain="elsewhere"))

    assert type(from_rpc_error(arrived(status))) is errors.NotFound


def test_details_that_contradict_the_status_are_ignored() -> None:
    status = to_rich_status(errors.PolicyViolation("x"))

    rebuilt = from_rpc_error(arrived(status, code=grpc.StatusCode.UNAVAILABLE))

    assert type(rebuilt) is errors.BackendUnavailable


@settings(deadline=None)
@given(st.binary(max_size=80), st.sampled_from(sorted(grpc.StatusCode, key=str)))
def test_any_bytes_in_the_details_give_a_named_failure(data: bytes, code: grpc.StatusCode) -> None:
    status = Status(code=code.value[0])
    for kind in ("ErrorInfo", "BadRequest", "RetryInfo", "PreconditionFailure"):
        status.details.add(type_url=f"type.googleapis.com/google.rpc.{kind}", value=data)
    metadata = grpc.aio.Metadata((DETAILS_KEY, data))
    garbled = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata)

    assert isinstance(from_rpc_error(garbled), errors.LeewardError)
    assert isinstance(from_rpc_error(arrived(status)), errors.LeewardError)
