"""The file by which a device learns where to enrol, whom to trust there, and with which token.

Carried to the device by a person; secret until it is used. JSON, mode 0600.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from runtime.errors import CertificateInvalid, ConfigInvalid
from runtime.identity.certificates import load_certificates
from runtime.private_files import write_private_file

__all__ = ["JoinTokenFile", "load_token_file", "store_token_file"]

_MAX_FILE_BYTES: Final = 64 * 1024


class JoinTokenFile(BaseModel):
    """What a join-token file holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    leeward: Literal["join-token/v1"] = "join-token/v1"
    token: str = Field(min_length=1, max_length=200, repr=False)
    ca_certificate_pem: str = Field(max_length=32 * 1024)
    """The only authority that the device trusts while it enrols."""
    enrolment_address: str = Field(min_length=3, max_length=300)
    """``host:port`` of the enrolment service."""
    gateway_address: str = Field(default="", max_length=300)
    """``host:port`` by which this device reaches the gateway; empty: as the gateway says."""
    expires_at: AwareDatetime


def load_token_file(path: Path) -> JoinTokenFile:
    """Read a join-token file.

    Raises:
        ConfigInvalid: It is missing, too large, or not a join-token file; its content is not
            quoted.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigInvalid("a join-token file is small; this is another file", file=str(path))
        file = JoinTokenFile.model_validate_json(path.read_bytes())
        load_certificates(file.ca_certificate_pem.encode())
    except OSError as error:
        raise ConfigInvalid(f"cannot read it: {error.strerror}", file=str(path)) from None
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in problem["loc"])
        reason = "not a join-token file as `leeward cloud token` writes it"
        raise ConfigInvalid(reason, file=str(path), field=field) from None
    except CertificateInvalid:
        reason = "does not hold a PEM certificate"
        raise ConfigInvalid(reason, file=str(path), field="ca_certificate_pem") from None
    return file


def store_token_file(path: Path, file: JoinTokenFile) -> None:
    """Write a join-token file, mode 0600.

    Raises:
        OSError: It cannot be written.
    """
    write_private_file(path, file.model_dump_json(indent=2).encode() + b"\n")
