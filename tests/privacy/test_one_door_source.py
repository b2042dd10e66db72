"""Promise 3 in the source: only ``edge/egress`` may open a connection.

The import rule ``door`` says it for modules; this says it for calls, which imports do not show.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPENING_CALLS = frozenset(
    {
        "connect",
        "connect_ex",
        "create_connection",
        "create_datagram_endpoint",
        "getaddrinfo",
        "insecure_channel",
        "open_connection",
        "open_unix_connection",
        "secure_channel",
        "sendto",
        "urlopen",
    }
)
NETWORK_MODULES = frozenset(
    {
        *("aiohttp", "ftplib", "httpx", "huggingface_hub", "openai", "requests", "smtplib"),
        *("http", "http.client", "socketserver", "ssl", "urllib.request", "urllib3", "websockets"),
        *("runtime.rpc.channels", "runtime.rpc.inference_client"),
        "runtime.rpc.collaboration_client",
    }
)
# What is left, each with its reason; a new line here is a decision to look at.
ALLOWED = {
    ("edge/life.py", "runtime.rpc.inference_client"): "wired to the gate, over the link's channel",
    ("edge/engine/spawn.py", "open_connection"): "one end of a socketpair to the engine's child",
    ("edge/http/access.py", "ssl"): "the front's own certificate: for callers who dial in",
    ("edge/feedback/store.py", "connect"): "SQLite",
    ("edge/privacy/sealed.py", "connect"): "SQLite",
    ("edge/software/manager.py", "connect"): "the service manager's datagram socket on this device",
}


def _sources() -> list[Path]:
    files = sorted((ROOT / "edge").rglob("*.py"))
    return [file for file in files if "egress" not in file.relative_to(ROOT).parts]


def _openings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                if name in OPENING_CALLS:
                    yield name
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name in NETWORK_MODULES)
            case ast.ImportFrom(module=str(module), names=names):
                full = {module, *(f"{module}.{alias.name}" for alias in names)}
                yield from full & NETWORK_MODULES


@pytest.mark.parametrize("file", _sources(), ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_beside_the_door_opens_a_connection(file: Path) -> None:
    name = str(file.relative_to(ROOT))

    found = {opening for opening in _openings(file.read_text()) if (name, opening) not in ALLOWED}

    assert found == set()


@pytest.mark.parametrize(
    "planted",
    [
        "import httpx",
        "from http import client",
        "from urllib import request",
        "import socket\nsocket.create_connection(('a', 1))",
        "s.connect(('a', 1))",
        "import grpc\ngrpc.aio.secure_channel('a', None)",
        "from runtime.rpc.channels import open_channel",
    ],
)
def test_a_planted_opening_is_found(planted: str) -> None:
    assert list(_openings(planted))
