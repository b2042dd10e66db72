"""What a model hub says about a file, before any of it is fetched.

Takes addresses and error codes from ``huggingface_hub``, and asks with our own client: the
library's would add telemetry, and a token that it finds on the machine.
"""

from http import HTTPStatus
from typing import Final

import httpx2
from huggingface_hub import constants, hf_hub_url
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

# Its documented place; the package has no __all__.
from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

from edge.egress.fetch import RemoteFile, reachable
from edge.models.source import HubSource
from runtime.errors import BackendUnavailable, LeewardError, NotFound, NotPermitted, RequestInvalid

__all__ = ["locate"]

_MAX_REDIRECTS: Final = 5
_SHA256_DIGITS: Final = 64


def locate(
    source: HubSource, client: httpx2.Client, *, endpoint: str, revision: str, token: str
) -> RemoteFile:
    """Ask the hub where a file is, how large, and which content.

    Args:
        source: Repository and file.
        client: Asks.
        endpoint: The hub, by default the public one.
        revision: Branch, tag or commit.
        token: Proof for gated repositories; empty sends none. It goes to the hub's own host only.

    Returns:
        The file; its digest is set when the hub stores it as LFS, as it does every model.

    Raises:
        NotFound: There is no such repository, revision or file (or it is private).
        NotPermitted: The repository is gated or closed.
        BackendUnavailable: The hub cannot be reached, or is unwell.
        RequestInvalid: No such name is possible.
    """
    if constants.is_offline_mode():
        raise BackendUnavailable("HF_HUB_OFFLINE is set, so no hub is asked")
    endpoint = endpoint.rstrip("/")
    try:
        url = hf_hub_url(source.repository, source.file, revision=revision, endpoint=endpoint)
    except HFValidationError:
        raise RequestInvalid(f"{source.repository!r} is no name of a repository") from None
    headers = {"authorization": f"Bearer {token}"} if token else {}
    with reachable(endpoint):
        answer = _head(client, url, headers, source)
    there = answer.next_request.url if answer.next_request is not None else answer.url
    own_tag = answer.headers.get("etag", "")
    tag = answer.headers.get(constants.HUGGINGFACE_HEADER_X_LINKED_ETAG, own_tag)
    commit = answer.headers.get(constants.HUGGINGFACE_HEADER_X_REPO_COMMIT, revision)
    return RemoteFile(
        url=str(there),
        source=f"{source}@{commit}",
        sha256=_sha256(tag),
        size_bytes=_size_bytes(answer),
        headers=headers if _origin(there) == _origin(answer.url) else {},
    )


def _head(
    client: httpx2.Client, url: str, headers: dict[str, str], source: HubSource
) -> httpx2.Response:
    """Follow the hub's own redirects (renamed repositories); stop where it points elsewhere.

    The answer that points elsewhere carries the facts, and the token must not go along.
    """
    target = httpx2.URL(url)
    for _ in range(_MAX_REDIRECTS):
        answer = client.head(target, headers=headers, follow_redirects=False)
        _require_ok(answer, source)
        if answer.next_request is None or _origin(answer.next_request.url) != _origin(target):
            return answer
        if constants.HUGGINGFACE_HEADER_X_LINKED_ETAG in answer.headers:
            return answer
        target = answer.next_request.url
    raise BackendUnavailable(f"{target.host} redirects without end")


def _require_ok(answer: httpx2.Response, source: HubSource) -> None:
    try:
        hf_raise_for_status(answer)
    except (GatedRepoError, DisabledRepoError):
        reason = "is gated or closed: accept its terms at the hub, then give --token-file"
        raise NotPermitted(f"{source.repository} {reason}") from None
    except RepositoryNotFoundError:
        reason = "the hub has no such repository, or it is private (then give --token-file)"
        raise NotFound(f"{source}: {reason}") from None
    except RevisionNotFoundError:
        raise NotFound(f"{source}: the repository has no such revision") from None
    except EntryNotFoundError:
        raise NotFound(f"{source}: the repository has no such file") from None
    except HfHubHTTPError:
        raise _failure(answer, source) from None


def _failure(answer: httpx2.Response, source: HubSource) -> LeewardError:
    """Name an error that the hub did not name."""
    code = answer.status_code
    if code == HTTPStatus.NOT_FOUND:
        return NotFound(f"{source}: the hub has no such file")
    if code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return NotPermitted(f"{source}: the hub refuses it; give a valid --token-file")
    return BackendUnavailable(f"{answer.url.host} answered with HTTP {code}")


def _sha256(tag: str) -> str:
    """Return the digest that an LFS file's tag is; other tags are Git's and say something else."""
    text = tag.removeprefix("W/").strip('"').lower()
    is_digest = len(text) == _SHA256_DIGITS and all(c in "0123456789abcdef" for c in text)
    return text if is_digest else ""


def _size_bytes(answer: httpx2.Response) -> int:
    length = "" if answer.next_request is not None else answer.headers.get("content-length", "")
    text = answer.headers.get(constants.HUGGINGFACE_HEADER_X_LINKED_SIZE) or length
    return int(text) if text.isdecimal() else 0


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
