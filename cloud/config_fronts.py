"""The part of the gateway's configuration about HTTP: ``http``, ``metrics`` and ``graphs``.

None of the three is there unless it is asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from runtime.documents.document import Problem
from runtime.documents.shape import Shape
from runtime.rpc.address import is_local

__all__ = [
    "Address",
    "GraphsConfig",
    "GraphsShape",
    "HttpConfig",
    "HttpShape",
    "MetricsConfig",
    "MetricsShape",
    "fronts_problems",
    "graphs_config",
    "http_config",
    "metrics_config",
]

Address = Annotated[str, Field(pattern=r"^\S+:\d{1,5}$", max_length=255)]


class HttpShape(Shape):
    """The OpenAI-compatible front for callers that bring an API key."""

    listen: Address = "127.0.0.1:7445"
    certificate_file: str | None = None
    """PEM, leaf first; relative to this file. Without it only this machine is served."""
    private_key_file: str | None = None
    timeout_s: float = Field(default=120.0, gt=0, le=3600)
    """What a request gets that sends no ``x-leeward-timeout-s``."""
    max_tokens: int = Field(default=1024, ge=1, le=1_000_000)
    """What a request gets that sends no ``max_tokens``; budgets reserve for it."""
    max_calls: int = Field(default=256, ge=1, le=100_000)
    """Requests answered at once; one more is told to come again."""
    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024)


class MetricsShape(Shape):
    """Where Prometheus reads."""

    listen: Address = "127.0.0.1:7446"
    token_file: str | None = None
    """Holds the bearer token that a reader must show; needed unless only this machine reads."""


class GraphsShape(Shape):
    """The graphs that run in the cloud alone."""

    directory: str
    """Graph documents with their signatures; relative to this file."""
    signers: list[str] | None = None
    """Files of the public keys that may have signed; left out, unsigned graphs run too."""
    default: str = Field(default="", max_length=256)
    """The graph that ``leeward/auto`` means."""


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """The OpenAI-compatible front."""

    listen: str
    certificate: Path | None
    private_key: Path | None
    timeout_s: float
    max_tokens: int
    max_calls: int
    max_body_bytes: int


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """Where Prometheus reads."""

    listen: str
    token_file: Path | None


@dataclass(frozen=True, slots=True)
class GraphsConfig:
    """The graphs that run in the cloud alone."""

    directory: Path
    signers: tuple[Path, ...] | None
    default: str


def fronts_problems(http: HttpShape | None, metrics: MetricsShape | None) -> Iterable[Problem]:
    """Return what contradicts itself, and what would serve the network in clear or unasked."""
    if http is not None:
        if (http.certificate_file is None) != (http.private_key_file is None):
            reason = "give both `certificate_file` and `private_key_file`, or neither"
            yield Problem(("http",), reason)
        if http.certificate_file is None and not is_local(http.listen):
            reason = (
                "keys would cross the network in clear: give `certificate_file` and"
                " `private_key_file`, or listen on 127.0.0.1"
            )
            yield Problem(("http", "listen"), reason)
    if metrics is not None and metrics.token_file is None and not is_local(metrics.listen):
        reason = "anybody on the network could read: give `token_file`, or listen on 127.0.0.1"
        yield Problem(("metrics", "listen"), reason)


def http_config(shape: HttpShape | None, base: Path) -> HttpConfig | None:
    """Return the configuration that a shape without problems says; paths are from ``base``."""
    if shape is None:
        return None
    return HttpConfig(
        listen=shape.listen,
        certificate=base / shape.certificate_file if shape.certificate_file else None,
        private_key=base / shape.private_key_file if shape.private_key_file else None,
        timeout_s=shape.timeout_s,
        max_tokens=shape.max_tokens,
        max_calls=shape.max_calls,
        max_body_bytes=shape.max_body_bytes,
    )


def metrics_config(shape: MetricsShape | None, base: Path) -> MetricsConfig | None:
    """Return the configuration that a shape without problems says; paths are from ``base``."""
    if shape is None:
        return None
    return MetricsConfig(shape.listen, base / shape.token_file if shape.token_file else None)


def graphs_config(shape: GraphsShape | None, base: Path) -> GraphsConfig | None:
    """Return the configuration that a shape without problems says; paths are from ``base``."""
    if shape is None:
        return None
    return GraphsConfig(
        directory=base / shape.directory,
        signers=None if shape.signers is None else tuple(base / file for file in shape.signers),
        default=shape.default,
    )
