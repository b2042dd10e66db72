"""From configuration to running HTTP listeners."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from cloud.config_fronts import HttpConfig, MetricsConfig
from cloud.front.asking import FrontDefaults
from cloud.front.front import FrontBounds, HttpFront
from cloud.front.metrics_page import metrics_app
from runtime.errors import ConfigInvalid
from runtime.http.certificate_files import following_certificate
from runtime.http.server import (
    HttpServer,
    bind_http,
    load_certificate,
    serving_http,
    tls_context,
)

__all__ = ["OpenFront", "bounds_of", "defaults_of", "serving_front", "serving_metrics"]


def defaults_of(config: HttpConfig) -> FrontDefaults:
    """Return what a request gets that does not say."""
    return FrontDefaults(timeout_s=config.timeout_s, max_tokens=config.max_tokens)


def bounds_of(config: HttpConfig) -> FrontBounds:
    """Return what callers and requests may take."""
    return FrontBounds(max_calls=config.max_calls, max_body_bytes=config.max_body_bytes)


@dataclass(frozen=True, slots=True)
class OpenFront:
    """A front that listens."""

    app: HttpFront
    server: HttpServer
    port: int
    tls: ssl.SSLContext | None

    def check(self, config: HttpConfig) -> None:
        """Return if ``apply`` would take a configuration.

        Raises:
            ConfigInvalid: The certificate cannot be used.
        """
        if self.tls is not None and config.certificate and config.private_key:
            tls_context(config.certificate, config.private_key)

    def apply(self, config: HttpConfig) -> None:
        """Use a newer configuration's certificate, bounds and defaults from now on.

        Raises:
            ConfigInvalid: The certificate cannot be used; nothing has changed.
        """
        if self.tls is not None and config.certificate and config.private_key:
            load_certificate(self.tls, config.certificate, config.private_key)
        self.app.bounds = bounds_of(config)
        self.app.endpoints.defaults = defaults_of(config)


@asynccontextmanager
async def serving_front(
    app: HttpFront, config: HttpConfig, *, drain_s: float
) -> AsyncIterator[OpenFront]:
    """Serve callers with keys until the block ends.

    Raises:
        AddressInUse: Another process has the port.
        ConfigInvalid: The address cannot be bound, or the certificate cannot be used.
    """
    tls = None
    if config.certificate and config.private_key:
        tls = tls_context(config.certificate, config.private_key)
    bound = bind_http(config.listen)
    async with AsyncExitStack() as stack:
        if tls is not None and config.certificate and config.private_key:
            followed = following_certificate(tls, config.certificate, config.private_key)
            await stack.enter_async_context(followed)
        serving = serving_http(app, bound, tls=tls, grace_s=drain_s)
        server = await stack.enter_async_context(serving)
        yield OpenFront(app, server, bound.getsockname()[1], tls)


@asynccontextmanager
async def serving_metrics(
    config: MetricsConfig, exposition: Callable[[], bytes]
) -> AsyncIterator[int]:
    """Serve metrics until the block ends; yields the port.

    Raises:
        AddressInUse: Another process has the port.
        ConfigInvalid: The address cannot be bound, or the token file holds none.
    """
    token = None
    if config.token_file is not None:
        try:
            token = config.token_file.read_text().strip()
        except (OSError, UnicodeDecodeError):
            token = ""
        if not token:
            reason = "cannot be read or holds no token"
            raise ConfigInvalid(reason, file=str(config.token_file), field="metrics.token_file")
    bound = bind_http(config.listen)
    async with serving_http(metrics_app(exposition, token=token), bound, grace_s=0):
        yield bound.getsockname()[1]
