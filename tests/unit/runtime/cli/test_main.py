"""The root command: lazily loaded groups, of which a broken one breaks only itself."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from runtime.cli import main as cli

runner = CliRunner()


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of plug-in modules; ``plugged_x.py`` is registered as ``x``."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(
        cli,
        "entry_points",
        lambda *, group: [
            EntryPoint(path.stem.removeprefix("plugged_"), f"{path.stem}:app", group)
            for path in tmp_path.glob("*.py")
        ],
    )
    return tmp_path


def test_help_lists_every_command() -> None:
    result = runner.invoke(cli.app, ["--help"])

    assert result.exit_code == 0
    assert all(name in result.output for name, _ in cli.OWN_COMMANDS)


def test_a_command_only_imports_what_it_needs() -> None:
    program = (
        "import sys; from runtime.cli.main import app; app(['version'], standalone_mode=False); "
        "print(sorted({'grpc', 'llama_cpp', 'openai', 'networkx'} & set(sys.modules)))"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert ran.stdout.splitlines()[-1] == "[]", ran.stderr


def test_a_group_of_another_package_is_found(plugins: Path) -> None:
    (plugins / "plugged_plugged.py").write_text(
        "import typer\napp = typer.Typer()\n@app.command()\ndef a(): typer.echo('A')\n"
        "@app.command()\ndef b(): typer.echo('B')\n"
    )

    assert runner.invoke(cli.app, ["plugged", "b"]).output == "B\n"


def test_a_plain_function_is_a_command(plugins: Path) -> None:
    (plugins / "plugged_single.py").write_text("def app(name: str) -> None:\n    print(name)\n")

    assert runner.invoke(cli.app, ["single", "x"]).output == "x\n"


def test_a_group_whose_dependency_is_absent_names_it(plugins: Path) -> None:
    (plugins / "plugged_edge.py").write_text("import surely_not_installed.here\n")

    result = runner.invoke(cli.app, ["edge", "serve", "--fast"])

    assert result.exit_code == 4
    assert "needs surely_not_installed" in result.output
    assert "pip install 'leeward[edge]'" in result.output


def test_a_broken_group_leaves_the_others_alone(plugins: Path) -> None:
    (plugins / "plugged_broken_group.py").write_text("raise ZeroDivisionError\n")

    broken = runner.invoke(cli.app, ["broken_group"])
    other = runner.invoke(cli.app, ["version"])

    assert broken.exit_code == 1
    assert "cannot be loaded: ZeroDivisionError at" in broken.output
    assert other.exit_code == 0
    assert runner.invoke(cli.app, ["--help"]).exit_code == 0


def test_an_entry_point_that_is_no_command_is_broken(plugins: Path) -> None:
    (plugins / "plugged_number.py").write_text("app = 5\n")

    assert runner.invoke(cli.app, ["number"]).exit_code == 1


def test_a_plug_in_cannot_replace_one_of_our_own(plugins: Path) -> None:
    (plugins / "plugged_version.py").write_text("def app() -> None:\n    print('fake')\n")

    assert "fake" not in runner.invoke(cli.app, ["version"]).output


def test_an_unknown_command_is_a_usage_error() -> None:
    assert runner.invoke(cli.app, ["nope"]).exit_code == 2


def test_every_own_command_can_be_loaded() -> None:
    for name, value in cli.OWN_COMMANDS:
        loaded = EntryPoint(name, value, cli.GROUP).load()

        assert isinstance(loaded, typer.Typer) or callable(loaded)
