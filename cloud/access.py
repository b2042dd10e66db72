"""Who may call: an enrolled device by its certificate, an application by its key; deny by default.

Whatever is wrong with a key, its bearer hears the same after the same work: unknown, wrong,
revoked, expired and of a disabled tenant are told apart by the audit trail alone.
"""

import hmac
import logging
from datetime import datetime
from typing import Final

from cloud.audit_trail import AuditTrail
from cloud.calls import Caller
from cloud.stores import key_text
from cloud.stores.callers import KnownDevice, KnownKey, find_device, find_key
from cloud.stores.database import Database
from cloud.stores.devices import DeviceStore
from cloud.stores.remembered import Remembered
from runtime.clock import Clock
from runtime.errors import KeyRefused, NotPermitted
from runtime.identity.certificates import load_certificates
from runtime.ids import DeviceId
from runtime.rpc.peer import VerifiedPeer

__all__ = ["Access"]

_logger = logging.getLogger("leeward.cloud.access")
_NO_HASH: Final = bytes(32)
_NO_KEY: Final = key_text.mint()


class Access:
    """Admits callers.

    Args:
        database: Knows devices, keys and tenants.
        trail: Is told of refused calls.
        clock: Says what has expired.
    """

    def __init__(self, database: Database, trail: AuditTrail, clock: Clock) -> None:
        self._devices = Remembered(database, find_device, clock=clock)
        self._store = DeviceStore(database)
        self._keys = Remembered(database, find_key, clock=clock)
        self._trail = trail
        self._clock = clock

    async def by_certificate(self, peer: VerifiedPeer) -> Caller:
        """Return the device that the TLS handshake proved, as a caller.

        Raises:
            NotPermitted: It is not enrolled here or was revoked, or its tenant is disabled.
            DatabaseUnavailable: Nobody can say.
        """
        known = await self._devices.get(peer.device_id)
        reason = _why_not_device(known)
        if known is None or reason:
            # A certificate of ours names it, so its id is one that we gave.
            self._refuse("device", peer.device_id, known.tenant if known else "", reason)
            raise NotPermitted(f"device {peer.device_id} is not enrolled here or was revoked")
        if known.awaited_serial and known.awaited_serial == _serial(peer):
            await self._store.note_shown(peer.device_id, known.awaited_serial)
        return Caller(tenant=known.tenant, kind="device", id=known.id)

    async def may_call(self, device: DeviceId) -> bool:
        """Whether a device that was admitted still would be.

        Raises:
            DatabaseUnavailable: Nobody can say.
        """
        return not _why_not_device(await self._devices.get(device))

    async def by_key(self, bearer: str) -> Caller:
        """Return the application that shows a key, as a caller.

        Args:
            bearer: What came after ``Bearer``; it may be anything.

        Raises:
            KeyRefused: It is not a key that is good now.
            DatabaseUnavailable: Nobody can say.
        """
        shown = key_text.split(bearer)
        known = None if shown is None else await self._keys.get(shown.id)
        given = key_text.digest((shown or _NO_KEY).secret)
        is_right = hmac.compare_digest(known.secret_hash if known else _NO_HASH, given)
        reason = _why_not_key(known, now=self._clock.now(), is_right=is_right)
        if known is None or reason:
            # What was shown may be anything, so it is named only where it is ours.
            self._refuse("key", known.id if known else "unknown", "", reason)
            raise KeyRefused("the API key is not valid")
        return Caller(tenant=known.tenant, kind="key", id=known.id, models=known.models)

    def _refuse(self, kind: str, name: str, tenant: str, reason: str) -> None:
        named = {"device": name} if kind == "device" else {}
        _logger.warning("call_refused", extra={"kind": kind, "reason": reason} | named)
        self._trail.note("call_refused", actor=f"{kind}:{name}", tenant=tenant, reason=reason)


def _serial(peer: VerifiedPeer) -> str:
    return f"{load_certificates(peer.certificate_pem)[0].serial_number:x}"


def _why_not_device(known: KnownDevice | None) -> str:
    if known is None:
        return "unknown"
    if known.is_revoked:
        return "revoked"
    return "tenant_disabled" if known.is_tenant_disabled else ""


def _why_not_key(known: KnownKey | None, *, now: datetime, is_right: bool) -> str:
    """Return the first thing that is wrong; all of them are looked at, always."""
    wrongs = (
        ("unknown", known is None),
        ("wrong", not is_right),
        ("revoked", known is not None and known.is_revoked),
        ("expired", known is not None and _is_over(known.expires_at, now)),
        ("tenant_disabled", known is not None and known.is_tenant_disabled),
    )
    return next((name for name, is_so in wrongs if is_so), "")


def _is_over(expires_at: datetime | None, now: datetime) -> bool:
    return expires_at is not None and now >= expires_at
