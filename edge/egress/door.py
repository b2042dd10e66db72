"""The door: every outbound gRPC connection of the edge is opened here.

Two ways through it: TLS to another machine, plain to this very one. ``edge.egress.pull`` opens
the HTTPS connections of model pulls; nothing else in ``edge`` opens any (import rule ``door``,
and a test that watches the sockets of a running daemon).
"""

from __future__ import annotations

import grpc

from runtime.errors import ConfigInvalid
from runtime.rpc.address import is_local
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.tls import ClientTls

__all__ = ["open_door", "open_local"]


def open_door(target: str, tls: ClientTls) -> grpc.aio.Channel:
    """Return a channel to another machine; there is no way to open one without TLS.

    Raises:
        ConfigInvalid: The target is malformed.
    """
    return open_channel(ChannelSettings(target=target, tls=tls))


def open_local(target: str) -> grpc.aio.Channel:
    """Return a channel to a daemon on this machine.

    Raises:
        ConfigInvalid: The target is malformed, or another machine.
    """
    if not is_local(target):
        raise ConfigInvalid("is not an address of this machine", field="target")
    return open_channel(ChannelSettings(target=target, tls=None))
