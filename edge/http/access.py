"""Who may call the HTTP front: the token, certificates and pages that the configuration names."""

import ssl

from edge.config import EdgeConfig
from edge.http.browsers import Browsers
from runtime.documents.secret_file import read_secret_file
from runtime.http.server import tls_context

__all__ = ["allowed_browsers", "bearer_token", "front_tls"]


def front_tls(config: EdgeConfig) -> ssl.SSLContext | None:
    """Return how the front proves who it is, and whose certificates it asks for.

    Raises:
        ConfigInvalid: A file cannot be read, or they do not belong together.
    """
    tls = config.http_tls
    if tls is None:
        return None
    return tls_context(tls.certificate, tls.private_key, client_authority=tls.client_authority)


def bearer_token(config: EdgeConfig) -> str | None:
    """Return the token that callers must bring; ``None`` asks for none.

    Raises:
        ConfigInvalid: Its file cannot be read, or holds none.
    """
    file = config.http_token_file
    return None if file is None else read_secret_file(file, "token", field="http_token_file")


def allowed_browsers(config: EdgeConfig) -> Browsers:
    """Return which web pages may call the front."""
    asks_certificates = config.http_tls is not None and config.http_tls.client_authority is not None
    knows_callers = asks_certificates or config.http_token_file is not None
    return Browsers(config.http_origins, knows_callers=knows_callers)
