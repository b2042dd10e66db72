"""How a device is named in a certificate: the URI ``leeward://device/<id>``.

The same form that ``runtime.rpc.peer`` reads from a handshake.
"""

from __future__ import annotations

import re
from typing import Final

from runtime.errors import CertificateInvalid
from runtime.ids import DeviceId

__all__ = ["device_id_from_uri", "device_uri", "is_device_id"]

_PREFIX: Final = "leeward://device/"
_DEVICE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


def is_device_id(text: str) -> bool:
    """Whether ``text`` can name a device."""
    return _DEVICE_ID.fullmatch(text) is not None


def device_uri(device_id: DeviceId) -> str:
    """Return the URI that names ``device_id`` in its certificate.

    Raises:
        CertificateInvalid: The id holds what no device id holds.
    """
    if not is_device_id(device_id):
        raise CertificateInvalid("a device id is made of letters, digits, '.', '_' and '-'")
    return f"{_PREFIX}{device_id}"


def device_id_from_uri(uri: str) -> DeviceId:
    """Return the device that ``uri`` names.

    Raises:
        CertificateInvalid: It names none.
    """
    name = uri.removeprefix(_PREFIX)
    if name == uri or not is_device_id(name):
        raise CertificateInvalid("the certificate does not name a Leeward device")
    return DeviceId(name)
