"""The part of the gateway's configuration about its traces: ``traces``."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field

from runtime.documents.document import Problem
from runtime.documents.shape import Shape
from runtime.rpc.address import is_loopback_host

__all__ = ["TracesConfig", "TracesShape", "traces_config", "traces_problems"]


class TracesShape(Shape):
    """Where spans go. They hold names, counts and outcomes, never content."""

    log: bool = True
    """Whether each ended span is a line of the log."""
    otlp: str | None = Field(default=None, pattern=r"^https?://[^\s/?#@]+:\d{1,5}/?$")
    """An OpenTelemetry collector's OTLP endpoint over gRPC: ``https://collector:4317``."""
    otlp_ca: str | None = None
    """The collector's certificate authority, PEM, relative to this file; else the system's."""
    share: float = Field(default=1.0, ge=0, le=1)
    """Share of traces kept, for those that begin here; a caller's own choice is followed."""


@dataclass(frozen=True, slots=True)
class TracesConfig:
    """Where spans go."""

    log: bool
    otlp: str | None
    otlp_ca: Path | None
    share: float


def traces_problems(shape: TracesShape) -> Iterable[Problem]:
    """Return what contradicts itself in ``traces``."""
    if shape.otlp is None:
        if shape.otlp_ca is not None:
            yield Problem(("traces", "otlp_ca"), "belongs to `otlp`, which is not given")
        return
    url = urlsplit(shape.otlp)
    if url.scheme == "http" and not is_loopback_host(url.hostname or ""):
        reason = "goes over a network, so it must begin with https://"
        yield Problem(("traces", "otlp"), reason)


def traces_config(shape: TracesShape, base: Path) -> TracesConfig:
    """Return the configuration that a shape without problems says; paths are from ``base``."""
    return TracesConfig(
        log=shape.log,
        otlp=shape.otlp,
        otlp_ca=base / shape.otlp_ca if shape.otlp_ca else None,
        share=shape.share,
    )
