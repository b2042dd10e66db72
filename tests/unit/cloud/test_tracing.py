"""Where spans go is as configured, and only as configured."""

import re
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

from cloud.tracing import new_tracing
from runtime.errors import ConfigInvalid
from tests.unit.cloud.short_config import configured, refusal_of


def traced(text: str, base: Path = Path()) -> TracerProvider:
    config = configured(text, base=base)
    return new_tracing(config.traces, config.name)


def test_unless_told_otherwise_spans_are_lines_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO", logger="leeward.trace"):
        traced("").get_tracer("t").start_span("call big").end()
        unkept = traced("traces: {log: false}\n").get_tracer("t").start_span("call big")
        unkept.end()

    assert [record.msg for record in caplog.records] == ["span_ended"]
    assert not unkept.is_recording()


def test_a_share_of_nothing_records_nothing() -> None:
    span = traced("traces: {share: 0}\n").get_tracer("t").start_span("call big")

    assert not span.is_recording()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("traces: {otlp: http://collector:4317}\n", "https"),
        ("traces: {otlp: collector:4317}\n", "otlp"),
        ("traces: {otlp: https://user:secret@collector:4317}\n", "otlp"),
        ("traces: {otlp_ca: ca.pem}\n", "belongs to"),
        ("traces: {share: 2}\n", "at most 1"),
    ],
)
def test_a_mistake_is_told_with_place_and_reason(text: str, words: str) -> None:
    assert re.match(rf"cloud\.yaml:7: .*{re.escape(words)}", refusal_of(text))


def test_a_certificate_that_is_not_there_keeps_the_gateway_from_starting(tmp_path: Path) -> None:
    text = "traces: {otlp: https://collector:4317, otlp_ca: ca.pem}\n"

    with pytest.raises(ConfigInvalid, match=r"ca\.pem"):
        traced(text, tmp_path)
