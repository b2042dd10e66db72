"""The highest revision of a signed policy that this device has run, so that none goes back.

A signed policy stays signed for ever: without this, whoever can write the file could put an older,
laxer one in place.
"""

from pathlib import Path
from typing import Final

from runtime.errors import SignatureInvalid
from runtime.policy.model import Policy
from runtime.private_files import write_private_file

__all__ = ["refuse_older", "remember_revision"]

_FILE: Final = "policy-revision"


def refuse_older(policy: Policy, file: Path, state: Path) -> None:
    """Raise unless ``policy`` is at least as new as what ran here before.

    Args:
        policy: What is about to run.
        file: Where it was read, for the error.
        state: The device's state directory.

    Raises:
        SignatureInvalid: Its revision is lower, or it has none where one had.
    """
    before = _highest(state)
    if (policy.revision or 0) < before:
        has = f"is revision {policy.revision}" if policy.revision else "has no revision"
        reason = (
            f"{has}, but revision {before} ran on this device before; give it a higher one and"
            f" sign it again (or, to go back on purpose, remove {state / _FILE})"
        )
        raise SignatureInvalid(reason, file=str(file), field="revision")


def remember_revision(policy: Policy, state: Path, *, is_back: bool = False) -> None:
    """Keep the revision of a policy that runs now.

    Args:
        policy: It.
        state: The device's state directory.
        is_back: Whether an operator has signed that it comes back, so that it counts from now on
            though it is lower.

    Raises:
        OSError: It cannot be kept.
    """
    if (policy.revision or 0) > _highest(state) or (is_back and policy.revision):
        write_private_file(state / _FILE, f"{policy.revision}\n".encode())


def _highest(state: Path) -> int:
    try:
        text = (state / _FILE).read_text("ascii").strip()
    except FileNotFoundError:
        return 0
    except (OSError, UnicodeDecodeError):
        raise SignatureInvalid("cannot be read", file=str(state / _FILE)) from None
    if not text.isdecimal():
        raise SignatureInvalid("does not hold a revision", file=str(state / _FILE))
    return int(text)
