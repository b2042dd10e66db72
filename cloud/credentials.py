"""A gateway does not start open: whoever could call must be able to show who they are.

Devices always need a certificate of the authority. Applications need a key, so a front for them
without any key that is good is a mistake, and is refused with what to do about it.
"""

from cloud.stores.keys import KeyStore
from runtime.clock import Clock
from runtime.errors import ConfigInvalid

__all__ = ["require_credentials"]


async def require_credentials(keys: KeyStore, clock: Clock, *, serves_applications: bool) -> None:
    """Check that a front for applications has somebody to serve.

    Raises:
        ConfigInvalid: It has nobody; says what to do.
    """
    if serves_applications and not await keys.has_live(clock.now()):
        reason = (
            "no API key is good, so nobody could call: make one with `leeward cloud key create"
            " NAME`, or leave `http` out to serve devices only"
        )
        raise ConfigInvalid(reason, field="http")
