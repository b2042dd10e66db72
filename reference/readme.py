"""Put the demo's real output into the README: ``python -m reference.readme``."""

import subprocess
import sys
from pathlib import Path

__all__ = ["main", "with_output"]

_README = Path(__file__).resolve().parents[1] / "README.md"
_BEGIN, _END = "<!-- demo -->\n```text\n", "```\n<!-- /demo -->"


def main() -> None:
    """Run the demo and write what it printed; a demo that fails changes nothing."""
    command = [sys.executable, "-m", "reference.demo"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    _README.write_text(with_output(_README.read_text(), output))


def with_output(readme: str, output: str) -> str:
    """Return the README with ``output`` between its markers."""
    before, begin, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError("README.md has lost its demo markers")
    lines = "\n".join(line.rstrip() for line in output.strip().splitlines())
    return f"{before}{_BEGIN}{lines}\n{_END}{after}"


if __name__ == "__main__":
    main()
