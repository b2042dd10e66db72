"""Which release this is."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["VERSION"]


def _installed() -> str:
    try:
        return version("leeward")
    except PackageNotFoundError:  # a source tree that nobody installed
        return "0"


VERSION = _installed()
