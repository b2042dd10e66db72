"""Where a model comes from, as a person writes it on the command line.

Knows the spellings of a hub reference, a URL and a path; opens nothing but looks whether a path
exists, because `a/b/c.gguf` could be either.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runtime.errors import RequestInvalid

__all__ = [
    "FileSource",
    "HubSource",
    "Source",
    "UrlSource",
    "check_digest",
    "check_model_name",
    "is_model_name",
    "name_for",
    "parse_source",
]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", re.ASCII)
_REPOSITORY: Final = r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*"
_IN_HUB: Final = r"[A-Za-z0-9][\w./+-]*\.(?:gguf|onnx)"
_HUB_MARKED: Final = re.compile(rf"hf:({_REPOSITORY}):({_IN_HUB})", re.ASCII)
_HUB_PLAIN: Final = re.compile(rf"({_REPOSITORY})/({_IN_HUB})", re.ASCII)
_URL: Final = re.compile(r"https?://[^\s/@]+/\S+", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PART_OF_MANY: Final = re.compile(r"-\d{5}-of-\d{5}$")
_SUFFIXES: Final = (".gguf", ".onnx")
_NAMELESS: Final = frozenset({"model", "decoder_model_merged"})
"""What exporters call every graph; the folder or repository says more."""


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file in a repository of a model hub."""

    repository: str
    """``owner/name``."""
    file: str
    """Path inside the repository."""

    def __str__(self) -> str:
        return f"hf:{self.repository}:{self.file}"


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A file on a web server."""

    url: str

    def __str__(self) -> str:
        """The URL without its query, which may hold a signature."""
        return self.url.partition("?")[0].partition("#")[0]


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file on this device."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


Source = HubSource | UrlSource | FileSource


def parse_source(text: str) -> Source:
    """Read ``hf:owner/repo:file.gguf``, ``owner/repo/file.gguf``, a URL or a path.

    A model is a GGUF file, or an ONNX graph whose other files lie beside it.

    A path that exists is a path, so that a private file name is never sent to the hub.

    Raises:
        RequestInvalid: It is none of them, or names one part of a split model.
    """
    source = _read(text)
    stem = _stem(source)
    if _PART_OF_MANY.search(stem):
        reason = "is one part of a split model; merge the parts with `llama-gguf-split --merge`"
        raise RequestInvalid(f"{source} {reason}")
    return source


def name_for(source: Source) -> str:
    """Return the name that a model gets when nobody gives one: the file's, without its suffix.

    Raises:
        RequestInvalid: The file's name is no model name.
    """
    try:
        return check_model_name(_stem(source))
    except RequestInvalid as error:
        raise RequestInvalid(f"{error}; give one with --name") from None


def check_model_name(name: str) -> str:
    """Return ``name`` if it may name a stored model.

    Raises:
        RequestInvalid: It may not; the text says what would.
    """
    if not is_model_name(name):
        reason = "must start with a letter or digit and hold only letters, digits and . _ + -"
        if _NAME.fullmatch(name):
            reason = f"names no file; leave {name[name.rindex('.') :]} out"
        raise RequestInvalid(f"{name!r} is no name for a model: it {reason}")
    return name


def is_model_name(name: str) -> bool:
    """Whether a name may be a stored model's."""
    return bool(_NAME.fullmatch(name)) and not name.lower().endswith(_SUFFIXES)


def check_digest(text: str) -> str:
    """Return a SHA-256 as it is compared here; empty stays empty.

    Raises:
        RequestInvalid: It is none.
    """
    digest = text.strip().lower().removeprefix("sha256:")
    if digest and not _SHA256.fullmatch(digest):
        raise RequestInvalid("a SHA-256 is 64 hexadecimal digits")
    return digest


def _read(text: str) -> Source:
    if text.startswith(("https://", "http://")):
        if not _URL.fullmatch(text):
            raise RequestInvalid("the URL names no file, or holds a user name or blanks")
        return UrlSource(text)
    if text.startswith("hf:"):
        marked = _HUB_MARKED.fullmatch(text)
        if marked is None or _climbs(text):
            reason = "is not of the form hf:owner/repo:file.gguf (or .onnx)"
            raise RequestInvalid(f"{text!r} {reason}")
        return HubSource(marked[1], marked[2])
    if not text:
        raise RequestInvalid("no source is given")
    path, is_there = _path(text)
    plain = _HUB_PLAIN.fullmatch(text)
    if plain is None or is_there or _climbs(text):
        return FileSource(path)
    return HubSource(plain[1], plain[2])


def _path(text: str) -> tuple[Path, bool]:
    """Return a path of this device, and whether there is anything."""
    try:
        path = Path(text).expanduser()
        return path, path.exists()
    except (OSError, ValueError, RuntimeError):  # too long, not encodable, nobody's home
        raise RequestInvalid("the source is neither a model of the hub nor a path") from None


def _climbs(text: str) -> bool:
    return any(part in {"", ".", ".."} for part in text.split("/"))


def _stem(source: Source) -> str:
    match source:
        case HubSource():
            file, around = source.file, source.repository
        case UrlSource():
            file, around = str(source), ""
        case FileSource():
            file, around = source.path.name, source.path.absolute().parent.name
    name = file.rpartition("/")[2]
    stem = name[: -len(_SUFFIXES[0])] if name.lower().endswith(_SUFFIXES) else name
    return around.rpartition("/")[2] if stem in _NAMELESS and around else stem
