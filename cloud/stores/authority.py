"""Which certificate authorities the store's devices were enrolled by.

Every gateway on one store must be of the same ones: a device that one of them enrols is otherwise
a stranger to the others. So the store keeps their fingerprints, and a gateway that has
others is refused before it serves.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from cloud.authorities import Signer
from cloud.stores.audit import Act, write_act
from cloud.stores.database import Database
from cloud.stores.tables import authority as table
from runtime.errors import ConfigInvalid, NotFound

__all__ = ["CLAIM", "claim_authorities", "read_fingerprints", "trust", "trust_no_more"]

CLAIM: Final = "authority"
"""Of every work that changes which authorities are trusted."""
_FIND: Final = select(table.c.fingerprint).order_by(table.c.since, table.c.fingerprint)


async def claim_authorities(
    database: Database,
    directory: Path,
    act: Act,
    *,
    load: Callable[[], Sequence[Signer]],
    make: Callable[[], Signer],
    adopts: bool = False,
) -> list[Signer]:
    """Return the authorities in ``directory``, oldest first, which are then the store's.

    Gateways that start together wait for each other here, so that one of them makes the first.

    Args:
        database: The store.
        directory: Where the authorities' files are; shown in errors.
        act: Who starts, when.
        load: Reads the files.
        make: Makes and writes them; called where neither they nor the store know any.
        adopts: Whether authorities that the store does not know, or a new one where there is
            none, replace those that it does.

    Raises:
        ConfigInvalid: The store is of another authority; says what to do.
        CertificateInvalid: The files are damaged.
    """

    def claim(connection: Connection) -> list[Signer]:
        known = read_fingerprints(connection)
        try:
            found = {one.fingerprint: one for one in load()}
        except NotFound:
            if known and not adopts:
                reason = (
                    "is missing, and this store's devices have one: mount the `authority` directory"
                    " of the other gateways here, or bring it back from a copy; if it is lost,"
                    " `leeward cloud authority adopt` makes another, and every device enrols again"
                )
                raise ConfigInvalid(reason, file=str(directory)) from None
            made = make()
            found = {made.fingerprint: made}
        if known and found.keys() >= set(known):
            # Files of one that was retired, or is about to be trusted, are passed over.
            return [found[name] for name in known]
        if known and not adopts:
            reason = (
                "is not the authority of this store's devices: mount the `authority` directory of"
                " the other gateways here, or enrol every device again after"
                " `leeward cloud authority adopt`"
            )
            raise ConfigInvalid(reason, file=str(directory))
        connection.execute(delete(table))
        for name in found:
            trust(connection, name, act, action="authority_adopted")
        return list(found.values())

    return await database.run(claim, claims=[CLAIM], is_durable=True)


def read_fingerprints(connection: Connection) -> list[str]:
    """Return the authorities that are trusted, oldest first."""
    return list(connection.execute(_FIND).scalars())


def trust(
    connection: Connection, fingerprint: str, act: Act, *, action: str = "authority_trusted"
) -> None:
    """Trust one more authority."""
    connection.execute(insert(table).values(fingerprint=fingerprint, since=act.at))
    write_act(connection, act, action, fingerprint)


def trust_no_more(connection: Connection, fingerprint: str, act: Act) -> None:
    """Trust an authority no longer."""
    connection.execute(delete(table).where(table.c.fingerprint == fingerprint))
    write_act(connection, act, "authority_retired", fingerprint)
