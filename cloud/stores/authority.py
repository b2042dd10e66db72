"""Which certificate authority the store's devices were enrolled by.

Every gateway on one store must be of one authority: a device that one of them enrols is otherwise
a stranger to the others. So the store keeps the authority's fingerprint, and a gateway that has
another one is refused before it serves.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from sqlalchemy import Connection, delete, insert, select

from cloud.stores.audit import Act, write_act
from cloud.stores.database import Database
from cloud.stores.tables import authority as table
from runtime.errors import ConfigInvalid, NotFound
from runtime.identity.authority import CertificateAuthority

__all__ = ["claim_authority", "fingerprint_of"]

_FIND: Final = select(table.c.fingerprint)


async def claim_authority(
    database: Database,
    directory: Path,
    act: Act,
    *,
    load: Callable[[], CertificateAuthority],
    make: Callable[[], CertificateAuthority],
    adopts: bool = False,
) -> CertificateAuthority:
    """Return the authority in ``directory``, which is then the store's.

    Gateways that start together wait for each other here, so that one of them makes it.

    Args:
        database: The store.
        directory: Where the authority's files are; shown in errors.
        act: Who starts, when.
        load: Reads the files.
        make: Makes and writes them; called where neither they nor the store know any.
        adopts: Whether an authority that the store does not know, or a new one where there is
            none, replaces the one that it does.

    Raises:
        ConfigInvalid: The store is of another authority; says what to do.
        CertificateInvalid: The files are damaged.
    """

    def claim(connection: Connection) -> CertificateAuthority:
        known = connection.execute(_FIND).scalar_one_or_none()
        try:
            found = load()
        except NotFound:
            if known is not None and not adopts:
                reason = (
                    "is missing, and this store's devices have one: mount the `authority` directory"
                    " of the other gateways here, or bring it back from a copy; if it is lost,"
                    " `leeward cloud authority adopt` makes another, and every device enrols again"
                )
                raise ConfigInvalid(reason, file=str(directory)) from None
            found = make()
        fingerprint = fingerprint_of(found)
        if known == fingerprint:
            return found
        if known is not None and not adopts:
            reason = (
                "is not the authority of this store's devices: mount the `authority` directory of"
                " the other gateways here, or enrol every device again after"
                " `leeward cloud authority adopt`"
            )
            raise ConfigInvalid(reason, file=str(directory))
        connection.execute(delete(table))
        connection.execute(insert(table).values(fingerprint=fingerprint, since=act.at))
        write_act(connection, act, "authority_adopted", fingerprint)
        return found

    return await database.run(claim, claims=["authority"], is_durable=True)


def fingerprint_of(authority: CertificateAuthority) -> str:
    """Return the SHA-256 of an authority's certificate, hexadecimal."""
    return authority.certificate.fingerprint(hashes.SHA256()).hex()
