"""One-time join tokens: a device shows one and gets its first certificate.

A token is good for one key. Whoever lost the answer shows token and key again, while the token
lives, and is answered again; with another key the token is used up.

Only a SHA-256 of the token's secret is kept; that is enough for 256 random bits. Whatever is
wrong with a token, its bearer hears the same; the log says which it was.
"""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from cloud.stores.audit import Act, write_act
from cloud.stores.database import Database
from cloud.stores.tables import device
from cloud.stores.tables import join_token as table
from cloud.stores.tenants import require_tenant
from runtime.clock import Clock
from runtime.errors import TokenRefused
from runtime.ids import DeviceId

__all__ = ["Invitation", "JoinTokenStore", "NewToken"]

_PREFIX: Final = "lwjoin"
_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_MAX_TOKEN_CHARACTERS: Final = 200
_REFUSED: Final = "the join token is not valid"
_FIND: Final = (
    select(table, device.c.revoked_at)
    .outerjoin(device, device.c.id == table.c.device)
    .where(table.c.id == bindparam("wanted"))
)

_logger: Final = logging.getLogger("leeward.cloud.enrolment")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made; its text exists nowhere else."""

    text: str = field(repr=False)
    device_id: DeviceId
    """Who its bearer will be."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a good token says."""

    device: DeviceId
    """Who its bearer will be."""
    tenant: str
    """Whose device that will be."""
    is_repeat: bool = False
    """Whether it was answered before, for the same key."""


class JoinTokenStore:
    """Join tokens in the gateway's database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, act: Act, *, lifetime: timedelta, tenant: str) -> NewToken:
        """Make a token, for a device with a fresh name.

        Raises:
            NotFound: No such tenant.
        """
        token_id = secrets.token_hex(_ID_BYTES)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        device = DeviceId(f"device-{token_id}")
        expires_at = act.at + lifetime

        def create(connection: Connection) -> None:
            require_tenant(connection, tenant)
            connection.execute(
                insert(table).values(
                    id=token_id,
                    tenant=tenant,
                    secret_hash=_hash(secret),
                    device=device,
                    expires_at=expires_at,
                )
            )
            write_act(connection, act, "join_token_created", device, tenant=tenant)

        await self._database.run(create, is_durable=True)
        return NewToken(f"{_PREFIX}.{token_id}.{secret}", device, expires_at)

    async def look(self, text: str, key: bytes) -> Invitation:
        """Return what a token says to the bearer of a key, without using it up.

        Args:
            text: The token.
            key: SHA-256 of the public key.

        Raises:
            TokenRefused: As below.
        """
        now = self._clock.now()
        return await self._database.read(lambda connection: _check(connection, text, key, now))

    async def redeem(
        self, text: str, key: bytes, then: Callable[[Connection, Invitation], None]
    ) -> Invitation:
        """Use a token up for a key and do what it is good for, or neither.

        Args:
            text: The token.
            key: SHA-256 of the public key.
            then: Runs in the same transaction; once more for the same key.

        Raises:
            TokenRefused: It is unknown, expired, used for another key, or its device was revoked.
        """
        now = self._clock.now()

        def redeem(connection: Connection) -> Invitation:
            found = _check(connection, text, key, now)
            if not found.is_repeat:
                use = update(table).where(table.c.id == _split(text)[0], table.c.used_at.is_(None))
                use = use.values(used_at=now, used_key=key)
                if connection.execute(use).rowcount != 1:  # somebody was faster
                    found = _check(connection, text, key, now)
            then(connection, found)
            return found

        return await self._database.run(redeem, is_durable=True)


def _check(connection: Connection, text: str, key: bytes, now: datetime) -> Invitation:
    token_id, secret = _split(text)
    row: Any = connection.execute(_FIND, {"wanted": token_id}).first()
    # An unknown token costs the same comparison as a known one.
    is_right = hmac.compare_digest(bytes(row.secret_hash) if row else bytes(32), _hash(secret))
    if row is None or not is_right:
        raise _refuse("unknown", token_id if row else "")
    if row.used_at is not None and (row.used_key is None or bytes(row.used_key) != key):
        raise _refuse("used", token_id)
    if row.expires_at <= now:
        raise _refuse("expired", token_id)
    if row.revoked_at is not None:
        raise _refuse("revoked", token_id)
    return Invitation(DeviceId(row.device), row.tenant, is_repeat=row.used_at is not None)


def _refuse(reason: str, token_id: str) -> TokenRefused:
    _logger.warning("join_token_refused", extra={"reason": reason, "token_id": token_id})
    return TokenRefused(_REFUSED)


def _split(text: str) -> tuple[str, str]:
    parts = text.split(".") if len(text) <= _MAX_TOKEN_CHARACTERS else []
    # A database refuses text with NUL or half a surrogate pair; no token of ours has either.
    if len(parts) != 3 or parts[0] != _PREFIX or not text.isascii() or not text.isprintable():
        return "", ""
    return parts[1], parts[2]


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()
