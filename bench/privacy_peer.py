"""Presidio's pattern recognisers and a plain encoder, in the same run, from their own environment.

Presidio's default recogniser of names is a spaCy model that no package registry serves; what runs
here is therefore called ``presidio_patterns`` and nothing more. The environment is made once, and
what it takes from the network is kept by ``uv``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.privacy_figures import Extent

__all__ = ["PEERS", "Peer", "installed_peers", "run_presidio", "time_encoder"]

PEERS: Final = ("presidio-analyzer==2.2.366", "onnx>=1.18,<2", "onnxruntime>=1.23,<2")
_HOME: Final = Path(__file__).resolve().parent.parent / "var" / "bench-privacy-peers"
_INSTALL_TIMEOUT_S: Final = 900.0
_ENCODER_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Peer:
    """What the peer reported."""

    spans: list[list[Extent]]
    ms: list[float]
    """Per text, milliseconds."""


def installed_peers() -> Path | None:
    """Return the interpreter of the peers, installed if need be; ``None`` when that fails."""
    python, mark = _HOME / "bin" / "python", _HOME / ".installed"
    if mark.exists() and mark.read_text("utf-8").split("\n") == list(PEERS):
        return python
    print(f"installing {', '.join(PEERS)} into {_HOME} (once)", file=sys.stderr)
    try:
        for words in (
            ["venv", "--clear", str(_HOME)],
            ["pip", "install", "-p", str(python), *PEERS],
        ):
            subprocess.run(
                [sys.executable, "-m", "uv", "--quiet", *words],
                check=True,
                stdout=sys.stderr,
                timeout=_INSTALL_TIMEOUT_S,
            )
    except (OSError, subprocess.SubprocessError) as error:
        print(f"the peers cannot be installed here: {type(error).__name__}", file=sys.stderr)
        return None
    mark.write_text("\n".join(PEERS), "utf-8")
    return python


def run_presidio(python: Path, texts: list[str], *, timeout_s: float) -> Peer | None:
    """Analyse ``texts``; ``None`` when the peer does not run, or does not end in time."""
    said = _run(python, "privacy_presidio_worker.py", json.dumps(texts), timeout_s=timeout_s)
    if said is None:
        return None
    answer = json.loads(said)
    spans = [[(start, end) for start, end in found] for found in answer["spans"]]
    return Peer(spans, answer["ms"])


def time_encoder(python: Path) -> float | None:
    """Return the processor time that a plain encoder takes for 256 tokens, milliseconds."""
    said = _run(python, "privacy_encoder_worker.py", "", timeout_s=_ENCODER_TIMEOUT_S)
    return None if said is None else float(said)


def _run(python: Path, worker: str, given: str, *, timeout_s: float) -> str | None:
    try:
        done = subprocess.run(
            [python, Path(__file__).with_name(worker)],
            input=given,
            capture_output=True,
            text=True,
            check=True,
            timeout=timeout_s,
        )
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{worker} does not run here: {type(error).__name__}", file=sys.stderr)
        return None
    return done.stdout
