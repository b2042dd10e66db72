"""No log line holds content, whatever somebody passes to a logger."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from runtime.telemetry.logs import (
    ALLOWED_FIELDS,
    ROOT,
    JsonFormatter,
    configure_logging,
    event_logger,
)

CANARY = "Anna Kowalska, +48 601 234 567"


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    root = logging.getLogger(ROOT)
    before = (root.handlers[:], root.level, root.propagate)
    stream = io.StringIO()
    configure_logging(stream)
    yield stream
    root.handlers[:], root.level, root.propagate = before


def lines(output: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_allowed_fields(output: io.StringIO) -> None:
    event_logger("edge", "gate").warning("gate_refused", extra={"step_id": "far", "spans": 2})

    (line,) = lines(output)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "leeward.edge.gate",
        "event": "gate_refused",
        "step_id": "far",
        "spans": 2,
    }


def test_unknown_fields_are_dropped_and_counted(output: io.StringIO) -> None:
    event_logger("edge").info("step_done", extra={"prompt": CANARY, "answer": CANARY, "count": 1})

    assert CANARY not in output.getvalue()
    assert lines(output)[0]["dropped_fields"] == 2


def fail() -> None:
    raise ValueError(CANARY) from KeyError(CANARY)


def test_exceptions_leave_their_class_and_frames_only(output: io.StringIO) -> None:
    try:
        fail()
    except ValueError:
        event_logger("edge").exception("rpc_crashed")

    (line,) = lines(output)
    assert "Anna" not in output.getvalue()
    assert line["error"] == "ValueError"
    assert line["frames"][-1].endswith(":fail")


@pytest.mark.parametrize("message", [CANARY, "not an event", "Also_not", "", CANARY.encode()])
def test_what_is_not_an_event_name_is_not_shown(output: io.StringIO, message: object) -> None:
    event_logger("edge").info(message)

    assert "Anna" not in output.getvalue()
    assert lines(output)[0]["event"] == "unnamed"


@pytest.mark.parametrize(("message", "event"), [("said_%s", "unnamed"), ("said", "said")])
def test_format_arguments_are_never_formatted(message: str, event: str) -> None:
    record = logging.LogRecord("leeward.edge", logging.INFO, "", 0, message, (CANARY,), None)

    line = JsonFormatter().format(record)

    assert "Anna" not in line
    assert json.loads(line)["event"] == event
    assert json.loads(line)["dropped_fields"] == 1


def test_objects_in_allowed_fields_show_their_class_only(output: io.StringIO) -> None:
    class Chat:
        def __repr__(self) -> str:
            return CANARY

    event_logger("edge").info(
        "step_done",
        extra={"reason": Chat(), "state": {"text": CANARY}, "categories": {"person", "health"}},
    )

    (line,) = lines(output)
    assert line["reason"] == "<Chat>"
    assert line["state"] == "<1 entries>"
    assert line["categories"] == ["health", "person"]


def test_line_breaks_in_a_field_cannot_forge_a_second_line(output: io.StringIO) -> None:
    event_logger("edge").info("step_done", extra={"reason": 'a\n{"event":"forged"}\u2028'})

    assert len(output.getvalue().splitlines()) == 1


def test_nothing_goes_on_to_the_root_logger(output: io.StringIO) -> None:
    plain = io.StringIO()
    handler = logging.StreamHandler(plain)
    logging.getLogger().addHandler(handler)

    event_logger("edge").info("step_done", extra={"prompt": CANARY})
    logging.getLogger().removeHandler(handler)

    assert output.getvalue()
    assert plain.getvalue() == ""


def test_a_line_that_cannot_be_written_is_lost_in_silence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    closed = io.StringIO()
    handler = configure_logging(closed)
    closed.close()

    event_logger("edge").info("step_done", extra={"reason": CANARY})
    logging.getLogger(ROOT).removeHandler(handler)

    assert "Anna" not in capsys.readouterr().err


def test_configuring_twice_does_not_double_the_lines(output: io.StringIO) -> None:
    configure_logging(output)

    event_logger("edge").info("step_done")

    assert len(lines(output)) == 1


def test_no_allowed_field_is_named_like_content() -> None:
    content = {"text", "prompt", "messages", "content", "answer", "completion", "completion_text",
               "question", "response", "message", "input", "output"}  # fmt: skip

    assert not ALLOWED_FIELDS & content
