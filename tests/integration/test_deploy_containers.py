"""Container files build what is there, and each role's lock is its role's: no more, no less."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
CONTAINERS = ROOT / "deploy" / "containers"
ROLES = ("edge", "cloud")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def requirements(extra: str | None) -> list[Requirement]:
    project = PROJECT["project"]
    texts = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return [Requirement(text) for text in texts]


def names(extra: str | None) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements(extra)}


def pins(path: Path) -> dict[str, set[str]]:
    """Return every version that a lock names; it has two where it depends on the interpreter."""
    found: dict[str, set[str]] = {}
    for name, version in PIN.findall(path.read_text()):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def stages(role: str) -> list[str]:
    text = (CONTAINERS / f"{role}.Containerfile").read_text()
    return re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_requires_is_locked_in_a_version_that_it_allows(role: str) -> None:
    locked = pins(CONTAINERS / f"{role}.lock")

    for requirement in [*requirements(None), *requirements(role)]:
        versions = locked[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


@pytest.mark.parametrize("role", ROLES)
def test_a_role_locks_nothing_of_the_others(role: str) -> None:
    own = names(None) | names(role)
    others = {
        name for extra in PROJECT["project"]["optional-dependencies"] for name in names(extra)
    }
    foreign = others - own
    # llama-cpp-python needs numpy, and the openai SDK speaks through httpx2. The gateway's image
    # also holds what a gateway may be configured with: PostgreSQL, a collector of traces.
    allowed = {"edge": {"numpy"}, "cloud": {"httpx2", *names("postgres"), *names("otlp")}}[role]

    assert pins(CONTAINERS / f"{role}.lock").keys() & foreign <= allowed


def test_the_heavy_and_the_foreign_are_where_they_belong() -> None:
    edge, cloud = pins(CONTAINERS / "edge.lock"), pins(CONTAINERS / "cloud.lock")

    assert {"llama-cpp-python", "onnxruntime", "huggingface-hub"} <= edge.keys()
    assert not {"llama-cpp-python", "onnxruntime", "huggingface-hub", "numpy"} & cloud.keys()
    assert "openai" in cloud
    assert not {"openai", "litellm", "torch"} & edge.keys()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_runs_the_versions_that_were_tested(role: str) -> None:
    tested = pins(ROOT / "requirements.lock")

    for name, versions in pins(CONTAINERS / f"{role}.lock").items():
        assert versions <= tested[name], name


@pytest.mark.parametrize("role", ROLES)
def test_every_locked_file_has_its_digest(role: str) -> None:
    text = (CONTAINERS / f"{role}.lock").read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)

    assert all("--hash=sha256:" in entry for entry in entries if entry.strip())


@pytest.mark.parametrize("role", ROLES)
def test_every_copied_path_exists(role: str) -> None:
    build, final = stages(role)
    copied = [line.split()[1:-1] for line in build.splitlines() if line.startswith("COPY ")]

    assert copied
    assert [path for paths in copied for path in paths if not (ROOT / path).exists()] == []
    assert re.findall(r"^COPY (?!--from=build )", final, flags=re.MULTILINE) == []


@pytest.mark.parametrize("role", ROLES)
def test_every_package_of_the_wheel_is_copied_and_foreign_roles_only_as_a_name(role: str) -> None:
    build, _ = stages(role)
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    for package in packages:
        whole = package in {"protos/leeward", "runtime", role}
        whole |= (package, role) == ("protos/inference_v2", "edge")
        line = f"COPY {package} {package}" if whole else f"COPY {package}/__init__.py {package}/"
        assert line in build.splitlines()


@pytest.mark.parametrize("role", ROLES)
def test_the_image_runs_without_root_compiler_and_installer(role: str) -> None:
    build, final = stages(role)

    assert "--require-hashes" in build
    assert "pip uninstall -y setuptools pip" in build
    assert "build-essential" not in final
    assert "USER 10001" in final
    assert f'CMD ["{role}", "serve", "--config", "/etc/leeward/{role}.yaml"]' in final


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_image_computes_with_what_the_wheels_for_devices_compute_with(machine: str) -> None:
    made = re.search(rf"^WHEELS_{machine} := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    build, _ = stages("edge")
    compiled = re.search(rf'CMAKE_{machine}="(.*)"', build)

    assert made is not None
    assert compiled is not None
    assert compiled[1] == made[1]
    assert 'CMAKE_ARGS="-DGGML_NATIVE=OFF $(printenv CMAKE_$(uname -m))"' in build
