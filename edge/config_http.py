"""The part of the edge's configuration about who uses its HTTP front: ``http_tls``, origins."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from runtime.documents.shape import Shape

__all__ = ["HttpTls", "HttpTlsShape", "Origin", "http_tls"]

Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.\-\[\]:]+$", max_length=255)]
"""Of a web page, as browsers send it: lower case, no path, no default port."""


class HttpTlsShape(Shape):
    """How the front and its callers prove who they are."""

    certificate_file: str = Field(min_length=1, max_length=4096)
    """The front's certificate chain, PEM."""
    private_key_file: str = Field(min_length=1, max_length=4096)
    """The key that belongs to it, PEM, not encrypted."""
    client_authority_file: str | None = Field(default=None, min_length=1, max_length=4096)
    """Whose certificates callers must show, PEM; left out, none is asked for."""


@dataclass(frozen=True, slots=True)
class HttpTls:
    """How the HTTP front and its callers prove who they are."""

    certificate: Path
    private_key: Path
    client_authority: Path | None
    """Who signs callers' certificates; ``None`` asks for none."""


def http_tls(base: Path, shape: HttpTlsShape | None) -> HttpTls | None:
    """Return the configuration that a shape says; paths are from ``base``."""
    if shape is None:
        return None
    authority = shape.client_authority_file
    return HttpTls(
        base / shape.certificate_file,
        base / shape.private_key_file,
        None if authority is None else base / authority,
    )
