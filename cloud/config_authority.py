"""The part of the gateway's configuration about somebody else's certificate authority."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from runtime.documents.document import Problem
from runtime.documents.shape import Shape

__all__ = ["AuthorityConfig", "AuthorityShape", "authority_config", "authority_problems"]

File = Annotated[str, Field(min_length=1, max_length=4096)]


class AuthorityShape(Shape):
    """An authority whose root is not the gateway's own."""

    certificate_file: File
    """PEM: the authority that signs, then whoever signed it, up to the root."""
    private_key_file: File | None = None
    """Its key, PEM, for a gateway that may sign itself."""
    sign_command: list[File] | None = Field(default=None, min_length=1, max_length=32)
    """Program and arguments that sign instead: a request comes in on standard input, the chain is
    to go out on standard output."""
    trusted_file: File | None = None
    """PEM: further roots that devices and gateways are to trust, say the next one."""


@dataclass(frozen=True, slots=True)
class AuthorityConfig:
    """Somebody else's authority."""

    certificate: Path
    private_key: Path | None
    sign_command: tuple[str, ...]
    """Empty where there is a private key."""
    trusted: Path | None


def authority_problems(shape: AuthorityShape | None) -> Iterable[Problem]:
    """Return what contradicts itself."""
    if shape is not None and (shape.private_key_file is None) == (shape.sign_command is None):
        yield Problem(("authority",), "give either `private_key_file` or `sign_command`")


def authority_config(shape: AuthorityShape | None, base: Path) -> AuthorityConfig | None:
    """Return the configuration that a shape without problems says; paths are from ``base``."""
    if shape is None:
        return None
    return AuthorityConfig(
        certificate=base / shape.certificate_file,
        private_key=base / shape.private_key_file if shape.private_key_file else None,
        sign_command=tuple(shape.sign_command or ()),
        trusted=base / shape.trusted_file if shape.trusted_file else None,
    )
