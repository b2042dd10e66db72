"""Reads the word lists that ship in ``runtime/sentinel/data``."""

from importlib import resources

__all__ = ["read_sections"]


def read_sections(file: str) -> dict[str, list[str]]:
    """Return the lines of a list by section; those before any ``[section]`` line under ``""``.

    Empty lines and lines that start with ``#`` are left out.
    """
    source = resources.files("runtime.sentinel").joinpath("data", file)
    sections: dict[str, list[str]] = {"": []}
    section = ""
    for line in source.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            sections[section] = []
        elif line and not line.startswith("#"):
            sections[section].append(line)
    return sections
