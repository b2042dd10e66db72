"""The door: every outbound socket of the edge is opened here."""

import grpc

from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.tls import ClientTls

__all__ = ["open_door"]


def open_door(target: str, tls: ClientTls) -> grpc.aio.Channel:
    """Return a channel to another machine; there is no way to open one without TLS."""
    return open_channel(ChannelSettings(target=target, tls=tls))
