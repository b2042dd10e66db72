"""Where the files of a model lie that is not on this device: at a hub, or beside a URL.

Knows names and how to ask for each; fetches none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Protocol

import httpx2

from edge.egress.fetch import RemoteFile, reachable
from edge.egress.hub import locate
from edge.models.files import COMPANIONS, data_names, parent_folder
from edge.models.manifest import MANIFEST_SUFFIX, ModelManifest
from edge.models.source import HubSource, UrlSource
from runtime.errors import ModelInvalid, NotFound, RequestInvalid

__all__ = ["Remote", "remote_of"]


class Remote(Protocol):
    """A model elsewhere."""

    @property
    def name(self) -> str:
        """Return the bare name of its main file."""
        ...

    @property
    def manifest_name(self) -> str:
        """Return the bare name of its manifest."""
        ...

    def main(self, sha256: str) -> RemoteFile:
        """Return where its main file is.

        Args:
            sha256: Expected digest; empty trusts whoever offers it.

        Raises:
            NotFound: There is no such file.
            ModelInvalid: What is offered has another digest.
            LeewardError: Nobody could be asked.
        """
        ...

    def manifest(self) -> RemoteFile:
        """Return where its manifest is; raises ``NotFound`` when there is none."""
        ...

    def others(
        self, manifest: ModelManifest | None, sha256_of: Callable[[str], str]
    ) -> Iterator[tuple[str, RemoteFile]]:
        """Yield its other files by bare name: those of the manifest, else those that are there."""
        ...


@dataclass(frozen=True, slots=True)
class _Beside:
    """A model whose files are found by their path from the main one's folder."""

    path: str
    """Of the main file, from the root of repository or host."""
    is_complete: bool
    """Whether other files can be asked for."""
    locate: Callable[[str], RemoteFile]
    """Path to place; raises ``NotFound``."""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def manifest_name(self) -> str:
        return f"{self.name}{MANIFEST_SUFFIX}"

    def main(self, sha256: str) -> RemoteFile:
        return _with_digest(self.locate(self.path), sha256)

    def manifest(self) -> RemoteFile:
        return self._near(self.manifest_name)

    def others(
        self, manifest: ModelManifest | None, sha256_of: Callable[[str], str]
    ) -> Iterator[tuple[str, RemoteFile]]:
        if manifest is not None:
            for path in manifest.files:
                name = path.removeprefix("../")
                if path != manifest.model:
                    yield name, _with_digest(self._near(path), sha256_of(name))
            return
        if not self.name.lower().endswith(".onnx") or not self.is_complete:
            return
        for name in (*data_names(self.name), *COMPANIONS):
            found = self._find(name)
            if found is not None:
                yield name, found

    def _find(self, name: str) -> RemoteFile | None:
        folder = self.path.rpartition("/")[0].rpartition("/")[2]
        for path in (name, f"../{name}") if parent_folder(folder) else (name,):
            try:
                return self._near(path)
            except NotFound:
                continue
        return None

    def _near(self, path: str) -> RemoteFile:
        if not self.is_complete:
            raise RequestInvalid("files beside a URL with a query cannot be found; give --manifest")
        folder = self.path.rpartition("/")[0]
        if path.startswith("../"):
            folder, path = folder.rpartition("/")[0], path.removeprefix("../")
        return self.locate(f"{folder}/{path}" if folder else path)


def remote_of(
    source: HubSource | UrlSource,
    client: httpx2.Client,
    *,
    endpoint: str,
    revision: str,
    token: str,
) -> Remote:
    """Return a model elsewhere.

    Args:
        source: As it was asked for.
        client: Asks the hub.
        endpoint: The hub.
        revision: Branch, tag or commit in the hub.
        token: For gated repositories of the hub.
    """
    if isinstance(source, HubSource):
        repository = source.repository

        def in_hub(path: str) -> RemoteFile:
            there = HubSource(repository, path)
            return locate(there, client, endpoint=endpoint, revision=revision, token=token)

        return _Beside(source.file, is_complete=True, locate=in_hub)
    shown = str(source)

    def at_url(path: str) -> RemoteFile:
        if path == shown:
            return RemoteFile(url=source.url, source=shown)
        with reachable(path):
            status = client.head(path).status_code
        # Servers that answer no HEAD are asked again, for the file itself.
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise NotFound(f"{path}: there is no such file")
        return RemoteFile(url=path, source=path)

    return _Beside(shown, is_complete=shown == source.url, locate=at_url)


def _with_digest(file: RemoteFile, sha256: str) -> RemoteFile:
    if sha256 and file.sha256 and sha256 != file.sha256:
        reason = f"the hub's file has the SHA-256 {file.sha256}, expected was {sha256}"
        raise ModelInvalid(f"{file.source}: {reason}")
    return replace(file, sha256=file.sha256 or sha256)
