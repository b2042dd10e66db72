"""An OpenTelemetry collector on loopback that keeps what it gets."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as collector_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as collector_grpc

__all__ = ["Collector", "running_collector"]


@dataclass
class Collector(collector_grpc.TraceServiceServicer):
    """What came, and where it listens."""

    requests: list[Any] = field(default_factory=list)
    endpoint: str = ""

    def Export(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return collector_pb2.ExportTraceServiceResponse()

    def received(self) -> bytes:
        """Return every byte of every message."""
        return b"".join(request.SerializeToString() for request in self.requests)

    def spans(self) -> dict[str, list[Any]]:
        """Return the spans by the first word of their names."""
        found: dict[str, list[Any]] = {}
        for request in self.requests:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        found.setdefault(span.name.split()[0], []).append(span)
        return found


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Listen until the block ends."""
    server = grpc.server(ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 0),))
    collector = Collector()
    add = collector_grpc.add_TraceServiceServicer_to_server
    add(collector, server)  # type: ignore[no-untyped-call]  # generated without types
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()
