"""Who may call: the device in the verified certificate, enrolled here and not revoked."""

import logging

from cloud.stores.devices import DeviceStore
from runtime.errors import NotPermitted
from runtime.ids import DeviceId
from runtime.rpc.peer import VerifiedPeer

__all__ = ["Access"]

_logger = logging.getLogger("leeward.cloud.access")


class Access:
    """Admits devices by certificate; deny by default."""

    def __init__(self, devices: DeviceStore) -> None:
        self._devices = devices

    async def admit(self, peer: VerifiedPeer) -> DeviceId:
        """Return the device, or refuse it.

        Raises:
            NotPermitted: The device is not enrolled here, or was revoked.
        """
        if not await self._devices.is_admitted(peer.device_id):
            _logger.warning("device_refused", extra={"device": peer.device_id})
            raise NotPermitted(f"device {peer.device_id} is not enrolled here or was revoked")
        return peer.device_id
