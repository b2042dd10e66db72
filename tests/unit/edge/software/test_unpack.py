"""A bundle is unpacked as it was signed for, whole or not at all, and into its own folder alone."""

import hashlib
import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.software.launched import Launched
from edge.software.pointer import python_of
from edge.software.releases import Releases
from edge.software.unpack import packages_of, unpack
from runtime.errors import CapacityExhausted, SoftwareInvalid
from runtime.fleet.bundle import pack_bundle, read_bundle
from runtime.fleet.state import ReleaseShape
from tests.wheels import make_wheel

VERSION = "0.2.0"


def bundled(root: Path, **more: object) -> ReleaseShape:
    """Make a bundle where a device has gathered it; return what a state says of it."""
    wheel = make_wheel(root / "wheels", VERSION, **more)  # type: ignore[arg-type]
    bundles = root / "software" / "bundles"
    bundles.mkdir(parents=True, exist_ok=True)
    packed = pack_bundle([wheel], bundles / "made")
    (bundles / "made").rename(bundles / packed.sha256)
    return ReleaseShape(version=VERSION, source="release.zip", sha256=packed.sha256)


def releases(root: Path, *, free_bytes: int = 1 << 40) -> Releases:
    launched = Launched("", "/nowhere")
    return Releases(
        root / "software", launched, config=root / "edge.yaml", free=lambda _: free_bytes
    )


def changed(root: Path, release: ReleaseShape, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Write the release's bundle anew with some of its files changed."""
    bundle = root / "software" / "bundles" / release.sha256
    with zipfile.ZipFile(bundle) as old:
        content = {name: old.read(name) for name in old.namelist()}
    change(content)
    with zipfile.ZipFile(bundle, "w") as new:
        for name, data in content.items():
            new.writestr(name, data)
    return bundle


def test_an_unpacked_release_has_an_interpreter_that_finds_it_before_what_is_installed(
    tmp_path: Path,
) -> None:
    installed = tmp_path / "installed"
    installed.mkdir()
    (installed / "brought.py").write_text("WHO = 'installed'")
    (installed / "lacking.py").write_text("WHO = 'installed'")
    release = bundled(tmp_path, files={"brought.py": "WHO = 'release'"})
    target = tmp_path / "release"
    with zipfile.ZipFile(tmp_path / "software" / "bundles" / release.sha256) as bundle:
        unpack(bundle, read_bundle(bundle, file="b"), target, installed=str(installed))

    code = "import brought, lacking; print(brought.WHO, lacking.WHO)"
    ended = subprocess.run(
        [target / "bin" / "python", "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == ["release", "installed"]
    assert [one.name for one in packages_of(target).glob("*.whl")] == []


@pytest.mark.parametrize(
    "name", ["../outside.py", "/outside.py", "a/../../outside.py", "a\\..\\outside.py"]
)
def test_a_wheel_that_reaches_beyond_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    release = bundled(tmp_path, files={name: "harm"})
    target = tmp_path / "release"

    with (
        zipfile.ZipFile(tmp_path / "software" / "bundles" / release.sha256) as bundle,
        pytest.raises(SoftwareInvalid, match="not below it"),
    ):
        unpack(bundle, read_bundle(bundle, file="b"), target, installed="/nowhere")
    assert not target.exists()
    assert not list(tmp_path.rglob("outside.py"))


async def test_a_bundle_that_is_not_the_signed_one_is_refused_and_removed(tmp_path: Path) -> None:
    release = bundled(tmp_path)
    bundle = changed(tmp_path, release, lambda content: content.update(more=b"more"))

    with pytest.raises(SoftwareInvalid, match="not the bundle that was signed for"):
        await releases(tmp_path).admit(release)
    assert not bundle.exists()
    assert not releases(tmp_path).has(release.sha256)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content.pop("software.json"), r"has no software\.json"),
        (lambda content: content.update({"software.json": b"{"}), r"has no software\.json"),
        (
            lambda content: content.update({f"leeward-{VERSION}-py3-none-any.whl": b"other"}),
            "not the wheel that the list names",
        ),
        (lambda content: content.pop(f"leeward-{VERSION}-py3-none-any.whl"), "missing or damaged"),
    ],
)
async def test_a_bundle_whose_parts_do_not_fit_is_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], None], reason: str
) -> None:
    made = bundled(tmp_path)
    bundle = changed(tmp_path, made, change)
    sha256 = hashlib.sha256(bundle.read_bytes()).hexdigest()
    bundle.rename(bundle.with_name(sha256))

    with pytest.raises(SoftwareInvalid, match=reason):
        await releases(tmp_path).admit(made.model_copy(update={"sha256": sha256}))
    assert not list((tmp_path / "software").glob("releases/*"))


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"writes": 2, "reads": [2]}, "cannot read this device's state"),
        ({"writes": 2, "reads": [1, 2]}, "no way back"),
    ],
)
async def test_a_release_from_which_there_is_no_way_back_is_refused(
    tmp_path: Path, schema: dict[str, object], reason: str
) -> None:
    release = bundled(tmp_path, schema=schema)

    with pytest.raises(SoftwareInvalid, match=reason):
        await releases(tmp_path).admit(release)


async def test_a_release_that_does_not_start_here_is_refused_and_removed(tmp_path: Path) -> None:
    release = bundled(tmp_path)  # without what is installed there is no `leeward` to start

    with pytest.raises(SoftwareInvalid, match="ends with exit code 1"):
        await releases(tmp_path).admit(release)
    assert not python_of(tmp_path / "software", release.sha256).exists()


def test_a_bundle_that_would_not_fit_unpacked_is_refused_before_it_is_fetched(
    tmp_path: Path,
) -> None:
    with pytest.raises(CapacityExhausted, match="no room"):
        releases(tmp_path, free_bytes=10 << 20).require_room(5 << 20)


def test_of_releases_only_those_that_are_needed_stay(tmp_path: Path) -> None:
    folder = tmp_path / "software" / "releases"
    for name in ("a" * 64, "b" * 64, f".{'c' * 64}.fresh"):
        (folder / name).mkdir(parents=True)
    (tmp_path / "software" / "bundles").mkdir()
    (tmp_path / "software" / "bundles" / "left.part").touch()

    releases(tmp_path).remove_others({"a" * 64, ""})

    assert [one.name for one in folder.iterdir()] == ["a" * 64]
    assert not list((tmp_path / "software" / "bundles").iterdir())


def test_the_same_wheels_make_the_same_bundle(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, VERSION)
    other = make_wheel(tmp_path / "other", "1").rename(tmp_path / "other-1-py3-none-any.whl")

    first = pack_bundle([wheel, other], tmp_path / "1.zip")
    second = pack_bundle([other, wheel], tmp_path / "2.zip")

    assert first.sha256 == second.sha256
    assert (
        json.loads(zipfile.ZipFile(tmp_path / "1.zip").read("software.json"))["version"] == VERSION
    )


@pytest.mark.parametrize(
    "names", [[], ["leeward-1-py3-none-any.whl", "leeward-2-py3-none-any.whl"]]
)
def test_a_bundle_needs_one_wheel_of_leeward(tmp_path: Path, names: list[str]) -> None:
    wheels = [make_wheel(tmp_path, name.split("-")[1]) for name in names]

    with pytest.raises(SoftwareInvalid, match="one wheel of leeward"):
        pack_bundle(wheels, tmp_path / "bundle.zip")


def test_a_wheel_that_does_not_say_how_it_keeps_state_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "leeward-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("leeward-1.dist-info/METADATA", "Version: 1\n")

    with pytest.raises(SoftwareInvalid, match=r"lacks edge/software/state_schema\.json"):
        pack_bundle([wheel], tmp_path / "bundle.zip")
