"""Arguments and options that several commands about the ledger share."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.errors import RequestInvalid
from runtime.ledger.verify import Anchor

__all__ = ["AnchorOption", "LedgerPath", "PublicKeyOption", "parse_anchor"]

LedgerPath = Annotated[Path, typer.Argument(help="The ledger's directory, `<state>/ledger`.")]
PublicKeyOption = Annotated[
    Path | None, typer.Option(help="Public key from a source the device cannot alter.")
]
AnchorOption = Annotated[
    str, typer.Option(help="`position:mac` of a head that the gateway has seen.")
]


def parse_anchor(text: str) -> Anchor | None:
    """Read ``--anchor``, ``position:mac``; nothing for an empty text.

    Raises:
        RequestInvalid: It is neither.
    """
    if not text:
        return None
    position, _, mac = text.partition(":")
    try:
        return Anchor(int(position), bytes.fromhex(mac))
    except ValueError:
        raise RequestInvalid("--anchor must be `position:mac`, as in 41:9f3c...") from None
