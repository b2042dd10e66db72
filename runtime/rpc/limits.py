"""Sizes and intervals of every connection, and the options that set them on both ends.

Server and client must agree on keepalive, or the server answers pings with GOAWAY.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "KEEPALIVE_INTERVAL_S",
    "KEEPALIVE_TIMEOUT_S",
    "MAX_MESSAGE_BYTES",
    "MAX_METADATA_BYTES",
    "client_options",
    "server_options",
]

Options = list[tuple[str, int | str]]

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""Largest message either end takes."""
MAX_METADATA_BYTES: Final = 16 * 1024
"""Largest metadata either end takes; the rich status of a refused graph must fit."""
KEEPALIVE_INTERVAL_S: Final = 30.0
"""How often a quiet connection is probed; short enough to notice a dropped link in a minute."""
KEEPALIVE_TIMEOUT_S: Final = 10.0
"""How long a probe may stay unanswered before the connection is given up."""

_MIN_PING_INTERVAL_S: Final = 5.0
_MAX_PENDING: Final = 20_000
_FIRST_RECONNECT_S: Final = 0.2
_SLOWEST_RECONNECT_S: Final = 5.0


def client_options(
    *, max_message_bytes: int = MAX_MESSAGE_BYTES, keepalive_interval_s: float
) -> Options:
    """Return the options of a client's channel."""
    return [
        *_message_sizes(max_message_bytes),
        *_keepalive(keepalive_interval_s),
        # A link that came back is used within seconds, not after gRPC's two minutes.
        ("grpc.initial_reconnect_backoff_ms", _ms(_FIRST_RECONNECT_S)),
        ("grpc.min_reconnect_backoff_ms", _ms(_SLOWEST_RECONNECT_S)),
        ("grpc.max_reconnect_backoff_ms", _ms(_SLOWEST_RECONNECT_S)),
        # No look-ups beside the address itself: a TXT record may not configure a client.
        ("grpc.service_config_disable_resolution", 1),
        # Closing a channel closes its connection: rotation and revocation count on it.
        ("grpc.use_local_subchannel_pool", 1),
    ]


def server_options(*, max_message_bytes: int = MAX_MESSAGE_BYTES) -> Options:
    """Return the options of a server."""
    return [
        *_message_sizes(max_message_bytes),
        *_keepalive(KEEPALIVE_INTERVAL_S),
        ("grpc.http2.min_ping_interval_without_data_ms", _ms(_MIN_PING_INTERVAL_S)),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", _ms(_MIN_PING_INTERVAL_S)),
        # A fleet that comes at once waits for its turn; gRPC would end calls from 1,000 on.
        ("grpc.server.max_pending_requests", _MAX_PENDING),
        ("grpc.server.max_pending_requests_hard_limit", _MAX_PENDING),
        # gRPC shares ports by default, so that a second daemon would take half of the calls.
        ("grpc.so_reuseport", 0),
    ]


def _message_sizes(max_message_bytes: int) -> Options:
    return [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ]


def _keepalive(interval_s: float) -> Options:
    return [
        ("grpc.keepalive_time_ms", _ms(interval_s)),
        ("grpc.keepalive_timeout_ms", _ms(KEEPALIVE_TIMEOUT_S)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
