"""One-time join tokens: a device shows one and gets its first certificate.

Only a SHA-256 of the token's secret is kept; that is enough for 256 random bits. Whatever is
wrong with a token, its bearer hears the same; the log says which it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from runtime.clock import Clock
from runtime.errors import ConfigInvalid, TokenRefused
from runtime.identity.device_uri import is_device_id
from runtime.ids import DeviceId
from runtime.private_files import ensure_private_directory

__all__ = ["NewToken", "SqliteTokenStore", "TokenStore"]

_PREFIX: Final = "lwjoin"
_SECRET_BYTES: Final = 32
_MAX_TOKEN_CHARACTERS: Final = 200
_REFUSED: Final = "the join token is not valid"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS join_tokens (
    token_id    TEXT PRIMARY KEY,
    secret_hash BLOB NOT NULL,
    device_id   TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    used_at     TEXT
) STRICT
"""

_logger: Final = logging.getLogger("leeward.identity")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made; its text exists nowhere else."""

    text: str = field(repr=False)
    device_id: DeviceId
    """Who its bearer will be."""
    expires_at: datetime


class TokenStore(Protocol):
    """Where a gateway keeps its join tokens."""

    def create(self, *, lifetime_s: float, device_id: DeviceId | None = None) -> NewToken:
        """Make a token, for ``device_id`` or for a fresh name."""
        ...

    def redeem(self, text: str) -> DeviceId:
        """Use a token up and return who its bearer is.

        Raises:
            TokenRefused: It is unknown, used or expired.
        """
        ...


class SqliteTokenStore:
    """Join tokens in a SQLite file; several processes may share it.

    Args:
        path: The file; made with its directory when there is none.
        clock: Says what has expired.
    """

    def __init__(self, path: Path, *, clock: Clock) -> None:
        ensure_private_directory(path.parent)
        path.touch(mode=0o600)
        self._path = path
        self._clock = clock
        with self._connected() as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(_SCHEMA)

    def create(self, *, lifetime_s: float, device_id: DeviceId | None = None) -> NewToken:
        """Make a token, for ``device_id`` or for a fresh name.

        Raises:
            ConfigInvalid: ``device_id`` cannot name a device.
        """
        token_id = secrets.token_hex(8)
        device_id = DeviceId(f"device-{token_id}") if device_id is None else device_id
        if not is_device_id(device_id):
            raise ConfigInvalid(
                "a device id is made of letters, digits, '.', '_' and '-'", field="device_id"
            )
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        expires_at = self._clock.now() + timedelta(seconds=lifetime_s)
        with self._connected() as database:
            database.execute(
                "INSERT INTO join_tokens VALUES (?, ?, ?, ?, NULL)",
                (token_id, _hash(secret), device_id, _format(expires_at)),
            )
        return NewToken(f"{_PREFIX}.{token_id}.{secret}", device_id, expires_at)

    def redeem(self, text: str) -> DeviceId:
        """Use a token up and return who its bearer is.

        Raises:
            TokenRefused: It is unknown, used or expired.
        """
        token_id, secret = _split(text)
        now = _format(self._clock.now())
        with self._connected() as database:
            row = database.execute(
                "SELECT secret_hash, device_id, expires_at, used_at FROM join_tokens"
                " WHERE token_id = ?",
                (token_id,),
            ).fetchone()
            # An unknown token costs the same comparison as a known one.
            is_known = hmac.compare_digest(row[0] if row else bytes(32), _hash(secret))
            if row is None or not is_known:
                raise self._refuse("unknown", token_id if row else "")
            if row[3] is not None:
                raise self._refuse("used", token_id)
            if row[2] <= now:
                raise self._refuse("expired", token_id)
            taken = database.execute(
                "UPDATE join_tokens SET used_at = ? WHERE token_id = ? AND used_at IS NULL",
                (now, token_id),
            )
            if taken.rowcount != 1:
                raise self._refuse("used", token_id)
        return DeviceId(row[1])

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path, timeout=5.0)) as database, database:
            yield database

    @staticmethod
    def _refuse(reason: str, token_id: str) -> TokenRefused:
        _logger.warning("join_token_refused", extra={"reason": reason, "token_id": token_id})
        return TokenRefused(_REFUSED)


def _split(text: str) -> tuple[str, str]:
    parts = text.split(".") if len(text) <= _MAX_TOKEN_CHARACTERS else []
    if len(parts) != 3 or parts[0] != _PREFIX:
        return "", ""
    return parts[1], parts[2]


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _format(moment: datetime) -> str:
    """Write a moment so that the order of texts is the order of times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
