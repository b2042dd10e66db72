"""Who vouches for a model: the file beside it, ``<model file>.manifest``.

It lists every file of the model with size and SHA-256, says where the model came from, and holds
an Ed25519 signature over both. Knows the document and when it is good; who may sign is the
caller's to say.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field

from edge.models.files import files_of, main_file
from edge.models.gguf_check import sha256_of
from edge.models.onnx_check import is_onnx
from runtime.documents.canonical import canonical_json
from runtime.documents.document import Document
from runtime.documents.reader import parse_document, read_document
from runtime.documents.shape import Shape, read_shape
from runtime.errors import ModelInvalid, SignatureInvalid
from runtime.identity.signed_document import (
    PublicKeyText,
    SignatureText,
    require_signature,
    signature_fields,
    write_signed,
)
from runtime.identity.signing import SignaturePurpose

__all__ = [
    "MANIFEST_SUFFIX",
    "MANIFEST_VERSION",
    "FileEntry",
    "ModelManifest",
    "manifest_file_of",
    "parse_manifest",
    "require_vouched",
    "unsigned",
    "write_manifest",
]

MANIFEST_SUFFIX: Final = ".manifest"
MANIFEST_VERSION: Final = "model-manifest/v1"
_MAX_FILES: Final = 64

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}"
_PLAIN_NAME: Final = re.compile(_NAME, re.ASCII)
FileName = Annotated[str, Field(pattern=rf"^(\.\./)?{_NAME}$")]
"""Beside the manifest, or in the folder above."""


class _FileShape(Shape):
    bytes: int = Field(ge=0, le=1 << 50)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _ManifestShape(Shape):
    leeward: str
    model: FileName
    """Which of the files holds the weights or the graph."""
    files: dict[FileName, _FileShape] = Field(min_length=1, max_length=_MAX_FILES)
    provenance: dict[str, object]
    public_key: PublicKeyText
    signature: SignatureText


@dataclass(frozen=True, slots=True)
class FileEntry:
    """What one file must be."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """A manifest whose signature was found good."""

    model: str
    """The name, among ``files``, of the file with the weights or the graph."""
    files: Mapping[str, FileEntry]
    """By path from the manifest's folder; a name may not occur in two folders."""
    public_key: str
    """Whose signature it is: the raw public key, Base64."""

    def bare(self) -> Mapping[str, FileEntry]:
        """Return what each file must be by its bare name: where it lies does not matter."""
        return {_bare(name): entry for name, entry in self.files.items()}


def manifest_file_of(path: Path) -> Path:
    """Return where the manifest of a model is looked for.

    Raises:
        ModelInvalid: The folder holds no graph.
    """
    main = main_file(path)
    return main.with_name(f"{main.name}{MANIFEST_SUFFIX}")


def write_manifest(path: Path, *, key: Ed25519PrivateKey, provenance: Mapping[str, object]) -> Path:
    """Vouch for a model as it is; return the manifest, readable by everybody.

    Args:
        path: The model: a GGUF file, an ONNX graph, or the folder of one.
        key: Who vouches for it.
        provenance: Where it came from, JSON values; signed with it.

    Raises:
        ModelInvalid: It cannot be read.
        OSError: The manifest cannot be written.
    """
    file = manifest_file_of(path)
    main = main_file(path)
    files = {_relative(one, main): _entry_of(one) for one in files_of(path) if one != file}
    document = {
        "leeward": MANIFEST_VERSION,
        "model": main.name,
        "files": {name: _plain(entry) for name, entry in files.items()},
        "provenance": dict(provenance),
        **signature_fields(
            key,
            _payload(main.name, files, provenance),
            purpose=SignaturePurpose.MODEL_MANIFEST,
        ),
    }
    write_signed(file, document)
    return file


def parse_manifest(
    text: str, *, signers: Sequence[Ed25519PublicKey] | None, file: str
) -> ModelManifest:
    """Read a manifest that came over a network.

    Args:
        text: Of the document.
        signers: Who may sign; ``None`` takes the document's own word for it.
        file: How people call it, for the errors.

    Raises:
        SignatureInvalid: It is malformed, by nobody in ``signers``, or was altered.
    """
    return _checked(parse_document(text, error=SignatureInvalid, file=file), signers)


def require_vouched(path: Path, signers: Sequence[Ed25519PublicKey] | None) -> ModelManifest | None:
    """Check a model on this device against its manifest; reads every file whole.

    Args:
        path: A GGUF file, an ONNX graph, or the folder of one.
        signers: Who may sign. ``None`` asks for no manifest; one that is there must be good all
            the same, by whatever key it names.

    Returns:
        The manifest, or ``None`` when there is none and none is asked for.

    Raises:
        SignatureInvalid: It is missing, malformed, altered, or by nobody in ``signers``.
        ModelInvalid: A file is missing, another one, or not in the manifest.
    """
    file = manifest_file_of(path)
    if not os.path.lexists(file):  # a dangling link is a manifest that cannot be read
        if signers is None:
            return None
        raise unsigned(str(path), file.name)
    manifest = _checked(read_document(file, error=SignatureInvalid), signers)
    main, *others = (one for one in files_of(path) if one != file)
    _require_same(main, manifest.files[manifest.model])
    listed = manifest.bare()
    for one in others:
        entry = listed.get(one.name)
        if entry is None:
            raise ModelInvalid(f"{one}: is not in {file.name}, so nobody vouches for it")
        _require_same(one, entry)
    present = {manifest.model, *(one.name for one in others)}
    for missing in sorted(listed.keys() - present):
        raise ModelInvalid(f"{path}: {missing} is missing, {file.name} lists it")
    return manifest


def unsigned(subject: str, manifest: str) -> SignatureInvalid:
    """Return the refusal of a model for which nobody vouches."""
    reason = (
        f"is not signed: there is no {manifest} beside it; "
        "add the one that came with it, or sign it (`leeward edge models sign`)"
    )
    return SignatureInvalid(reason, file=subject)


def _checked(document: Document, signers: Sequence[Ed25519PublicKey] | None) -> ModelManifest:
    shape = read_shape(document, _ManifestShape, version=MANIFEST_VERSION)
    files = {name: FileEntry(one.bytes, one.sha256) for name, one in shape.files.items()}
    if shape.model not in files or shape.model != _bare(shape.model):
        raise document.invalid("must be one of `files`, beside the manifest", ("model",))
    if len({_bare(name) for name in files}) < len(files):
        raise document.invalid("must not have a name in two folders", ("files",))
    if any(name.endswith(MANIFEST_SUFFIX) for name in files):
        raise document.invalid("must not list a manifest", ("files",))
    if len(files) > 1 and not is_onnx(Path(shape.model)):
        raise document.invalid("must list one file: only an ONNX model has several", ("files",))
    require_signature(
        document,
        _payload(shape.model, files, shape.provenance),
        public_key=shape.public_key,
        signature=shape.signature,
        purpose=SignaturePurpose.MODEL_MANIFEST,
        signers=signers,
        subject=shape.model,
        setting="model_signers",
    )
    return ModelManifest(shape.model, files, shape.public_key)


def _payload(model: str, files: Mapping[str, FileEntry], provenance: Mapping[str, object]) -> bytes:
    listed = {name: _plain(entry) for name, entry in files.items()}
    return canonical_json({"model": model, "files": listed, "provenance": dict(provenance)})


def _plain(entry: FileEntry) -> dict[str, object]:
    return {"bytes": entry.size_bytes, "sha256": entry.sha256}


def _entry_of(file: Path) -> FileEntry:
    try:
        return FileEntry(file.stat().st_size, sha256_of(file))
    except OSError as error:
        raise ModelInvalid(f"{file}: cannot be read: {error.strerror}") from None


def _require_same(file: Path, entry: FileEntry) -> None:
    """Compare sizes first: a cut file is found without reading it."""
    try:
        is_same = file.stat().st_size == entry.size_bytes and sha256_of(file) == entry.sha256
    except OSError as error:
        raise ModelInvalid(f"{file}: cannot be read: {error.strerror}") from None
    if not is_same:
        raise ModelInvalid(f"{file}: is not the file that its manifest vouches for")


def _relative(file: Path, main: Path) -> str:
    if not _PLAIN_NAME.fullmatch(file.name) or file.name.endswith(MANIFEST_SUFFIX):
        raise ModelInvalid(f"{file}: a manifest cannot list such a name; rename or remove the file")
    if file.parent == main.parent:
        return file.name
    if file.parent == main.parent.parent:
        return f"../{file.name}"
    raise ModelInvalid(f"{file}: is neither beside {main.name} nor above it; move or remove it")


def _bare(name: str) -> str:
    return name.removeprefix("../")
