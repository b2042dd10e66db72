"""Pick free loopback ports for programs that cannot bind port 0 and say what they got."""

import socket

__all__ = ["free_port"]


def free_port() -> int:
    """Return a port that was free a moment ago; only the packaged LLM server needs it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
