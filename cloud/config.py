"""The gateway's configuration file (``cloud/v1``): listeners, providers, models, prices.

Providers, models and retries have their own page, ``cloud.config_upstreams``.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from cloud.config_authority import (
    AuthorityConfig,
    AuthorityShape,
    authority_config,
    authority_problems,
)
from cloud.config_cache import CacheConfig, CacheShape, cache_config, cache_problems
from cloud.config_database import (
    DatabaseConfig,
    DatabaseShape,
    database_config,
    database_problems,
)
from cloud.config_fronts import (
    Address,
    GraphsConfig,
    GraphsShape,
    HttpConfig,
    HttpShape,
    MetricsConfig,
    MetricsShape,
    fronts_problems,
    graphs_config,
    http_config,
    metrics_config,
)
from cloud.config_inspection import (
    InspectionConfig,
    InspectionShape,
    inspection_config,
    inspection_problems,
)
from cloud.config_traces import TracesConfig, TracesShape, traces_config, traces_problems
from cloud.config_upstreams import (
    BreakerShape,
    ModelShape,
    RetryShape,
    UpstreamConfig,
    UpstreamShape,
    model_problems,
    route_of,
    settings_of,
    upstream_of,
    upstream_problems,
)
from cloud.routing.settings import RoutingSettings
from cloud.upstreams.model import Route
from runtime.documents.document import Document, Problem
from runtime.documents.names import ModelText, Name
from runtime.documents.reader import parse_document, read_document
from runtime.documents.shape import Shape, read_shape
from runtime.errors import ConfigInvalid
from runtime.ids import NodeName

__all__ = ["CLOUD_VERSION", "CloudConfig", "UpstreamConfig", "load_config", "parse_config"]

CLOUD_VERSION = "cloud/v1"
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$", max_length=253)]


class _CloudShape(Shape):
    leeward: str
    name: Name = "cloud"
    """The node's name, as catalogs and policies call it."""
    listen: Address = "127.0.0.1:7443"
    """Mutual TLS, for enrolled devices."""
    enrolment: Address = "127.0.0.1:7444"
    """Server-authenticated TLS, for devices that bring a join token."""
    hostnames: list[Host] = Field(default=["localhost", "127.0.0.1"], min_length=1, max_length=32)
    """Names and addresses by which devices dial; they go into the server's certificate."""
    state: str = "gateway-state"
    """Directory for keys, certificates and the database; relative to this file."""
    device_certificate_days: float = Field(default=7.0, gt=0, le=3650)
    server_certificate_days: float = Field(default=30.0, gt=0, le=3650)
    """How long the certificates are good that the ports for devices show; made anew in place."""
    recovery_days: float = Field(default=90.0, ge=0, le=3650)
    """How long after its certificate's end a device may recover by a proof of its old key; 0 lets
    none, so that it needs a new join token."""
    enrolments_per_minute: int = Field(default=60, ge=1, le=1_000_000)
    device_sync_s: float = Field(default=60.0, ge=0.5, le=3600)
    """How often a device of a fleet reports while it has nothing to do."""
    recoveries_per_minute: int = Field(default=600, ge=1, le=1_000_000)
    max_streams: int = Field(default=256, ge=1, le=100_000)
    """How many calls of devices may run at once; further ones are told to come back."""
    max_devices: int = Field(default=10_000, ge=1, le=1_000_000)
    """How many devices may be linked at once; a link costs some 110 KiB of memory."""
    upstreams: dict[Name, UpstreamShape] = Field(min_length=1, max_length=64)
    models: dict[ModelText, ModelShape] = Field(min_length=1, max_length=1024)
    retries: RetryShape = RetryShape()
    breaker: BreakerShape = BreakerShape()
    inspection: InspectionShape = InspectionShape()
    """The second line: what the gateway scans for in what it receives."""
    cache: CacheShape | None = None
    """Answers that are kept; without it none are."""
    authority: AuthorityShape | None = None
    """Somebody else's certificate authority signs; left out, the gateway makes its own."""
    database: DatabaseShape = DatabaseShape()
    """Where accounts, usage and budgets are kept."""
    http: HttpShape | None = None
    """The OpenAI-compatible front, for callers that bring an API key."""
    metrics: MetricsShape | None = None
    """Where Prometheus reads."""
    graphs: GraphsShape | None = None
    """Graphs that run in the cloud alone."""
    drain_s: float = Field(default=30.0, ge=0, le=3600)
    """How long running answers may go on after the gateway was told to stop."""
    drain_notice_s: float = Field(default=0.0, ge=0, le=600)
    """How long the gateway reports that it stops before it takes no new calls, so that load
    balancers look away first."""
    traces: TracesShape = TracesShape()
    """Where spans go."""


@dataclass(frozen=True, slots=True)
class CloudConfig:
    """Everything the gateway is told."""

    name: NodeName
    listen: str
    enrolment: str
    hostnames: tuple[str, ...]
    state: Path
    device_certificate_lifetime: timedelta
    server_certificate_lifetime: timedelta
    recovery_window: timedelta
    """Nothing lets no device recover."""
    enrolments_per_minute: int
    device_sync_s: float
    recoveries_per_minute: int
    max_streams: int
    max_devices: int
    upstreams: tuple[UpstreamConfig, ...]
    routes: tuple[Route, ...]
    inspection: InspectionConfig
    cache: CacheConfig | None
    authority: AuthorityConfig | None
    database: DatabaseConfig
    http: HttpConfig | None
    metrics: MetricsConfig | None
    graphs: GraphsConfig | None
    drain_s: float
    drain_notice_s: float
    traces: TracesConfig
    routing: RoutingSettings

    def advertised(self, listen: str, port: int = 0) -> str:
        """Return the address by which others reach what listens here.

        Args:
            listen: One of this gateway's addresses.
            port: The port that it got, where it may differ.
        """
        host, _, listed = listen.rpartition(":")
        is_wildcard = host in {"0.0.0.0", "[::]", ""}  # noqa: S104 - compared, not bound
        return f"{self.hostnames[0] if is_wildcard else host}:{port or listed}"


def load_config(path: Path) -> CloudConfig:
    """Read a configuration file.

    Raises:
        ConfigInvalid: Names file, line and field of the first problem.
    """
    return _config(read_document(path, error=ConfigInvalid), path.parent)


def parse_config(text: str, *, base: Path, file: str = "") -> CloudConfig:
    """Read configuration text; relative paths are taken from ``base``.

    Raises:
        ConfigInvalid: Names line and field of the first problem.
    """
    return _config(parse_document(text, error=ConfigInvalid, file=file), base)


def _config(document: Document, base: Path) -> CloudConfig:
    shape = read_shape(document, _CloudShape, version=CLOUD_VERSION)
    document.refuse(_problems(shape))
    return CloudConfig(
        name=NodeName(shape.name),
        listen=shape.listen,
        enrolment=shape.enrolment,
        hostnames=tuple(shape.hostnames),
        state=base / shape.state,
        device_certificate_lifetime=timedelta(days=shape.device_certificate_days),
        server_certificate_lifetime=timedelta(days=shape.server_certificate_days),
        recovery_window=timedelta(days=shape.recovery_days),
        enrolments_per_minute=shape.enrolments_per_minute,
        device_sync_s=shape.device_sync_s,
        recoveries_per_minute=shape.recoveries_per_minute,
        max_streams=shape.max_streams,
        max_devices=shape.max_devices,
        inspection=inspection_config(shape.inspection, base),
        cache=cache_config(shape.cache) if shape.cache else None,
        authority=authority_config(shape.authority, base),
        database=database_config(shape.database, base),
        http=http_config(shape.http, base),
        metrics=metrics_config(shape.metrics, base),
        graphs=graphs_config(shape.graphs, base),
        drain_s=shape.drain_s,
        drain_notice_s=shape.drain_notice_s,
        traces=traces_config(shape.traces, base),
        upstreams=tuple(upstream_of(name, item, base) for name, item in shape.upstreams.items()),
        routes=tuple(route_of(name, model, base) for name, model in shape.models.items()),
        routing=settings_of(shape.retries, shape.breaker),
    )


def _problems(shape: _CloudShape) -> list[Problem]:
    found = list(model_problems(shape.models, shape.upstreams))
    for name, upstream in shape.upstreams.items():
        found.extend(upstream_problems(name, upstream))
    found.extend(inspection_problems(shape.inspection))
    found.extend(authority_problems(shape.authority))
    found.extend(database_problems(shape.database))
    found.extend(traces_problems(shape.traces))
    if shape.cache is not None:
        is_inspected = shape.inspection.action != "off"
        embeds = {name: model.embeddings for name, model in shape.models.items()}
        found.extend(cache_problems(shape.cache, models=embeds, is_inspected=is_inspected))
    found.extend(fronts_problems(shape.http, shape.metrics))
    return found
