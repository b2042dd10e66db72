"""Which web pages may use the front: its own console, and those that the configuration names.

A browser on the device sends what any page tells it to, also to this front, and also if the page
cannot read the answer: so a page that nobody trusts could spend money and fill the queue. A page
whose own name was made to point here (DNS rebinding) is of the front's origin for the browser, and
could read answers too. Programs are not concerned: they send no ``Origin``, and call the front by
its address.
"""

from ipaddress import ip_address

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp

from runtime.errors import NotPermitted

__all__ = ["Browsers"]


class Browsers:
    """Holds requests against the pages that may send them.

    Args:
        origins: Of these pages, as browsers spell them: ``https://kiosk.example``.
        knows_callers: Whether callers show a token or a certificate. A page that was pointed here
            has neither, so that then the front may have any name.
    """

    def __init__(self, origins: frozenset[str] = frozenset(), *, knows_callers: bool) -> None:
        self._origins = origins
        self._knows_callers = knows_callers

    def check(self, request: Request) -> None:
        """Let a request of a program, of the console, or of a named page pass.

        Raises:
            NotPermitted: It is of another page, or calls the front by a name that is not its own.
        """
        host = request.headers.get("host", "")
        is_own = _is_own_name(host)
        if not self._knows_callers and not is_own:
            raise NotPermitted(
                "this front answers to its address or `localhost` only;"
                " set `http_token_file` to call it by another name"
            )
        origin = request.headers.get("origin")
        own = f"{request.url.scheme}://{host}" if is_own else None  # the console
        if origin is not None and origin != own and origin not in self._origins:
            raise NotPermitted(
                "this web page may not call the device; its origin is not in `http_origins`"
            )

    def shown(self, app: ASGIApp) -> ASGIApp:
        """Return ``app`` as the named pages can read its answers."""
        if not self._origins:
            return app
        return CORSMiddleware(
            app,
            allow_origins=sorted(self._origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            allow_private_network=True,
            expose_headers=["x-leeward-request-id", "retry-after"],
        )


def _is_own_name(host: str) -> bool:
    """Whether a ``Host`` is an address, which no page can have pointed here, or this machine."""
    name = host.rpartition("]")[0].lstrip("[") or host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
