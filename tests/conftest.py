"""Property tests draw the same examples in every run of `make test`, and fresh ones in `test-long`.

A failure in CI is then one that everybody can repeat; the long profile goes on looking.
"""

from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from tests.postgres_server import PostgresServer, running_postgres

# Explaining a failure traces every line: on Python 3.11 its example is lost to the timeout instead.
_PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)

settings.register_profile("repeatable", derandomize=True, deadline=None, phases=_PHASES)
settings.register_profile("searching", deadline=None, phases=_PHASES)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the long profile of the privacy promises be made shorter, and drawn again."""
    group = parser.getgroup("leeward")
    group.addoption("--examples", type=int, help="of each promise in the long profile")
    group.addoption("--first-seed", type=int, help="of these; fresh ones without it")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole run, started by the first test that asks for it."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, empty database."""
    with postgres_server.database() as url:
        yield url
