"""A group whose commands are imported one by one: what is not needed is not missed."""

import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from runtime.cli.lazy import lazy_app

runner = CliRunner()


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """Three commands: one works, one lacks a package, one is broken."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lazily_well.py").write_text(
        "def said(word: str) -> None:\n    '''Say a word.'''\n    print(word)\n"
    )
    (tmp_path / "lazily_absent.py").write_text("import surely_not_installed\n")
    (tmp_path / "lazily_broken.py").write_text("raise ZeroDivisionError\n")
    commands = {
        "say": "lazily_well:said",
        "absent": "lazily_absent:any",
        "broken": "lazily_broken:any",
    }
    return lazy_app(commands, name="edge", help="Three.", needs="typer")


def test_a_command_is_run_whatever_becomes_of_the_others(app: typer.Typer) -> None:
    said = runner.invoke(app, ["say", "hello"])

    assert said.output == "hello\n"
    assert "lazily_broken" not in sys.modules


def test_a_command_that_lacks_a_package_says_which_extra_has_it(app: typer.Typer) -> None:
    told = runner.invoke(app, ["absent", "--fast", "now"])

    assert told.exit_code == 4
    assert "`leeward edge absent` needs surely_not_installed" in told.output
    assert "pip install 'leeward[edge]'" in told.output


def test_a_broken_command_is_listed_with_the_others(app: typer.Typer) -> None:
    broken = runner.invoke(app, ["broken"])
    listed = runner.invoke(app, ["--help"])

    assert broken.exit_code == 1
    assert "`leeward edge broken` cannot be loaded: ZeroDivisionError" in broken.output
    assert "Say a word." in listed.output
    assert "Cannot be loaded." in listed.output


def test_an_unknown_command_is_a_usage_error(app: typer.Typer) -> None:
    assert runner.invoke(app, ["nope"]).exit_code == 2


def test_a_group_whose_extra_is_not_installed_is_not_there() -> None:
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed"):
        lazy_app({}, name="edge", help="None.", needs="surely_not_installed")
