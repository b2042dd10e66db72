"""Checks of what is installed, for ``leeward doctor``: extras, engine libraries, weights.

Looks at metadata and files only: importing llama.cpp here could take this process down.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from runtime.cli.machine import Check, Status

__all__ = ["check_installation", "requirements_of"]

_EXTRAS: Final = ("edge", "cloud", "optimizer", "demo", "train", "dev")
_REQUIREMENT: Final = re.compile(r"\s*([A-Za-z0-9._-]+)(?:\[[^\]]*\])?([^;]*)(?:;(.*))?")
_EXTRA_MARKER: Final = re.compile(r"extra\s*==\s*['\"]([A-Za-z0-9._-]+)['\"]")
_GGUF_MAGIC: Final = b"GGUF"


def check_installation(source_root: Path) -> list[Check]:
    """Look at the distribution's extras, the engine's library and the reference weights.

    Args:
        source_root: Where ``reference/weights`` would be in a source tree.
    """
    return [*_extras(), _engine(), _weights(source_root / "reference" / "weights")]


def requirements_of(distribution: str) -> dict[str, list[str]]:
    """Return required distributions by extra; the empty name is what is always needed.

    Raises:
        PackageNotFoundError: It is not installed.
    """
    found: dict[str, list[str]] = {}
    for requirement in requires(distribution) or []:
        match = _REQUIREMENT.fullmatch(requirement)
        if match is not None:
            marker = _EXTRA_MARKER.search(match.group(3) or "")
            found.setdefault(marker.group(1) if marker else "", []).append(match.group(1))
    return found


def _extras() -> list[Check]:
    try:
        needed = requirements_of("leeward")
    except PackageNotFoundError:
        advice = "install it: pip install -e . in the source tree, or `make setup`"
        return [Check("leeward", "warning", "runs from a tree without being installed", advice)]
    checks = [_extra("runtime", needed.get("", []), advice="pip install leeward", is_base=True)]
    for extra in _EXTRAS:
        if extra in needed:
            advice = f"pip install 'leeward[{extra}]'"
            checks.append(_extra(extra, needed[extra], advice=advice, is_base=False))
    return checks


def _extra(name: str, distributions: list[str], *, advice: str, is_base: bool) -> Check:
    absent = [distribution for distribution in distributions if not _is_installed(distribution)]
    title = name if is_base else f"extra {name}"
    if absent:
        status: Status = "missing" if is_base else "warning"
        return Check(title, status, f"not installed: {', '.join(absent)}", advice)
    return Check(title, "ok", f"{len(distributions)} packages installed")


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _engine() -> Check:
    spec = find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        advice = "only the edge needs it: pip install 'leeward[edge]'"
        return Check("llama.cpp", "warning", "not installed", advice)
    libraries = sorted((Path(spec.origin).parent / "lib").glob("libllama*"))
    if not libraries:
        advice = "the build is incomplete; reinstall llama-cpp-python"
        return Check("llama.cpp", "warning", "no libllama beside the package", advice)
    name = f"llama-cpp-python {version('llama-cpp-python')}"
    return Check("llama.cpp", "ok", f"{name}, {libraries[0].name}")


def _weights(directory: Path) -> Check:
    if not directory.is_dir():
        return Check("weights", "ok", "no source tree here; point the edge at a GGUF file")
    files = sorted(directory.glob("*.gguf"))
    damaged = [file.name for file in files if not _is_gguf(file)]
    if damaged or not files:
        detail = f"not GGUF files: {', '.join(damaged)}" if damaged else f"none in {directory}"
        return Check("weights", "warning", detail, "fetch the tree again, or train: reference/")
    return Check("weights", "ok", ", ".join(file.name for file in files))


def _is_gguf(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(_GGUF_MAGIC)) == _GGUF_MAGIC
