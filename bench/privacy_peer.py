"""Presidio's pattern recognisers in the same run, from an environment of their own.

Its default recogniser of names is a spaCy model that no package registry serves; what runs here is
therefore called ``presidio_patterns`` and nothing more.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.privacy_figures import Extent

__all__ = ["PRESIDIO", "Peer", "run_presidio"]

PRESIDIO: Final = "presidio-analyzer==2.2.366"
_HOME: Final = Path(__file__).resolve().parent.parent / "var" / "bench-presidio"
_WORKER: Final = Path(__file__).with_name("privacy_presidio_worker.py")


@dataclass(frozen=True, slots=True)
class Peer:
    """What the peer reported."""

    spans: list[list[Extent]]
    ms: list[float]
    """Per text, milliseconds."""


def run_presidio(texts: list[str], *, timeout_s: float) -> Peer | None:
    """Analyse ``texts``; ``None`` when the peer cannot be installed or does not end in time."""
    python = _HOME / "bin" / "python"
    try:
        if not (_HOME / ".installed").exists():
            print(f"installing {PRESIDIO} into {_HOME} (once)", file=sys.stderr)
            venv.create(_HOME, with_pip=True)
            subprocess.run(
                [
                    python,
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    PRESIDIO,
                ],
                check=True,
                stdout=sys.stderr,
            )
            (_HOME / ".installed").touch()
        done = subprocess.run(
            [python, _WORKER],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            check=True,
            timeout=timeout_s,
        )
    except (OSError, subprocess.SubprocessError) as error:
        print(f"presidio does not run here: {type(error).__name__}", file=sys.stderr)
        return None
    answer = json.loads(done.stdout)
    spans = [[(start, end) for start, end in found] for found in answer["spans"]]
    return Peer(spans, answer["ms"])
