"""Two files change names, so that one of them is always there whole."""

from pathlib import Path

__all__ = ["exchange_files"]


def exchange_files(one: Path, other: Path) -> None:
    """Exchange two files of one folder, of which either may be absent.

    If both are there, ``one`` is there at every moment: what a crash leaves undone is ``other``'s.
    """
    held = one.with_name(f".{one.name}.held")
    held.unlink(missing_ok=True)
    if one.exists():
        held.hardlink_to(one)
    if other.exists():
        other.replace(one)
    else:
        one.unlink(missing_ok=True)
    if held.exists():
        held.replace(other)
