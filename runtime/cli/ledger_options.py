"""Options that several commands about the ledger share."""

from runtime.errors import RequestInvalid
from runtime.ledger.verify import Anchor

__all__ = ["parse_anchor"]


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
