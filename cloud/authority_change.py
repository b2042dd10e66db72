"""One authority takes over from another: first both are trusted, then the older one is retired."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, or_, select

from cloud.authorities import Authorities, Signer
from cloud.authority_files import discard_authority, make_authority
from cloud.stores.audit import Act
from cloud.stores.authority import CLAIM, read_fingerprints, trust, trust_no_more
from cloud.stores.database import Database
from cloud.stores.tables import device
from runtime.clock import Clock
from runtime.errors import NotFound, NotPermitted
from runtime.identity.authority import CertificateAuthority

__all__ = ["AuthorityRecord", "AuthorityChange"]

_SHOWN: Final = 3
_SHORTEST_NAME: Final = 8


@dataclass(frozen=True, slots=True)
class AuthorityRecord:
    """One authority that is trusted."""

    fingerprint: str
    """SHA-256 of its certificate, hexadecimal."""
    signs_devices: bool
    signs_servers: bool
    begins_at: datetime
    ends_at: datetime
    devices_without_newer: int
    """Live devices that have not shown that they know a newer one: its retirement would lock them
    out."""


class AuthorityChange:
    """Changes which authorities are trusted.

    Args:
        authorities: Those that are, as this process opened them.
        database: Tells every gateway.
        directory: Where the authorities' files are.
        is_external: Whether they are somebody else's.
        window: How long after its certificate's end a device may come back.
        clock: Says which devices could.
    """

    def __init__(
        self,
        authorities: Authorities,
        database: Database,
        directory: Path,
        *,
        is_external: bool = False,
        window: timedelta,
        clock: Clock,
    ) -> None:
        self._is_external = is_external
        self._authorities = authorities
        self._database = database
        self._directory = directory
        self._window = window
        self._clock = clock

    async def records(self) -> list[AuthorityRecord]:
        """Return the authorities that are trusted, the oldest first."""
        behind = await self._devices_behind()
        members = self._authorities.members
        return [
            AuthorityRecord(
                fingerprint=one.fingerprint,
                signs_devices=one is members[-1],
                signs_servers=one is members[0],
                begins_at=one.certificate.not_valid_before_utc,
                ends_at=one.certificate.not_valid_after_utc,
                devices_without_newer=0 if one is members[-1] else len(behind),
            )
            for one in members
        ]

    async def rotate(self, act: Act) -> CertificateAuthority:
        """Trust one more authority, which signs devices' certificates from now on.

        Raises:
            NotPermitted: Two are trusted already; the older one is to be retired first.
        """
        if self._is_external:
            raise NotPermitted(
                "this fleet's authority is somebody else's (`authority` in the configuration):"
                " change its files there"
            )
        if len(self._authorities.members) > 1:
            raise NotPermitted(
                "one authority is being replaced already; retire the older one first"
                " (`leeward cloud authority list`)"
            )
        made = await asyncio.to_thread(
            make_authority, self._directory, clock=self._clock, is_first=False
        )

        def change(connection: Connection) -> None:
            if read_fingerprints(connection) != [self._authorities.oldest.fingerprint]:
                raise NotPermitted("the authorities have changed meanwhile; look again")
            trust(connection, made.fingerprint, act)

        await self._database.run(change, claims=[CLAIM], is_durable=True)
        return made

    async def retire(self, name: str, act: Act, *, force: bool) -> Signer:
        """Trust an authority no more.

        Args:
            name: Its fingerprint, or the beginning of that.
            act: Who does it.
            force: Also where that locks devices out.

        Raises:
            NotFound: No such authority.
            NotPermitted: It is the newest, or devices would be locked out.
        """
        members = self._authorities.members
        found = [one for one in members if one.fingerprint.startswith(name.lower())]
        if len(found) != 1 or len(name) < _SHORTEST_NAME:
            raise NotFound("no authority of that fingerprint is trusted; give 8 digits or more")
        (retired,) = found
        if retired is members[-1]:
            raise NotPermitted(
                "it signs the devices' certificates; `leeward cloud authority rotate` first"
            )
        behind = await self._devices_behind()
        if behind and not force:
            some = ", ".join(behind[:_SHOWN]) + (", ..." if len(behind) > _SHOWN else "")
            raise NotPermitted(
                f"{len(behind)} devices have not heard of its successor yet ({some}): wait until"
                " they have renewed, revoke them, or lock them out with --force"
            )
        await self._database.run(
            lambda connection: trust_no_more(connection, retired.fingerprint, act),
            claims=[CLAIM],
            is_durable=True,
        )
        await asyncio.to_thread(discard_authority, self._directory, retired)
        return retired

    async def _devices_behind(self) -> list[str]:
        """Return the live devices that have shown no certificate of the newest authority."""
        newest = self._authorities.newest.fingerprint
        wanted = (
            select(device.c.id)
            .where(
                device.c.revoked_at.is_(None),
                device.c.expires_at > self._clock.now() - self._window,
                or_(device.c.authority.is_(None), device.c.authority != newest),
            )
            .order_by(device.c.id)
        )
        return await self._database.read(lambda connection: [*connection.execute(wanted).scalars()])
