"""Failures become one line and a code; results become JSON or text, never markup."""

import json
from collections.abc import Callable

import pytest
import typer

from runtime.cli.exit_codes import CRASHED, INTERRUPTED, OUTPUT_CLOSED
from runtime.cli.output import make_table, run_command, show
from runtime.errors import AddressInUse, GraphInvalid, LeakFound, LeewardError, UpstreamUnavailable

SECRET = "Anna Kowalska"


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def code_of(error: BaseException, *, as_json: bool = False) -> int:
    with pytest.raises(typer.Exit) as ended:
        run_command(raising(error), as_json=as_json)
    return int(ended.value.exit_code)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (GraphInvalid("bad", file="g.yaml", line=3), 11),
        (AddressInUse("port 7450 is taken"), 50),
        (LeewardError("x"), 9),
        (KeyboardInterrupt(), INTERRUPTED),
        (ZeroDivisionError(), CRASHED),
        (ExceptionGroup("tasks", [ExceptionGroup("more", [UpstreamUnavailable("down")])]), 52),
        (ExceptionGroup("tasks", [ValueError()]), CRASHED),
    ],
)
def test_each_failure_has_its_code(error: BaseException, code: int) -> None:
    assert code_of(error) == code


def test_a_failure_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    code_of(GraphInvalid("two\nlines", file="g.yaml", line=3, field="steps"))

    assert capsys.readouterr() == ("", "error: g.yaml:3: steps: two lines\n")


def test_a_failure_as_json_says_where_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    code_of(GraphInvalid("is bad", file="g.yaml", line=3, field="steps"), as_json=True)

    assert json.loads(capsys.readouterr().out) == {
        "error": {
            "kind": "GraphInvalid",
            "message": "g.yaml:3: steps: is bad",
            "reason": "is bad",
            "file": "g.yaml",
            "line": 3,
            "field": "steps",
            "exit_code": 11,
            "retryable": False,
        }
    }


def test_a_leak_as_json_shows_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    code_of(LeakFound("person", path=("request", "far@cloud")), as_json=True)

    assert json.loads(capsys.readouterr().out)["error"]["path"] == ["request", "far@cloud"]


@pytest.mark.parametrize("as_json", [False, True])
def test_a_fault_of_ours_shows_its_place_and_not_its_text(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    code_of(ValueError(SECRET), as_json=as_json)

    captured = "".join(capsys.readouterr())
    assert SECRET not in captured
    assert "Traceback" not in captured
    assert "ValueError at " in captured


def test_the_traceback_is_shown_when_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEEWARD_DEBUG", "1")

    code_of(GraphInvalid("bad"))

    assert "Traceback" in capsys.readouterr().err


def test_a_command_s_own_exit_passes() -> None:
    assert code_of(typer.Exit(3)) == 3


def test_a_closed_pipe_is_no_fault(tmp_path: object, capfd: pytest.CaptureFixture[str]) -> None:
    assert code_of(BrokenPipeError()) == OUTPUT_CLOSED


def test_text_is_never_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    table = make_table(("a",), [["[red]x[/red] leeward[edge] :smile:"]])

    show({}, table, "[bold]y[/bold]", as_json=False)

    out = capsys.readouterr().out
    assert "[red]x[/red] leeward[edge] :smile:" in out
    assert "[bold]y[/bold]" in out
