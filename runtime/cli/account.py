"""Who runs a command, as the operating system knows them."""

from __future__ import annotations

import os
import pwd

__all__ = ["account_name"]


def account_name() -> str:
    """Return the name of this process's account; of one without a name, its number."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user has a number and no name
        return str(os.getuid())
