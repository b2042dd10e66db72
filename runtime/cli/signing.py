"""What the commands that vouch for documents have in common: key, moment, and what is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from runtime.clock import SystemClock
from runtime.errors import RequestInvalid
from runtime.identity.signing_keys import load_or_create_key, public_file_of

__all__ = ["KeyOption", "Signed", "sign_files"]

KeyOption = Annotated[Path, typer.Option(help="Ed25519 key (PEM); made when it is not there.")]


@dataclass(frozen=True, slots=True)
class Signed:
    """What was written."""

    files: list[str]
    """The signatures, in the order of the documents."""
    key_made: bool
    lines: list[str]
    """All of it, for people."""


def sign_files(key: Path, writers: Iterable[Callable[..., Path]], *, source: str = "") -> Signed:
    """Vouch for documents with one key, as of now.

    Args:
        key: File of the private key; a new one is made when it is not there.
        writers: One per document: takes ``key`` and ``provenance``, returns the file it wrote.
        source: Where the documents come from; signed with them, unless it is empty.

    Raises:
        CertificateInvalid: The key cannot be used.
        RequestInvalid: A file cannot be read or written.
    """
    provenance = {"signed_at": SystemClock().now().isoformat(timespec="seconds")}
    if source:
        provenance["source"] = source
    try:
        signing, is_new = load_or_create_key(key)
        files = [str(write(key=signing, provenance=provenance)) for write in writers]
    except OSError as failure:
        reason = f"{failure.filename or key} cannot be read or written: {failure.strerror}"
        raise RequestInvalid(reason) from None
    public = f"made a new signing key: {key}; its public half: {public_file_of(key)}"
    return Signed(files, is_new, [*files, public] if is_new else files)
