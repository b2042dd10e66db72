"""Arguments and options that several commands about the ledger share."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from runtime.errors import LedgerCorrupt, RequestInvalid
from runtime.identity.signing import SignaturePurpose, is_signed
from runtime.identity.signing_keys import load_signer
from runtime.ledger.anchor_file import read_countersignature
from runtime.ledger.keys import key_id_of
from runtime.ledger.verify import Anchor

__all__ = ["AnchorKeyOption", "AnchorOption", "LedgerPath", "PublicKeyOption", "read_anchor"]

LedgerPath = Annotated[Path, typer.Argument(help="The ledger's directory, `<state>/ledger`.")]
PublicKeyOption = Annotated[
    Path | None, typer.Option(help="Public key from a source the device cannot alter.")
]
AnchorOption = Annotated[
    str,
    typer.Option(
        help="A head that the gateway has seen: a file of `leeward cloud device anchor`, or"
        " `position:mac`."
    ),
]
AnchorKeyOption = Annotated[
    Path | None,
    typer.Option(help="The gateway's key (`leeward cloud authority anchor-key`); checks the file."),
]
_WRITTEN: Final = re.compile(r"(\d{1,18}):([0-9a-fA-F]{64})")


def read_anchor(text: str, key: Path | None = None) -> Anchor | None:
    """Read ``--anchor``; nothing for an empty text.

    Args:
        text: The name of an anchor file, or ``position:mac``.
        key: The gateway's public key, with which a file must be signed.

    Raises:
        RequestInvalid: It is neither, or there is nothing that the key could check.
        ConfigInvalid: The key cannot be read.
        LedgerCorrupt: The file's signature is not the gateway's.
    """
    if not text:
        if key is not None:
            raise RequestInvalid("--anchor-key checks the file of --anchor; give that too")
        return None
    written = _WRITTEN.fullmatch(text)
    if written is not None:
        if key is not None:
            raise RequestInvalid("--anchor-key checks a file; `position:mac` is not signed")
        return Anchor(int(written[1]), bytes.fromhex(written[2]))
    path = Path(text)
    if not path.is_file():
        raise RequestInvalid(
            "--anchor must be a file of `leeward cloud device anchor`, or `position:mac`, as in"
            " 41:9f3c..."
        )
    signed = read_countersignature(path)
    if key is not None:
        signer = load_signer(key, field="--anchor-key")
        is_theirs = is_signed(
            signer,
            signed.seen.payload(),
            purpose=SignaturePurpose.COUNTERSIGNATURE,
            signature=signed.signature,
        )
        if not is_theirs or key_id_of(signer) != signed.key_id:
            raise LedgerCorrupt(f"{path} is not signed with the key in {key}")
    return Anchor(signed.seen.position, signed.seen.mac)
