"""Structured logs that cannot hold content.

One JSON object per line: time, level, logger, event, and those extra fields that are on the
allow-list. Everything else is dropped and counted: unknown fields, format arguments, and the
texts of exceptions, of which only the class and the frames are kept. An event is a constant
snake_case name; what is not one becomes ``unnamed``.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, TextIO

__all__ = ["ALLOWED_FIELDS", "ROOT", "JsonFormatter", "configure_logging", "event_logger"]

ROOT: Final = "leeward"
"""Every logger of ours is below this one."""

ALLOWED_FIELDS: Final = frozenset(
    {
        "address", "attempt", "bytes_in", "bytes_out", "cache", "categories", "clearance", "code",
        "cost_usd", "count", "destination", "detector", "device", "device_id", "dropped_bytes",
        "duration_s", "error", "exit_code", "expires_at", "file", "finish_reason", "frames",
        "graph", "graph_hash", "kind", "label", "latency_s", "left_s", "level", "line", "method",
        "model", "node", "parent_span_id", "path_count", "pause_s", "pid", "plan_id",
        "policy_hash", "port", "position", "queue_depth", "reason", "release", "request_id",
        "retry_after_s", "role", "rpc", "serial", "session_id", "signal", "span", "span_id",
        "spans", "state", "status", "step_id", "token_id", "tokens_in", "tokens_out", "trace_id",
        "upstream", "version", "zone",
    }
)  # fmt: skip
"""Names of fields that may be logged. None of them ever holds text that a person or a model
wrote; ``reason`` and ``error`` hold constants and class names."""

_EVENT: Final = re.compile(r"[a-z][a-z0-9_]{0,79}")
_MAX_TEXT: Final = 300
_MAX_FRAMES: Final = 40
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_Scalar = str | int | float | bool | None


class JsonFormatter(logging.Formatter):
    """Turns a record into one line of JSON, by allow-list."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; never the record's message, arguments or exception text."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
        }
        dropped = 1 if record.args else 0
        for name, value in vars(record).items():
            if name in _STANDARD:
                continue
            if name in ALLOWED_FIELDS:
                entry[name] = _plain(value)
            else:
                dropped += 1
        if record.exc_info and record.exc_info[0] is not None:
            entry["error"] = record.exc_info[0].__name__
            entry["frames"] = _frames(record.exc_info[2])
        if dropped:
            entry["dropped_fields"] = dropped
        return json.dumps(entry, ensure_ascii=True, separators=(",", ":"))


def event_logger(*names: str) -> logging.Logger:
    """Return the logger ``leeward.<names>``: ``event_logger("edge", "gate")``."""
    return logging.getLogger(".".join((ROOT, *names)))


def configure_logging(stream: TextIO, *, level: int = logging.INFO) -> logging.Handler:
    """Send all ``leeward`` loggers to a stream as JSON lines; return the handler.

    Records do not go on to the root logger, whose formatter could show what this one drops.
    """
    handler = _SilentHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger(ROOT)
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level)
    root.propagate = False
    return handler


class _SilentHandler(logging.StreamHandler[TextIO]):
    """Loses a line that it cannot write: the usual report of that shows message and arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Say nothing."""


def _event(record: logging.LogRecord) -> str:
    name = record.msg
    return name if isinstance(name, str) and _EVENT.fullmatch(name) else "unnamed"


def _plain(value: object) -> object:
    """Return a JSON value of bounded size; of anything that is not plain data, its class name."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, str):
        return value[:_MAX_TEXT]
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [_plain(item) for item in list(items)[:_MAX_FRAMES]]
    if isinstance(value, Mapping):
        return f"<{len(value)} entries>"
    return f"<{type(value).__name__}>"


def _frames(tb: TracebackType | None) -> list[str]:
    """Return where it happened, without source lines: those may hold literals."""
    frames = traceback.extract_tb(tb)[-_MAX_FRAMES:]
    return [f"{frame.filename}:{frame.lineno}:{frame.name}" for frame in frames]
