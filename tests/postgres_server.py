"""A real PostgreSQL server for tests: in a temporary directory, on a Unix socket, stopped after.

Starts the binaries of Debian's `postgresql` package, never as root, which the server refuses.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

START_TIMEOUT_S = 30.0
MISSING = "these tests need a PostgreSQL server: run `make postgres` (Debian's package postgresql)"


@dataclass(frozen=True)
class PostgresServer:
    """A running server that asks for no password."""

    directory: Path
    process: subprocess.Popen[bytes]

    def url(self, name: str) -> str:
        return f"postgresql://leeward@/{name}?host={self.directory}"

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Make a copy of a database, yield its URL, and drop it with whoever is connected."""
        name = f"test_{secrets.token_hex(6)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    binaries = _binaries()
    if binaries is None:
        pytest.fail(MISSING)
    # Not pytest's own directory: a socket's path has at most 107 bytes, and another user enters.
    directory = Path(tempfile.mkdtemp(prefix="leeward-pg-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        as_user = _unprivileged(directory)
        _initialise(binaries / "initdb", directory / "data", as_user)
        process = _start(binaries / "postgres", directory, as_user)
        server = PostgresServer(directory, process)
        _wait_ready(server)
        yield server
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # "fast": ends sessions instead of waiting for them
            process.wait(START_TIMEOUT_S)
        shutil.rmtree(directory, ignore_errors=True)


def _binaries() -> Path | None:
    """The newest server's own directory; Debian keeps it off the PATH."""
    packaged = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    found = sorted(packaged, key=lambda path: int(path.parts[-3]), reverse=True)
    on_path = shutil.which("postgres")
    if not found and on_path is not None:
        found = [Path(on_path).resolve()]
    return found[0].parent if found else None


def _unprivileged(directory: Path) -> dict[str, object]:
    """How `subprocess` becomes a user whom the server accepts, who then owns ``directory``."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(directory, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _initialise(initdb: Path, data: Path, as_user: dict[str, object]) -> None:
    arguments = ["--auth=trust", "--username=leeward", "--encoding=UTF8", "--locale=C", "--no-sync"]
    done = subprocess.run(  # type: ignore[call-overload]
        [initdb, "-D", data, *arguments], capture_output=True, cwd="/", check=False, **as_user
    )
    if done.returncode:
        pytest.fail(f"initdb failed: {done.stderr.decode()[-500:]}")


def _start(postgres: Path, directory: Path, as_user: dict[str, object]) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(directory),
        # Tests kill gateways, never the machine.
        "fsync": "off",
        "shared_buffers": "32MB",
        "max_connections": "60",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            [postgres, "-D", directory / "data", *options], stderr=log, cwd="/", **as_user
        )


def _wait_ready(server: PostgresServer) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.process.poll() is None:
        with suppress(psycopg.OperationalError):
            psycopg.connect(server.url("postgres"), connect_timeout=5).close()
            return
        time.sleep(0.05)
    log = (server.directory / "log").read_text()[-500:]
    pytest.fail(f"the PostgreSQL server did not start: {log}")
