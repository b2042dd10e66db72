"""Where the gateway's spans go: lines of the log, a collector, both or nowhere."""

from pathlib import Path

import grpc
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased

from cloud.config_traces import TracesConfig
from runtime.errors import ConfigInvalid
from runtime.ids import NodeName
from runtime.telemetry.span_log import LogSpans

__all__ = ["new_tracing"]


def new_tracing(config: TracesConfig, node: NodeName) -> TracerProvider:
    """Return a provider as configured; its owner shuts it down, which sends what is left.

    Spans for a collector are sent from a thread of their own, in batches; when the collector is
    away the oldest are lost, and no call waits. Headers for it are taken from the environment by
    the exporter itself (``OTEL_EXPORTER_OTLP_HEADERS``).

    Raises:
        ConfigInvalid: The exporter is not installed, or its certificate cannot be read.
    """
    resource = Resource({SERVICE_NAME: "leeward-cloud", SERVICE_INSTANCE_ID: node})
    is_kept = config.log or config.otlp is not None
    sampler = ParentBased(TraceIdRatioBased(config.share)) if is_kept else ALWAYS_OFF
    provider = TracerProvider(sampler=sampler, resource=resource)
    if config.log:
        provider.add_span_processor(LogSpans())
    if config.otlp is not None:
        provider.add_span_processor(BatchSpanProcessor(_exporter(config.otlp, config.otlp_ca)))
    return provider


def _exporter(endpoint: str, ca: Path | None) -> SpanExporter:
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
            OTLPSpanExporter,
        )
    except ImportError as error:
        reason = 'needs the OpenTelemetry exporter: pip install "leeward[otlp]"'
        raise ConfigInvalid(reason, field="traces.otlp") from error
    if endpoint.startswith("http://"):
        return OTLPSpanExporter(endpoint=endpoint, insecure=True)
    return OTLPSpanExporter(endpoint=endpoint, credentials=_credentials(ca))


def _credentials(ca: Path | None) -> grpc.ChannelCredentials:
    try:
        return grpc.ssl_channel_credentials(ca.read_bytes() if ca else None)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise ConfigInvalid(reason, file=str(ca), field="traces.otlp_ca") from error
