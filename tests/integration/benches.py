"""Runs a benchmark as its user does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 280


def quick_figures(name: str) -> dict[str, Any]:
    """Run ``python -m bench.NAME --json --quick`` and return the object on its last line."""
    ran = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", "--json", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    figures: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return figures
