"""Addresses as users write them, and whether one never leaves the machine."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from runtime.errors import ConfigInvalid

__all__ = ["host_of", "is_local", "is_loopback_host"]

_UNIX_SCHEMES: Final = ("unix:", "unix-abstract:")
_IP_SCHEMES: Final = ("ipv4:", "ipv6:", "dns:///", "dns:")


def is_local(address: str) -> bool:
    """Whether ``address`` is a Unix socket or a loopback host.

    Names other than ``localhost`` are not looked up: they count as remote.
    """
    if address.startswith(_UNIX_SCHEMES):
        return True
    return is_loopback_host(host_of(address))


def is_loopback_host(host: str) -> bool:
    """Whether a host, alone, is this machine's own; names are not looked up."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(address: str) -> str:
    """Return the host of ``host:port``, without brackets.

    Raises:
        ConfigInvalid: It is not written so.
    """
    rest = address
    for scheme in _IP_SCHEMES:
        rest = rest.removeprefix(scheme)
    host, colon, port = rest.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ConfigInvalid("an address is written host:port or unix:/path", field="address")
    return host.removeprefix("[").removesuffix("]")
