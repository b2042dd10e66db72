"""What the answers in a table depend on besides the models: processor, library and its build.

Equal fingerprints promise equal answers; on others a few may differ where two tokens were
nearly as likely. Asks a process of its own about libllama, so that it is not loaded here.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

__all__ = ["fingerprint"]

_CPUINFO: Final = Path("/proc/cpuinfo")
_ASK: Final = (
    "import json, llama_cpp; print(json.dumps(llama_cpp.llama_print_system_info().decode()))"
)
_LIMIT_S: Final = 60.0


def fingerprint() -> dict[str, str]:
    """Return what identifies this machine and its build of llama.cpp."""
    return {
        "cpu": _cpu("model name") or platform.machine(),
        "cpu_flags_sha256": hashlib.sha256(_cpu("flags").encode()).hexdigest(),
        "llama_cpp_python": version("llama-cpp-python"),
        "llama_build": _build_flags(),
        "llama_libraries_sha256": _libraries(),
    }


def _cpu(name: str) -> str:
    if not _CPUINFO.is_file():
        return ""
    for line in _CPUINFO.read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return ""


def _build_flags() -> str:
    command = [sys.executable, "-c", _ASK]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=True)
    # The thread counts in it are a default that nobody uses here.
    parts = json.loads(asked.stdout.splitlines()[-1]).split("|")
    return " | ".join(part.strip() for part in parts if "n_threads" not in part and part.strip())


def _libraries() -> str:
    """Hash the shared libraries that come with the package."""
    package = find_spec("llama_cpp")
    digest = hashlib.sha256()
    for folder in (package.submodule_search_locations or ()) if package else ():
        for path in sorted((Path(folder) / "lib").glob("*.so*")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
