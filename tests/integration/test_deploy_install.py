"""The install script: what it refuses, and that all that it copies is there.

Run whole in a clean root filesystem it was by hand; `deploy/README.md` shows that run.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
SCRIPT = DEPLOY / "install.sh"
LEEWARD = "leeward-0.1.0-py3-none-any.whl"


def install(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("arguments", [(), ("edge",), ("edge", "wheels", "more")])
def test_a_wrong_command_line_is_told_the_right_one(arguments: tuple[str, ...]) -> None:
    ended = install(*arguments)

    assert ended.returncode == 1
    assert ended.stderr == "install: usage: install.sh edge|cloud WHEELS\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="the script asks for root before it looks further")
@pytest.mark.parametrize(
    ("files", "word"),
    [((), "exactly one"), ((LEEWARD, LEEWARD.replace("0.1.0", "0.2.0")), "exactly one")],
)
def test_wheels_without_one_version_of_leeward_change_nothing(
    tmp_path: Path, files: tuple[str, ...], word: str
) -> None:
    for file in files:
        (tmp_path / file).touch()

    ended = install("edge", str(tmp_path))

    assert ended.returncode == 1
    assert word in ended.stderr
    assert not Path("/opt/leeward-0.1.0").exists()


@pytest.mark.parametrize("role", ["edge", "cloud"])
def test_whatever_it_copies_is_there(role: str) -> None:
    named = re.findall(r'"\$here/([^"]+)"', SCRIPT.read_text())

    assert len(named) >= 5
    for name in named:
        filled = name.replace("$role", role).replace("$each", role)
        assert (DEPLOY / filled).exists(), filled
