"""``leeward edge``: every command is there, and one does not pay for the others."""

import subprocess
import sys

from typer.testing import CliRunner

from edge.cli import app


def test_every_command_can_be_loaded() -> None:
    listed = CliRunner().invoke(app, ["--help"])

    assert listed.exit_code == 0
    assert "Serve until SIGTERM" in listed.output
    assert "Cannot be loaded" not in listed.output
    assert "Not installed" not in listed.output


def test_a_command_only_imports_what_it_needs() -> None:
    program = (
        "import sys; from runtime.cli.main import app;"
        " app(['edge', 'identity', '--help'], standalone_mode=False);"
        " print(sorted({'edge.app', 'networkx', 'huggingface_hub'} & set(sys.modules)))"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert ran.stdout.splitlines()[-1] == "[]", ran.stderr
