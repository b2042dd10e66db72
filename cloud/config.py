"""The gateway's configuration file (``cloud/v1``): listeners, providers, models, prices.

Secrets are never in the file: a provider names the environment variable or the file that holds
its key, and ``cloud.app`` reads it.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from cloud.config_inspection import (
    InspectionConfig,
    InspectionShape,
    inspection_config,
    inspection_problems,
)
from cloud.upstreams.model import Route, Target
from runtime.catalog.model import Price
from runtime.catalog.shape import PriceShape
from runtime.documents.document import Document, Problem
from runtime.documents.names import ModelText, Name
from runtime.documents.reader import parse_document, read_document
from runtime.documents.shape import Shape, read_shape
from runtime.errors import ConfigInvalid
from runtime.ids import ModelName, NodeName

__all__ = ["CLOUD_VERSION", "CloudConfig", "UpstreamConfig", "load_config", "parse_config"]

CLOUD_VERSION = "cloud/v1"
Address = Annotated[str, Field(pattern=r"^\S+:\d{1,5}$", max_length=255)]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$", max_length=253)]


class _UpstreamShape(Shape):
    base_url: str = Field(pattern=r"^https?://\S+$", max_length=2048)
    """Where the provider's OpenAI API starts, usually ending in ``/v1``."""
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the key."""
    api_key_file: str | None = None
    """File that holds the key; relative to this file."""
    connect_timeout_s: float = Field(default=5.0, gt=0, le=600)
    first_token_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    idle_timeout_s: float = Field(default=30.0, gt=0, le=3600)
    max_concurrency: int = Field(default=8, ge=1, le=10_000)


class _TargetShape(Shape):
    upstream: Name
    model: ModelText
    """The provider's own name for the model."""


class _ModelShape(Shape):
    targets: list[_TargetShape] = Field(min_length=1, max_length=16)
    """In order of preference; the next one answers when one is down."""
    family: str = Field(default="", max_length=80)
    context_tokens: int = Field(default=0, ge=0, le=100_000_000)
    prices: list[PriceShape] = Field(default=[], max_length=100)


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
    enrolments_per_minute: int = Field(default=60, ge=1, le=1_000_000)
    max_streams: int = Field(default=256, ge=1, le=100_000)
    upstreams: dict[Name, _UpstreamShape] = Field(min_length=1, max_length=64)
    models: dict[ModelText, _ModelShape] = Field(min_length=1, max_length=1024)
    inspection: InspectionShape = InspectionShape()
    """The second line: what the gateway scans for in what it receives."""


@dataclass(frozen=True, slots=True)
class UpstreamConfig:
    """A provider as configured; its key still has to be read."""

    name: str
    base_url: str
    api_key_env: str | None
    api_key_file: Path | None
    connect_timeout_s: float
    first_token_timeout_s: float
    idle_timeout_s: float
    max_concurrency: int


@dataclass(frozen=True, slots=True)
class CloudConfig:
    """Everything the gateway is told."""

    name: NodeName
    listen: str
    enrolment: str
    hostnames: tuple[str, ...]
    state: Path
    device_certificate_lifetime: timedelta
    enrolments_per_minute: int
    max_streams: int
    upstreams: tuple[UpstreamConfig, ...]
    routes: tuple[Route, ...]
    inspection: InspectionConfig


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
        enrolments_per_minute=shape.enrolments_per_minute,
        max_streams=shape.max_streams,
        upstreams=tuple(_upstream(name, item, base) for name, item in shape.upstreams.items()),
        routes=tuple(_route(name, model) for name, model in shape.models.items()),
        inspection=inspection_config(shape.inspection, base),
    )


def _problems(shape: _CloudShape) -> list[Problem]:
    found = []
    for name, upstream in shape.upstreams.items():
        if (upstream.api_key_env is None) == (upstream.api_key_file is None):
            reason = "needs its key: give either `api_key_env` or `api_key_file`"
            found.append(Problem(("upstreams", name), reason))
    for name, model in shape.models.items():
        for index, target in enumerate(model.targets):
            if target.upstream not in shape.upstreams:
                known = ", ".join(shape.upstreams)
                reason = f'"{target.upstream}" is not an upstream of this file; known: {known}'
                found.append(Problem(("models", name, "targets", index, "upstream"), reason))
    return [*found, *inspection_problems(shape.inspection)]


def _upstream(name: str, shape: _UpstreamShape, base: Path) -> UpstreamConfig:
    return UpstreamConfig(
        name=name,
        base_url=shape.base_url,
        api_key_env=shape.api_key_env,
        api_key_file=base / shape.api_key_file if shape.api_key_file else None,
        connect_timeout_s=shape.connect_timeout_s,
        first_token_timeout_s=shape.first_token_timeout_s,
        idle_timeout_s=shape.idle_timeout_s,
        max_concurrency=shape.max_concurrency,
    )


def _route(name: str, shape: _ModelShape) -> Route:
    return Route(
        model=ModelName(name),
        targets=tuple(Target(target.upstream, target.model) for target in shape.targets),
        prices=tuple(
            Price(price.valid_from, price.prompt_usd_per_mtok, price.completion_usd_per_mtok)
            for price in shape.prices
        ),
        context_tokens=shape.context_tokens,
        family=shape.family,
    )
