"""Named failures to gRPC statuses with ``google.rpc`` details, and back.

What travels: the class's name, its fixed sentence, and for the few classes where a caller can act
on more, exactly that (a field, a path of names, seconds to wait). Never an error's own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, PreconditionFailure, RetryInfo
from google.rpc.status_pb2 import Status

from runtime import errors
from runtime.rpc.catalogue import CATALOGUE, by_code, known_class, public_status

__all__ = ["DETAILS_KEY", "ERROR_DOMAIN", "from_rpc_error", "has_details", "to_rich_status"]

DETAILS_KEY: Final = "grpc-status-details-bin"
"""The trailing metadata in which gRPC carries rich statuses."""
ERROR_DOMAIN: Final = "leeward"
"""The domain of our ``ErrorInfo``."""

_DEFAULT_RETRY_S: Final = 1.0
_MAX_RETRY_S: Final = 3600.0
_MAX_DETAIL_CHARS: Final = 256
_MAX_HOPS: Final = 32
_MAX_HOP_CHARS: Final = 128
_LEAK: Final = "FLOW"
_CONTENT: Final = "CONTENT"
_MAX_CATEGORIES: Final = 64

_BY_NAME: Final[Mapping[str, type[errors.LeewardError]]] = {
    kind.__name__: kind for kind in CATALOGUE
}
_COUNT: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
DetailT = TypeVar("DetailT", bound=Message)


def to_rich_status(error: errors.LeewardError) -> Status:
    """Return the status that a remote caller gets for ``error``."""
    public = public_status(error)
    status = Status(code=public.code.value[0], message=public.message)
    for detail in _details(error):
        status.details.add().Pack(detail)
    return status


def from_rpc_error(error: grpc.aio.AioRpcError) -> errors.LeewardError:
    """Return the failure that a remote node reported.

    A status with our details gives the class that was raised there; any other gives the class
    that its code stands for. The remote's own words are not taken over: they may quote a prompt.
    """
    status = _rich_status(error)
    info = _detail(status, ErrorInfo) if status else None
    if status is not None and info is not None and info.domain == ERROR_DOMAIN:
        kind = _BY_NAME.get(info.reason)
        if kind is not None:
            return _rebuild(kind, status)
    code = error.code()
    return _plain(by_code(code), f"the call failed with {code.name}")


def has_details(error: grpc.aio.AioRpcError) -> bool:
    """Whether a node of ours sent the status, as opposed to a broken link or a stranger."""
    status = _rich_status(error)
    info = _detail(status, ErrorInfo) if status else None
    return info is not None and info.domain == ERROR_DOMAIN


def _details(error: errors.LeewardError) -> Iterable[Message]:
    yield ErrorInfo(
        reason=known_class(error).__name__, domain=ERROR_DOMAIN, metadata=_metadata(error)
    )
    if error.retryable:
        retry = RetryInfo()
        retry.retry_delay.FromNanoseconds(round(_retry_after_s(error) * 1e9))
        yield retry
    violation = _field_violation(error)
    if violation is not None:
        yield BadRequest(field_violations=[violation])
    if isinstance(error, errors.LeakFound) and error.path:
        hops = " -> ".join(_bounded(hop)[:_MAX_HOP_CHARS] for hop in error.path[:_MAX_HOPS])
        yield PreconditionFailure(
            violations=[PreconditionFailure.Violation(type=_LEAK, subject=hops)]
        )
    if isinstance(error, errors.ContentRefused) and error.found:
        yield PreconditionFailure(
            violations=[
                PreconditionFailure.Violation(
                    type=_CONTENT, subject=_bounded(category), description=str(count)
                )
                for category, count in sorted(error.found.items())[:_MAX_CATEGORIES]
            ]
        )


def _metadata(error: errors.LeewardError) -> dict[str, str]:
    match error:
        case errors.BudgetExhausted():
            found = {"budget": _bounded(error.budget), "renews_at": _bounded(error.renews_at)}
        case errors.RequestQueued():
            found = {"idempotency_key": _bounded(error.idempotency_key)}
        case _:
            return {}
    return {name: value for name, value in found.items() if value}


def _retry_after_s(error: errors.LeewardError) -> float:
    if isinstance(error, errors.CapacityExhausted):
        return min(max(error.retry_after_s, 0.0), _MAX_RETRY_S)
    return _DEFAULT_RETRY_S


def _field_violation(error: errors.LeewardError) -> BadRequest.FieldViolation | None:
    if isinstance(error, errors.RequestInvalid) and error.field:
        return BadRequest.FieldViolation(field=_bounded(error.field))
    # A graph without a file came in the request: its reason is about the caller's own document.
    if isinstance(error, errors.GraphInvalid) and not error.file:
        return BadRequest.FieldViolation(
            field=_bounded(error.field), description=_bounded(error.reason)
        )
    return None


def _rebuild(kind: type[errors.LeewardError], status: Status) -> errors.LeewardError:
    reason = CATALOGUE[kind].message
    if issubclass(kind, errors.DocumentInvalid | errors.RequestInvalid):
        request = _detail(status, BadRequest)
        violation = next(iter(request.field_violations), None) if request else None
        field = _bounded(violation.field) if violation else ""
        described = _bounded(violation.description) if violation else ""
        return kind(described or reason, field=field)
    if issubclass(kind, errors.CapacityExhausted):
        retry = _detail(status, RetryInfo)
        seconds = retry.retry_delay.ToNanoseconds() / 1e9 if retry else _DEFAULT_RETRY_S
        return kind(reason, retry_after_s=min(max(seconds, 0.0), _MAX_RETRY_S))
    if issubclass(kind, errors.BudgetExhausted):
        info = _detail(status, ErrorInfo)
        told = dict(info.metadata) if info else {}
        return kind(
            f"{reason} (reported by the remote node)",
            budget=_bounded(told.get("budget", "")),
            renews_at=_bounded(told.get("renews_at", "")),
        )
    if issubclass(kind, errors.RequestQueued):
        info = _detail(status, ErrorInfo)
        key = info.metadata.get("idempotency_key", "") if info else ""
        return kind(reason, idempotency_key=_bounded(key))
    if issubclass(kind, errors.LeakFound):
        failure = _detail(status, PreconditionFailure)
        leaks = (
            [item.subject for item in failure.violations if item.type == _LEAK] if failure else []
        )
        path = leaks[0].split(" -> ")[:_MAX_HOPS] if leaks else []
        return kind(reason, path=tuple(_bounded(hop) for hop in path))
    if issubclass(kind, errors.ContentRefused):
        return kind(reason, found=_found(_detail(status, PreconditionFailure)))
    return _plain(kind, reason)


def _found(failure: PreconditionFailure | None) -> dict[str, int]:
    """Return the categories and counts of a refusal; a count that is none is left out."""
    violations = failure.violations[:_MAX_CATEGORIES] if failure else ()
    return {
        _bounded(item.subject): int(item.description)
        for item in violations
        if item.type == _CONTENT and _COUNT.fullmatch(item.description)
    }


def _plain(kind: type[errors.LeewardError], reason: str) -> errors.LeewardError:
    return kind(f"{reason} (reported by the remote node)")


def _rich_status(error: grpc.aio.AioRpcError) -> Status | None:
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                status = Status.FromString(value)
            except DecodeError:
                return None
            return status if status.code == error.code().value[0] else None
    return None


def _detail(status: Status, kind: type[DetailT]) -> DetailT | None:
    for packed in status.details:
        if packed.Is(kind.DESCRIPTOR):
            detail = kind()
            try:
                packed.Unpack(detail)
            except DecodeError:
                return None
            return detail
    return None


def _bounded(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable[:_MAX_DETAIL_CHARS]
