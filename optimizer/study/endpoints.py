"""What holds for every endpoint that a study names: its agent's and its judge's."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from runtime.documents.document import Problem
from runtime.rpc.address import is_loopback_host

__all__ = ["clear_key_problems", "is_loopback"]


def clear_key_problems(
    url: str, place: tuple[str | int, ...], *, has_key: bool
) -> Iterator[Problem]:
    """Say when a key would go over a network in clear; ``place`` is the endpoint's section."""
    if has_key and not is_loopback(url) and not url.startswith("https://"):
        reason = "would send the key over a network in clear; use https"
        yield Problem((*place, "base_url"), reason)


def is_loopback(url: str) -> bool:
    """Say whether an endpoint is on this machine."""
    return is_loopback_host(urlsplit(url).hostname or "")
