"""Every named failure has an HTTP status."""

from http import HTTPStatus

from runtime.errors import LeewardError, RequestTooLarge
from runtime.http.status import status_of


def _named(kind: type[LeewardError]) -> list[type[LeewardError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _named(child))]


def test_every_failure_has_a_status() -> None:
    own = [kind for kind in _named(LeewardError) if kind.__module__ == "runtime.errors"]

    assert len(own) > 20
    for kind in own:
        assert status_of(kind("x")) >= HTTPStatus.BAD_REQUEST


def test_what_is_too_large_has_a_status_of_its_own() -> None:
    assert status_of(RequestTooLarge("x")) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
