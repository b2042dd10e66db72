"""Client channels: mutual TLS to other machines, plain only where nothing leaves this one.

On an edge only ``edge.egress`` may import this module: opening a channel opens the door.
"""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from runtime.errors import ConfigInvalid
from runtime.rpc.address import is_local
from runtime.rpc.limits import KEEPALIVE_INTERVAL_S, MAX_MESSAGE_BYTES, client_options
from runtime.rpc.tls import ClientTls

__all__ = ["ChannelSettings", "open_channel"]


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """One connection to one node."""

    target: str
    """``host:port`` or ``unix:/path``."""
    tls: ClientTls | None
    """``None`` is allowed only for loopback and Unix sockets."""
    server_name: str = ""
    """The name that the server's certificate must carry, where it is not the target's host."""
    keepalive_interval_s: float = KEEPALIVE_INTERVAL_S
    max_message_bytes: int = MAX_MESSAGE_BYTES


def open_channel(settings: ChannelSettings) -> grpc.aio.Channel:
    """Return a channel; it connects when first used and reconnects by itself.

    Must be called inside the event loop that will use it. The caller closes it.

    Raises:
        ConfigInvalid: The target is malformed, or is another machine and has no TLS.
    """
    is_loopback = is_local(settings.target)
    options = client_options(
        max_message_bytes=settings.max_message_bytes,
        keepalive_interval_s=settings.keepalive_interval_s,
    )
    if is_loopback:
        # A proxy from the environment would carry loopback traffic off the machine.
        options.append(("grpc.enable_http_proxy", 0))
    if settings.tls is None:
        if not is_loopback:
            raise ConfigInvalid(
                "a channel to another machine needs TLS certificates", field="target"
            )
        return grpc.aio.insecure_channel(settings.target, options=options)
    if settings.server_name:
        options.append(("grpc.ssl_target_name_override", settings.server_name))
    return grpc.aio.secure_channel(settings.target, _credentials(settings.tls), options=options)


def _credentials(tls: ClientTls) -> grpc.ChannelCredentials:
    identity = tls.identity
    return grpc.ssl_channel_credentials(
        root_certificates=tls.ca_bundle_pem,
        private_key=identity.private_key_pem if identity else None,
        certificate_chain=identity.certificate_chain_pem if identity else None,
    )
